/** The research code's forward and ours, against float64 numbers of PyTorch and transformers (test/reference/hybrid.py). */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ProjectorKind } from '../../../server/models/projector';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import {
  buildHybrid,
  type BuiltHybrid,
  type TensorSource,
} from '../../../server/compute/hybrid/build';
import { forward } from '../../../server/compute/hybrid/hybrid';
import type { MixtureRow, MixtureWeight } from '../../../server/compute/hybrid/mixture';
import { distance, tinyPlan, valuesOf, type TinyComponent } from './tinyHybrid';

interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: string;
}

interface GoldenCase {
  readonly gate: 'paper' | 'transition' | 'none';
  readonly head: 'first' | 'last';
  readonly kind: ProjectorKind;
  readonly rows: readonly (readonly number[])[];
  readonly searched: readonly (readonly boolean[])[];
  readonly logits: string;
  readonly loss: number;
  readonly alphaGradients: readonly number[];
  readonly gradientNorms: Readonly<Record<string, number | null>>;
}

interface Golden {
  readonly blocks: number;
  readonly configs: Readonly<Record<string, Record<string, unknown>>>;
  readonly ids: number[][];
  readonly weights: Readonly<Record<string, StoredTensor>>;
  readonly projectors: Readonly<Record<string, Readonly<Record<string, StoredTensor>>>>;
  readonly cases: Readonly<Record<string, GoldenCase>>;
}

const golden = JSON.parse(readFileSync('test/compute/hybrid/golden/hybrid.json', 'utf8')) as Golden;

function decode(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes.readFloatLE(4 * index),
  );
}

const sourceOf = (tensors: Readonly<Record<string, StoredTensor>>, prefix = ''): TensorSource => ({
  has: (name) => Object.hasOwn(tensors, prefix + name),
  read: (name) => {
    const { shape, data } = tensors[prefix + name]!;
    return Promise.resolve({ shape, data: decode(data) });
  },
});

const neox: TinyComponent = {
  name: 'neox',
  family: 'gptNeox',
  layers: 4,
  width: 8,
  config: golden.configs['neox']!,
};
const mamba: TinyComponent = {
  name: 'mamba',
  family: 'mamba',
  layers: 3,
  width: 12,
  config: golden.configs['mamba']!,
};

async function goldenHybrid({ gate, head, kind }: GoldenCase): Promise<BuiltHybrid> {
  const components = [neox, mamba];
  const { blocks } = golden;
  const plan = tinyPlan({ components, blocks, gate, head, projectors: { kind } });
  const tensors = sourceOf(golden.projectors[kind]!);
  return buildHybrid(
    plan,
    (m) =>
      Promise.resolve({
        weights: sourceOf(golden.weights, `components/${components[m]!.name}/`),
        tokenizer: undefined,
      }),
    1,
    { projectors: { name: 'the golden file', tensors } },
  );
}

/** Mean next-token cross-entropy. */
function lossOf(logits: tf.Tensor3D, ids: number[][]): tf.Scalar {
  const [batch, length, vocabulary] = logits.shape;
  const scored = tf.reshape(tf.slice(logits, [0, 0, 0], [batch, length - 1, vocabulary]), [
    -1,
    vocabulary,
  ]);
  const targets = tf.oneHot(
    ids.flatMap((row) => row.slice(1)),
    vocabulary,
  );
  const logProbabilities = tf.logSoftmax(scored);
  const total = tf.sum(tf.mul(logProbabilities, tf.cast(targets, 'float32')));
  return tf.mul(total, -1 / (batch * (length - 1)));
}

for (const engineName of ['cpu', 'wasm'] as const) {
  describe(`hybrids against a float64 reference, on ${engineName}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine(engineName, { threads: 1 });
    });
    after(() => engine.dispose());

    for (const [name, expected] of Object.entries(golden.cases)) {
      it(`${name}: logits, loss, gradients of α, norms of all gradients`, async () => {
        const hybrid = await goldenHybrid(expected);
        const ids = tf.tensor2d(golden.ids, undefined, 'int32');
        const alphas: tf.Variable[] = [];
        const rows: MixtureRow[] = expected.rows.map((row, block) =>
          row.map((weight, m): MixtureWeight => {
            if (!expected.searched[block]![m]!) return weight;
            const variable = tf.variable(tf.scalar(weight));
            alphas.push(variable);
            return variable;
          }),
        );
        const run = () => forward(hybrid, ids, rows, { training: false, dropoutKey: 0 });
        assert.ok(distance(valuesOf(run), decode(expected.logits)) < 1e-4);

        const parameters = hybrid.parameters.list();
        const variables = [...alphas, ...parameters.map(({ variable }) => variable)];
        const { value, grads } = gradients(() => lossOf(run(), golden.ids), variables);
        assert.ok(Math.abs(value.dataSync()[0]! - expected.loss) < 1e-4 * expected.loss);
        const ours = grads.map(
          (grad) => grad && Math.sqrt(tf.tidy(() => tf.sum(tf.square(grad))).dataSync()[0]!),
        );
        const scale = Math.max(...expected.alphaGradients.map(Math.abs));
        expected.alphaGradients.forEach((gradient, index) => {
          const found = grads[index]!.dataSync()[0]!;
          assert.ok(Math.abs(found - gradient) < 1e-4 * scale, `α ${index}: ${found}, ${gradient}`);
        });
        const largest = Math.max(...Object.values(expected.gradientNorms).map(Number));
        parameters.forEach((parameter, index) => {
          const norm = expected.gradientNorms[parameter.name];
          const found = ours[alphas.length + index];
          assert.notEqual(norm, undefined, `${parameter.name} is in the golden file`);
          if (typeof norm !== 'number') assert.equal(found, undefined, parameter.name);
          else
            assert.ok(
              Math.abs(found! - norm) < Math.max(1e-3 * norm, 1e-6 * largest),
              parameter.name,
            );
        });
        assert.equal(parameters.length, Object.keys(expected.gradientNorms).length);
        tf.dispose([value, ids, ...alphas, ...grads.filter((grad) => grad !== undefined)]);
        hybrid.parameters.dispose();
      });
    }
  });
}
