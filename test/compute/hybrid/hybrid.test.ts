import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FAMILY_NAMES } from '../../../server/models/architecture';
import { componentTensorName } from '../../../server/models/hybridTensors';
import { PROJECTOR_KINDS } from '../../../server/models/projector';
import { openEngine } from '../../../server/compute/engine/engine';
import { familyBlocks } from '../../../server/compute/families/families';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import type { MixtureRow } from '../../../server/compute/hybrid/mixture';
import { componentForward, EVALUATION as WHOLE } from '../families/componentForward';
import {
  distance,
  oneHotRows,
  someIds,
  softRows,
  startingHybrid,
  tinyHybrid,
  valuesOf,
  type TinyComponent,
} from './tinyHybrid';

const EVALUATION = { training: false, dropoutKey: 0 };
const GATES = ['paper', 'transition', 'none'] as const;
const HEADS = ['first', 'last'] as const;

const narrow: TinyComponent = { name: 'narrow', family: 'mamba', layers: 3, width: 8 };
const wide: TinyComponent = { name: 'wide', family: 'gptNeox', layers: 4, width: 12 };
const third: TinyComponent = { name: 'third', family: 'gpt2', layers: 2, width: 8 };

const shared: TinyComponent = { name: 'shared', family: 'llama', layers: 3, width: 16 };
const dual: TinyComponent = { name: 'dual', family: 'mamba2', layers: 2, width: 4 };

const logitsOf = (hybrid: Hybrid, rows: readonly MixtureRow[], ids: tf.Tensor2D) =>
  valuesOf(() => forward(hybrid, ids, rows, EVALUATION));

function aloneLogits(hybrid: Hybrid, component: number, ids: tf.Tensor2D): Float32Array {
  const { name, architecture } = hybrid.design.components[component]!;
  return valuesOf(() =>
    componentForward(
      architecture,
      (tensor) => hybrid.parameters.get(componentTensorName(name, tensor)).variable,
      ids,
    ),
  );
}

describe('a hybrid with all weight on one component', () => {
  let ids: tf.Tensor2D;
  before(async () => {
    await openEngine('cpu');
    ids = someIds(2, 6);
  });
  after(() => ids.dispose());

  for (const family of FAMILY_NAMES) {
    for (const gate of GATES) {
      for (const head of HEADS) {
        it(`is that component: ${family}, gate ${gate}, head ${head}`, async () => {
          const tested: TinyComponent = { name: 'tested', family, layers: 3, width: 8 };
          const hybrid = await tinyHybrid({ components: [tested, wide], blocks: 2, gate, head });
          for (const component of [0, 1]) {
            const logits = logitsOf(hybrid, oneHotRows(2, 2, component), ids);
            assert.ok(distance(logits, aloneLogits(hybrid, component, ids)) < 1e-5);
          }
          hybrid.parameters.dispose();
        });
      }
    }
  }

  const mixtures = [
    [wide],
    [narrow, wide],
    [narrow, wide, third],
    [third, shared, narrow, dual],
    [narrow, wide, third, shared, dual],
  ];
  for (const components of mixtures) {
    const depth = Math.min(...components.map(({ layers }) => layers));
    for (let blocks = 1; blocks <= depth; blocks++) {
      it(`is that component: K = ${components.length}, N = ${blocks}`, async () => {
        const hybrid = await tinyHybrid({ components, blocks });
        for (const component of components.keys()) {
          const logits = logitsOf(hybrid, oneHotRows(blocks, components.length, component), ids);
          assert.ok(distance(logits, aloneLogits(hybrid, component, ids)) < 1e-5);
        }
        hybrid.parameters.dispose();
      });
    }
  }

  for (const kind of PROJECTOR_KINDS) {
    for (const init of ['identity', 'default'] as const) {
      it(`is that component with scalars for weights, which compute all: ${kind}, ${init}`, async () => {
        const projectors = { kind, init };
        const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 3, projectors });
        for (const component of [0, 1]) {
          const searched = oneHotRows(3, 2, component).map((row) =>
            row.map((weight) => tf.scalar(Number(weight))),
          );
          const logits = logitsOf(hybrid, searched, ids);
          assert.ok(distance(logits, aloneLogits(hybrid, component, ids)) < 1e-5);
          tf.dispose(searched);
        }
        hybrid.parameters.dispose();
      });
    }
  }
});

