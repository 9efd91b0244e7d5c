/** The plan: groups, shapes, counts, costs and jobs, against its rules worked out by hand. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { blockBytes as heapBlockBytes } from '../../server/compute/engine/wasm/heap';
import type { Plan } from '../../server/contract/plan';
import { blockBytes } from '../../server/language/memory';
import { planText } from '../../server/language/planText';
import { model, quickDisk, tinyGpt2, tinyMamba, tokenizer, type FakeDisk } from './fakeReader';
import { quickConfig } from './marked';
import { planOf } from './planOf';

const size = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
const total = (plan: Plan) => plan.tensors.reduce((sum, { shape }) => sum + size(shape), 0);
const names = (plan: Plan) => plan.tensors.map(({ name }) => name);

describe('the plan’s shape', () => {
  it('cuts each component into N groups, the first ones longer', async () => {
    const plan = await planOf(quickConfig());
    assert.deepEqual(
      plan.components.map(({ name, groups }) => [name, groups]),
      [
        [
          'neox',
          [
            { first: 0, end: 2 },
            { first: 2, end: 4 },
          ],
        ],
        [
          'mamba',
          [
            { first: 0, end: 3 },
            { first: 3, end: 5 },
          ],
        ],
      ],
    );
    assert.equal(plan.width, 24);
    assert.equal(plan.vocabulary, 40);
  });

  it('drops the surplus rows of a padded table', async () => {
    const plan = await planOf(quickConfig());
    const table = plan.tensors.find(({ name }) => name === 'components/neox/embed_in.weight');
    assert.deepEqual(table?.shape, [40, 16]);
  });

  it('gives each live (component, block) a pair of projectors', async () => {
    const plan = await planOf(quickConfig());
    const projectors = plan.tensors.filter(({ name }) => name.startsWith('projectors/'));
    assert.deepEqual(
      projectors.slice(0, 4).map(({ name, shape, place }) => [name, shape, place]),
      [
        ['projectors/neox/1/in.weight', [16, 24], 0],
        ['projectors/neox/1/in.bias', [16], 0],
        ['projectors/neox/1/out.weight', [24, 16], 0],
        ['projectors/neox/1/out.bias', [24], 0],
      ],
    );
    assert.equal(projectors.length, 16);
  });

  it('has none without a gate, without a kind, or for a component alone', async () => {
    for (const hybrid of [
      '  blocks: 2\n  gate: none',
      '  blocks: 2\n  projectors: { kind: none }',
    ]) {
      assert.ok(
        names(await planOf(quickConfig({ hybrid }))).every(
          (name) => !name.startsWith('projectors/'),
        ),
      );
    }
    const alone = await planOf(quickConfig({ components: '  neox: { source: ./neox }' }));
    assert.equal(alone.parameters, alone.components[0]!.parameters);
    assert.equal(alone.flopsPerToken, alone.components[0]!.flopsPerToken);
  });

  it('a pruned block takes its layers, norm, head and projectors with it; a tied table stays for its head', async () => {
    const last = names(
      await planOf(quickConfig({ hybrid: '  blocks: 2\n  mixture: { 2: { prune: [neox] } }' })),
    );
    assert.ok(last.includes('components/neox/layers.1.mlp.dense_h_to_4h.weight'));
    assert.ok(!last.some((name) => /neox\/(layers\.2|final_layer_norm|embed_out)/.test(name)));
    assert.ok(!last.includes('projectors/neox/2/in.weight'));
    const first = await planOf(
      quickConfig({ hybrid: '  blocks: 2\n  mixture: { 1: { prune: [mamba] } }' }),
    );
    assert.ok(names(first).includes('components/mamba/embeddings.weight'));
    const untied = await planOf(
      quickConfig({ hybrid: '  blocks: 2\n  mixture: { 1: { prune: [neox] } }' }),
    );
    assert.ok(!names(untied).includes('components/neox/embed_in.weight'));
  });

  it('counts a component that is live everywhere as the component itself', async () => {
    const plan = await planOf(quickConfig({ hybrid: '  blocks: 2\n  gate: none' }));
    assert.equal(plan.parameters, plan.components[0]!.parameters + plan.components[1]!.parameters);
    assert.equal(
      plan.flopsPerToken,
      plan.components[0]!.flopsPerToken + plan.components[1]!.flopsPerToken,
    );
  });

  it('says whose vocabulary is made anew', async () => {
    const disk: FakeDisk = {
      ...quickDisk,
      models: {
        ...quickDisk.models,
        './mamba': model(tinyMamba, { tokenizer: tokenizer(30, 'b'.repeat(64)) }),
      },
    };
    const of = async (hybrid: string) =>
      (await planOf(quickConfig({ hybrid }), disk)).components.map(({ vocabulary }) => vocabulary);
    assert.deepEqual(await of('  blocks: 2'), ['own', 'transplant']);
    assert.deepEqual(await of('  blocks: 2\n  embeddings: random'), ['random', 'random']);
    assert.deepEqual(await of('  blocks: 2\n  tokenizer: mamba'), ['transplant', 'own']);
  });

  it('embeddings: random starts every pretrained component anew, heads tied; alone it is itself', async () => {
    const disk: FakeDisk = {
      ...quickDisk,
      models: {
        ...quickDisk.models,
        './mamba': model(tinyMamba, { tokenizer: tokenizer(30, 'b'.repeat(64)) }),
      },
    };
    const own = await planOf(quickConfig({ hybrid: '  blocks: 2' }), disk);
    const anew = await planOf(quickConfig({ hybrid: '  blocks: 2\n  embeddings: random' }), disk);
    const [neox, mamba] = anew.components;
    assert.deepEqual(neox!.alone, { config: own.components[0]!.config, vocabulary: 'own' });
    assert.equal(mamba!.alone, undefined, 'it has no embeddings of its own for this vocabulary');
    assert.equal(neox!.parameters, own.components[0]!.parameters);
    const head = 'components/neox/embed_out.weight';
    assert.ok(own.tensors.some(({ name }) => name === head));
    assert.ok(!anew.tensors.some(({ name }) => name === head));
    assert.equal(own.parameters - anew.parameters, own.vocabulary * own.components[0]!.width);
  });

  it('carries α as the config leaves it', async () => {
    const plan = await planOf(
      quickConfig({
        hybrid:
          '  blocks: 3\n  mixture: { 1: { pin: mamba }, 2: { prune: [mamba] }, 3: { init: { neox: 0.25, mamba: 0.75 } } }',
      }),
    );
    assert.deepEqual(
      plan.blocks.map(({ live, pinned, initial }) => [live, pinned, initial]),
      [
        [
          [0, 1],
          [0, 1],
          [0, 1],
        ],
        [[0], undefined, [1, 0]],
        [[0, 1], undefined, [0.25, 0.75]],
      ],
    );
  });

  it('counts no FLOPs for what a pin holds at 0, nor for projectors that α = 1 skips', async () => {
    const pinned = await planOf(
      quickConfig({ hybrid: '  blocks: 2\n  mixture: { 1: { pin: neox }, 2: { pin: neox } }' }),
    );
    assert.equal(pinned.flopsPerToken, pinned.components[0]!.flopsPerToken);
    // A hard hand-over goes through projectors with the transition gate only.
    const handOver = (gate: string) =>
      planOf(
        quickConfig({
          hybrid: `  blocks: 2\n  gate: ${gate}\n  mixture: { 1: { pin: neox }, 2: { pin: mamba } }`,
        }),
      );
    const [paper, transition] = [await handOver('paper'), await handOver('transition')];
    // neox out of block 1 and mamba into block 2: 24 × 16 and 24 × 24, a multiply-add counted as two.
    assert.equal(transition.flopsPerToken - paper.flopsPerToken, 2 * (24 * 16 + 24 * 24));
  });

  it('is frozen all the way down, and JSON', async () => {
    const plan = await planOf(quickConfig());
    assert.throws(() => ((plan.tensors[0]!.shape as number[])[0] = 1), TypeError);
    assert.throws(() => ((plan.config.search as { steps: number }).steps = 1), TypeError);
    const read = JSON.parse(JSON.stringify(plan)) as Plan;
    assert.deepEqual(read.tensors, plan.tensors);
  });

  it('reads as a table', async () => {
    const text = planText(
      await planOf(
        quickConfig({
          hybrid: '  blocks: 2\n  mixture: { 2: { prune: [neox] } }',
          rest: 'finetune: { steps: 20 }\nbaselines: true',
        }),
      ),
    );
    assert.match(text, /^block {2}neox +mamba +parameters$/m);
    assert.match(text, /^1 +layers 1–2, α 0\.5 +layers 1–3, α 0\.5/m);
    assert.match(text, /^2 +pruned +layers 4–5, α 1/m);
    assert.match(text, /^baseline +mamba +1 +20 +20 +0/m);
  });
});

describe('any hybrid', () => {
  const hybrids = fc.record({
    blocks: fc.integer({ min: 1, max: 3 }),
    gate: fc.constantFrom('paper', 'transition', 'none'),
    head: fc.constantFrom('first', 'last'),
    kind: fc.constantFrom('linear', 'linear-skip', 'mlp', 'mlp-skip', 'none'),
    prune: fc.array(
      fc.record({
        block: fc.integer({ min: 1, max: 3 }),
        name: fc.constantFrom('neox', 'mamba', 'gpt'),
      }),
      { maxLength: 4 },
    ),
  });

  it('its parameters are the sum of its tensors, each named once; pruning never adds', async () => {
    await fc.assert(
      fc.asyncProperty(hybrids, async ({ blocks, gate, head, kind, prune }) => {
        const build = (pruned: typeof prune) => {
          const lines = Array.from({ length: blocks }, (_, index) => {
            const gone = [
              ...new Set(pruned.filter(({ block }) => block === index + 1).map(({ name }) => name)),
            ].slice(0, 2);
            return `    ${index + 1}: { prune: [${gone.join(', ')}] }`;
          });
          return planOf(
            quickConfig({
              components:
                '  neox: { source: ./neox }\n  mamba: { source: ./mamba }\n  gpt: { source: ./gpt2 }',
              hybrid: `  blocks: ${blocks}\n  gate: ${gate}\n  head: ${head}\n  projectors: { kind: ${kind} }\n  mixture:\n${lines.join('\n')}`,
            }),
          );
        };
        const whole = await build([]);
        const plan = await build(prune);
        assert.equal(plan.parameters, total(plan));
        assert.equal(new Set(names(plan)).size, plan.tensors.length);
        const all = new Set(names(whole));
        assert.ok(names(plan).every((name) => all.has(name)));
        assert.ok(plan.flopsPerToken <= whole.flopsPerToken);
        assert.ok(plan.memory.peak >= 4 * 4 * plan.parameters);
      }),
      { numRuns: 60 },
    );
  });
});

describe('predicted memory', () => {
  it('grows with batch and context, and holds four copies of the parameters at least', async () => {
    const peak = async (batch: number, context: number) =>
      (
        await planOf(
          quickConfig({
            data: `  train: { text: train.txt }\n  validation: { text: valid.txt }\n  context: ${context}`,
            search: `  steps: 3\n  batch: ${batch}`,
          }),
        )
      ).memory.peak;
    assert.ok((await peak(8, 16)) > (await peak(4, 16)));
    assert.ok((await peak(8, 16)) > (await peak(8, 8)));
    const tiny = await planOf(quickConfig({ search: '  steps: 3\n  batch: 1' }));
    assert.ok(tiny.memory.moments >= 8 * tiny.parameters);
    assert.ok(tiny.memory.peak >= 16 * tiny.parameters);
  });

  it('of one GPT-2 layer, counted by hand', async () => {
    const disk: FakeDisk = {
      ...quickDisk,
      models: {
        './gpt2': model({ ...tinyGpt2, n_layer: 1, resid_pdrop: 0, attn_pdrop: 0, embd_pdrop: 0 }),
      },
    };
    const plan = await planOf(
      quickConfig({ components: '  gpt: { source: ./gpt2 }', hybrid: '  blocks: 1' }),
      disk,
    );
    // Saved a token, d = 12: q k v 3d, attended d, residuals 2d, inner 4d, the stream d, with positions d. Dying with the layer: the
    // activation 4d, the last linear map d. After it: logits V = 40, the gradients of their table V × d and of d.
    const tokens = 8 * 16;
    const bytes = (widths: readonly number[]) =>
      widths.reduce((sum, width) => sum + blockBytes(4 * tokens * width), 0);
    const saved = bytes([36, 12, 12, 12, 48, 12, 12]);
    const head = bytes([40, 12]) + blockBytes(4 * 40 * 12);
    // Where the backward pass enters the layer: the activation made again, then its gradient.
    const gradients = head - bytes([40]) + 4 * tokens * 48;
    const dying = bytes([48, 12]);
    assert.equal(plan.memory.activations, saved + Math.max(dying, head, gradients));
  });

  it('rounds each tensor up as the engine’s heap does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (bytes) => {
        assert.equal(blockBytes(bytes), heapBlockBytes(bytes));
      }),
    );
  });
});
