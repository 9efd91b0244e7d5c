import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import type { Architecture, TensorSpec } from '../../../server/models/architecture';
import { familyForConfig, locateTensor } from '../../../server/models/families';
import { openModelFolder } from '../../../server/weights/modelFolder';
import { loadTokenizer } from '../../../server/weights/tokenizer';
import { componentForward } from './componentForward';

/** Written by test/reference/pretrained.py. */
interface Pretrained {
  readonly text: string;
  readonly ids: readonly number[];
  /** Base64, little-endian float32, [2, V]. */
  readonly lastLogits: string;
  readonly loss: number;
  /** By transformers' parameter name. */
  readonly gradientNorms: Readonly<Record<string, number>>;
}

const goldenFolder = 'test/compute/families/pretrained';

interface Loaded {
  readonly architecture: Architecture;
  readonly specs: readonly TensorSpec[];
  readonly variables: ReadonlyMap<string, tf.Variable>;
}

async function load(folder: string): Promise<Loaded> {
  const files = await openModelFolder(folder);
  try {
    const table = familyForConfig(files.config);
    assert.ok(table, `${folder}: no family`);
    const { value: architecture } = table.read(files.config);
    assert.ok(architecture, `${folder}: no architecture`);
    const specs = table.tensors(architecture, architecture.vocabularyRows);
    const variables = new Map<string, tf.Variable>();
    for (const spec of specs) {
      const { data } = await files.read(locateTensor(spec, (name) => files.tensors.has(name))!);
      variables.set(spec.name, tf.variable(tf.tensor(data, [...spec.shape])));
    }
    return { architecture, specs, variables };
  } finally {
    await files.close();
  }
}

describe('the example models against transformers', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm')));
  after(() => engine.dispose());

  for (const file of readdirSync(goldenFolder)) {
    const name = path.basename(file, '.json');
    const folder = path.join('examples/models', name);
    const golden = JSON.parse(readFileSync(path.join(goldenFolder, file), 'utf8')) as Pretrained;

    it(`${name}: token ids, logits to 1e-4, loss, and the norm of every gradient to 1e-3`, async () => {
      const tokenizer = await loadTokenizer(folder);
      assert.deepEqual([...tokenizer.encode(golden.text)], golden.ids);

      const { architecture, specs, variables } = await load(folder);
      const l = golden.ids.length;
      const V = architecture.vocabularyRows;
      let last: Float32Array | undefined;
      const { value, grads } = gradients(() => {
        const ids = tf.tensor2d([...golden.ids], [1, l], 'int32');
        const lookup = (tensor: string) => variables.get(tensor)!;
        const logits = componentForward(architecture, lookup, ids); // [1, l, V]
        last = tf.slice(logits, [0, l - 2, 0], [1, 2, V]).dataSync<'float32'>();
        const rows = tf.reshape(tf.slice(logits, [0, 0, 0], [1, l - 1, V]), [l - 1, V]); // [l−1, V]
        const targets = tf.tensor1d(golden.ids.slice(1), 'int32');
        return tf.div(crossEntropy(rows as tf.Tensor2D, targets, { ignore: -100 }).loss, l - 1);
      }, [...variables.values()]);
      const bytes = Buffer.from(golden.lastLogits, 'base64');
      const expected = new Float32Array(new Uint8Array(bytes).buffer);
      const largest = expected.reduce((max, logit) => Math.max(max, Math.abs(logit)), 1);
      expected.forEach((logit, index) => {
        assert.ok(Math.abs(last![index]! - logit) <= 1e-4 * largest, `logit ${index}`);
      });
      assert.ok(Math.abs(value.dataSync()[0]! - golden.loss) < 1e-5 * golden.loss);

      const norms = new Map(Object.entries(golden.gradientNorms));
      const whole = Math.hypot(...norms.values());
      specs.forEach((spec, index) => {
        const expectedNorm = norms.get(locateTensor(spec, (each) => norms.has(each))!)!;
        const norm = tf.tidy(() => tf.norm(grads[index]!).dataSync()[0]!);
        const allowed = 1e-3 * Math.max(expectedNorm, 1e-6 * whole);
        assert.ok(Math.abs(norm - expectedNorm) <= allowed, `${spec.name}: ${norm}`);
      });
      tf.dispose([value, ...grads.map((gradient) => gradient!), ...variables.values()]);
    });
  }
});