describe('gates and projectors', () => {
  let ids: tf.Tensor2D;
  before(async () => {
    await openEngine('cpu');
    ids = someIds(2, 5);
  });
  after(() => ids.dispose());

  for (const gate of ['paper', 'transition'] as const) {
    for (const kind of ['linear', 'linear-skip', 'mlp-skip', 'none'] as const) {
      it(`${kind} starts as the identity: gate ${gate} then equals gate none`, async () => {
        const projectors = { kind, init: 'identity' } as const;
        const options = { components: [narrow, wide], blocks: 2, projectors };
        const gated = await startingHybrid({ ...options, gate });
        const plain = await startingHybrid({ ...options, gate: 'none' });
        const rows = softRows(2, 2);
        assert.ok(distance(logitsOf(gated, rows, ids), logitsOf(plain, rows, ids)) < 1e-5);
        gated.parameters.dispose();
        plain.parameters.dispose();
      });
    }
  }

  for (const kind of PROJECTOR_KINDS.filter((kind) => kind !== 'none')) {
    it(`${kind} at torch's start is no identity, and soft weights go through it`, async () => {
      const options = { components: [narrow, wide], blocks: 2 };
      const gated = await startingHybrid({ ...options, projectors: { kind, init: 'default' } });
      const plain = await startingHybrid({ ...options, gate: 'none' });
      const rows = softRows(2, 2);
      const logits = logitsOf(gated, rows, ids);
      assert.ok(logits.every(Number.isFinite));
      assert.ok(distance(logits, logitsOf(plain, rows, ids)) > 1e-3);
      gated.parameters.dispose();
      plain.parameters.dispose();
    });
  }

  it('a hard hand-over is translated by gate transition, and by no other', async () => {
    const handOver: MixtureRow[] = [
      [1, 0],
      [0, 1],
    ];
    for (const gate of GATES) {
      const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 2, gate });
      const before = logitsOf(hybrid, handOver, ids);
      for (const { name } of hybrid.parameters.list()) {
        if (!name.startsWith('projectors/')) continue;
        const values = await hybrid.parameters.read(name);
        hybrid.parameters.write(
          name,
          values.map((value) => value * 1.5),
        );
      }
      const moved = distance(logitsOf(hybrid, handOver, ids), before);
      assert.equal(moved > 1e-3, gate === 'transition', gate);
      hybrid.parameters.dispose();
    }
  });

  it('the transition gate at the head: head first closes the loop to the first block', async () => {
    const rows: MixtureRow[] = [
      [1, 0],
      [0.5, 0.5],
    ];
    const first = await tinyHybrid({
      components: [narrow, wide],
      blocks: 2,
      gate: 'transition',
      head: 'first',
    });
    const last = await tinyHybrid({
      components: [narrow, wide],
      blocks: 2,
      gate: 'transition',
      head: 'last',
    });
    assert.ok(distance(logitsOf(first, rows, ids), logitsOf(last, rows, ids)) > 1e-3);
    first.parameters.dispose();
    last.parameters.dispose();
  });
});

describe('a hybrid of copies', () => {
  before(() => openEngine('cpu'));

  it('of one component is that component, whatever the weights', async () => {
    const ids = someIds(1, 5);
    const components = ['a', 'b', 'c'].map((name): TinyComponent => ({ ...wide, name }));
    for (const gate of GATES) {
      const projectors = { kind: 'linear-skip', init: 'identity' } as const;
      const hybrid = await startingHybrid({ components, blocks: 3, gate, projectors });
      for (const { name } of hybrid.parameters.list()) {
        const [, copy, tensor] = /^components\/([bc])\/(.*)$/.exec(name) ?? [];
        if (copy === undefined) continue;
        hybrid.parameters.write(name, await hybrid.parameters.read(`components/a/${tensor!}`));
      }
      const alone = aloneLogits(hybrid, 0, ids);
      const weights = fc
        .tuple(fc.nat(9), fc.nat(9), fc.nat(9))
        .filter((row) => Math.max(...row) > 0);
      fc.assert(
        fc.property(fc.tuple(weights, weights, weights), (counts) => {
          const rows = counts.map((row) => {
            const sum = row[0] + row[1] + row[2];
            return row.map((count) => count / sum);
          });
          return distance(logitsOf(hybrid, rows, ids), alone) < 1e-5;
        }),
        { numRuns: 15 },
      );
      hybrid.parameters.dispose();
    }
    ids.dispose();
  });
});

describe('absolute positions', () => {
  it("are added to their component's own input in block 1, whole, and reach no other", async () => {
    await openEngine('cpu');
    const components = [third, { ...narrow, layers: 2 }];
    const hybrid = await tinyHybrid({ components, blocks: 1, gate: 'none' });
    const ids = someIds(1, 5);
    const weights = (m: number) => (tensor: string) =>
      hybrid.parameters.get(componentTensorName(components[m]!.name, tensor)).variable;
    const [a, b] = [0.3, 0.7];
    const expected = valuesOf(() => {
      const [gpt, mamba] = hybrid.design.components.map(({ architecture }) => architecture);
      const [gptBlocks, mambaBlocks] = [familyBlocks('gpt2'), familyBlocks('mamba')];
      const mixed = (x: tf.Tensor3D, y: tf.Tensor3D) =>
        tf.add<tf.Tensor3D>(tf.mul(x, a), tf.mul(y, b));
      const h = mixed(
        gptBlocks.embed(gpt!, weights(0), ids),
        mambaBlocks.embed(mamba!, weights(1), ids),
      );
      const positions = tf.slice(weights(0)('wpe.weight') as tf.Tensor2D, [0, 0], [5, 8]);
      let own: tf.Tensor3D = tf.add(h, tf.expandDims(positions, 0));
      let other = h;
      for (const layer of [0, 1]) {
        own = gptBlocks.layer(gpt!, weights(0), layer, own, WHOLE);
        other = mambaBlocks.layer(mamba!, weights(1), layer, other, WHOLE);
      }
      const out = mixed(
        gptBlocks.finalNorm(gpt!, weights(0), own),
        mambaBlocks.finalNorm(mamba!, weights(1), other),
      );
      return mixed(
        gptBlocks.head(gpt!, weights(0), out),
        mambaBlocks.head(mamba!, weights(1), out),
      );
    });
    assert.ok(distance(logitsOf(hybrid, [[a, b]], ids), expected) < 1e-6);
    ids.dispose();
    hybrid.parameters.dispose();
  });
});
