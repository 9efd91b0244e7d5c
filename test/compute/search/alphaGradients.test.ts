/** ∂L/∂a of a real hybrid, for every algorithm and gate, against float64 autograd (test/reference/search.py). */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openEngine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { buildHybrid, type TensorSource } from '../../../server/compute/hybrid/build';
import { forward } from '../../../server/compute/hybrid/hybrid';
import { AlphaTensors } from '../../../server/compute/search/alphaTensors';
import { drawAlphas, type ArchitectureState } from '../../../server/compute/search/architecture';
import { parameterGradients } from '../../../server/compute/search/alphaUpdate';
import { applyChange } from '../../../server/compute/search/pinPrune';
import type { ProjectorKind } from '../../../server/models/projector';
import { tinyPlan } from '../hybrid/tinyHybrid';

interface SearchGolden {
  readonly seed: number;
  readonly step: number;
  readonly temperature: number;
  readonly architecture: readonly {
    readonly algorithm: 'darts' | 'gaea' | 'dash';
    readonly gate: 'paper' | 'transition' | 'none';
    readonly kind: ProjectorKind;
    readonly variant: 'free' | 'pinned' | 'pruned';
    readonly a: number[][];
    readonly pin: number[];
    readonly loss: number;
    readonly alphas: number[][];
    readonly gradients: number[][];
  }[];
}

type Stored = Readonly<Record<string, { readonly shape: number[]; readonly data: string }>>;

interface HybridGolden {
  readonly blocks: number;
  readonly configs: Readonly<Record<string, Record<string, unknown>>>;
  readonly ids: number[][];
  readonly weights: Stored;
  readonly projectors: Readonly<Record<string, Stored>>;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const golden = read('test/compute/search/golden/search.json') as SearchGolden;
const hybridGolden = read('test/compute/hybrid/golden/hybrid.json') as HybridGolden;
const NAMES = ['neox', 'mamba'];

const sourceOf = (tensors: Stored, prefix = ''): TensorSource => ({
  has: (name) => Object.hasOwn(tensors, prefix + name),
  read: (name) => {
    const { shape, data } = tensors[prefix + name]!;
    const bytes = Buffer.from(data, 'base64');
    const values = Float32Array.from({ length: bytes.length / 4 }, (_, i) =>
      bytes.readFloatLE(4 * i),
    );
    return Promise.resolve({ shape, data: values });
  },
});

function hybridOf(gate: 'paper' | 'transition' | 'none', kind: ProjectorKind) {
  const plan = tinyPlan({
    components: [
      {
        name: 'neox',
        family: 'gptNeox',
        layers: 4,
        width: 8,
        config: hybridGolden.configs['neox']!,
      },
      {
        name: 'mamba',
        family: 'mamba',
        layers: 3,
        width: 12,
        config: hybridGolden.configs['mamba']!,
      },
    ],
    blocks: hybridGolden.blocks,
    gate,
    projectors: { kind },
  });
  const load = (m: number) =>
    Promise.resolve({
      weights: sourceOf(hybridGolden.weights, `components/${NAMES[m]!}/`),
      tokenizer: undefined,
    });
  const tensors = sourceOf(hybridGolden.projectors[kind]!);
  return buildHybrid(plan, load, 1, { projectors: { name: 'the golden file', tensors } });
}

function stateOf(expected: SearchGolden['architecture'][number]): ArchitectureState {
  const state: ArchitectureState = {
    algorithm: expected.algorithm,
    temperature: golden.temperature,
    blocks: expected.a.map((a) => ({ a, live: [true, true], pinned: undefined })),
  };
  if (expected.variant === 'free') return state;
  const outcome = applyChange(
    state,
    expected.variant === 'pinned'
      ? { action: 'pin', block: 1, weights: expected.pin }
      : { action: 'prune', block: 1, component: 1 },
    NAMES,
  );
  assert.ok(outcome.ok);
  return outcome.state;
}

describe('gradients of the architecture parameters', () => {
  before(() => openEngine('cpu'));

  for (const expected of golden.architecture) {
    const { algorithm, gate, kind, variant } = expected;
    it(`${algorithm}, gate ${gate}, ${variant} block`, async () => {
      const hybrid = await hybridOf(gate, kind);
      const state = stateOf(expected);
      const alphas = drawAlphas(state, golden.seed, golden.step);
      alphas.flat().forEach((alpha, at) => {
        assert.ok(Math.abs(alpha - expected.alphas.flat()[at]!) < 1e-12, 'α');
      });
      const tensors = new AlphaTensors();
      const rows = tensors.rows(state, alphas);
      const ids = tf.tensor2d(hybridGolden.ids, undefined, 'int32');
      const length = hybridGolden.ids[0]!.length;
      const targets = hybridGolden.ids.flatMap((row) => [...row.slice(1), -100]);
      const scored = hybridGolden.ids.length * (length - 1);
      const { value, grads } = gradients(() => {
        const logits = forward(hybrid, ids, rows, { training: false, dropoutKey: 0 });
        const flat = tf.reshape(logits, [targets.length, -1]);
        return crossEntropy(flat, tf.tensor1d(targets, 'int32'), { ignore: -100 }).loss;
      }, tensors.variables);
      assert.ok(Math.abs(value.dataSync()[0]! / scored - expected.loss) < 1e-5 * expected.loss);
      const byAlpha = tensors.spread(
        grads.map((grad) => grad!.dataSync()[0]! / scored),
        alphas.length,
        NAMES.length,
      );
      const found = parameterGradients(state, alphas, byAlpha).flat();
      const wanted = expected.gradients.flat();
      const scale = Math.max(...wanted.map(Math.abs));
      found.forEach((gradient, at) => {
        if (wanted[at] === 0) assert.equal(gradient, 0, `a[${at}] is not searched`);
        assert.ok(
          Math.abs(gradient - wanted[at]!) < 1e-4 * scale,
          `a[${at}]: ${gradient}, ${wanted[at]!}`,
        );
      });
      tf.dispose([value, ids, ...grads.map((grad) => grad!)]);
      tensors.dispose();
      hybrid.parameters.dispose();
    });
  }
});
