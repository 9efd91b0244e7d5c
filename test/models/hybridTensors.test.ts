import assert from 'node:assert/strict';
import { familyTable } from '../../server/models/families';
import {
  hasProjectors,
  hybridTensors,
  type HybridTensorOptions,
} from '../../server/models/hybridTensors';
import { splitLayers } from '../../server/models/split';

const VOCABULARY = 11;
const read = (family: 'gpt2' | 'gptNeox', config: Record<string, unknown>) =>
  familyTable(family).read(config).value!;

const gpt2 = read('gpt2', {
  model_type: 'gpt2',
  vocab_size: VOCABULARY,
  n_layer: 3,
  n_embd: 4,
  n_head: 2,
  n_positions: 8,
});
const neox = read('gptNeox', {
  model_type: 'gpt_neox',
  vocab_size: VOCABULARY,
  num_hidden_layers: 5,
  hidden_size: 8,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 8,
  rotary_pct: 0.5,
});

const options = (
  live: readonly (readonly number[])[],
  more: Partial<HybridTensorOptions> = {},
) => ({
  components: [
    { name: 'gpt', architecture: gpt2, groups: splitLayers(3, live.length) },
    { name: 'neox', architecture: neox, groups: splitLayers(5, live.length) },
  ],
  live,
  width: 8,
  vocabulary: VOCABULARY,
  gate: 'paper' as const,
  head: 'last' as const,
  projectors: 'linear' as const,
  ...more,
});

const all = [
  [0, 1],
  [0, 1],
  [0, 1],
];

describe('the tensors of a hybrid', () => {
  it("are each component's, once, with the block of each layer; then the projectors", () => {
    const tensors = hybridTensors(options(all));
    const names = tensors.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const [prefix, family, architecture] of [
      ['components/gpt/', 'gpt2', gpt2],
      ['components/neox/', 'gptNeox', neox],
    ] as const) {
      assert.deepEqual(
        names.filter((name) => name.startsWith(prefix)),
        familyTable(family)
          .tensors(architecture, VOCABULARY)
          .map(({ name }) => prefix + name),
      );
    }
    const placeOf = (name: string) => tensors.find((tensor) => tensor.name === name)?.place;
    assert.equal(placeOf('components/gpt/wte.weight'), 'embedding');
    assert.equal(placeOf('components/gpt/wpe.weight'), 0);
    assert.equal(placeOf('components/gpt/ln_f.weight'), 2);
    assert.equal(placeOf('components/neox/embed_out.weight'), 'head');
    // Five layers in three groups: 2, 2, 1.
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((layer) =>
        placeOf(`components/neox/layers.${layer}.input_layernorm.weight`),
      ),
      [0, 0, 1, 1, 2],
    );
    assert.equal(placeOf('projectors/gpt/2/in.weight'), 1);
    assert.equal(names.filter((name) => name.startsWith('projectors/')).length, 2 * 3 * 4);
  });

  it('leave out what is pruned: layers, positions, norm, head, projectors', () => {
    const names = (live: readonly (readonly number[])[], more: Partial<HybridTensorOptions> = {}) =>
      new Set(hybridTensors(options(live, more)).map(({ name }) => name));
    const missing = (live: readonly (readonly number[])[], more = {}) => {
      const left = names(live, more);
      return [...names(all, more)].filter((name) => !left.has(name) && !name.includes('.h.'));
    };
    const firstBlock = missing([[1], [0, 1], [0, 1]]);
    assert.ok(firstBlock.includes('components/gpt/wpe.weight'));
    assert.ok(!firstBlock.includes('components/gpt/wte.weight'), 'tied: still its head');
    assert.ok(firstBlock.includes('projectors/gpt/1/in.weight'));
    const headFirst = missing([[1], [0, 1], [0, 1]], { head: 'first' });
    assert.ok(headFirst.includes('components/gpt/wte.weight'));
    const lastBlock = missing([[0, 1], [0, 1], [0]]);
    assert.ok(lastBlock.includes('components/neox/embed_out.weight'));
    assert.ok(lastBlock.includes('components/neox/final_layer_norm.bias'));
    assert.ok(lastBlock.includes('components/neox/layers.4.attention.dense.weight'));
    assert.ok(!lastBlock.includes('components/neox/embed_in.weight'));
  });

  it('have no projectors where a component is alone: there its α is the constant 1', () => {
    const alone = [[0, 1], [0], [0, 1]];
    const has = (gate: 'paper' | 'transition' | 'none', live: readonly (readonly number[])[]) =>
      live.map((_, block) => hasProjectors(options(live, { gate }), 0, block));
    assert.deepEqual(has('paper', alone), [true, false, true]);
    assert.deepEqual(has('transition', alone), [true, true, true], 'its neighbours are looked at');
    assert.deepEqual(has('transition', [[0], [0], [0]]), [false, false, false]);
    assert.deepEqual(has('transition', [[0], [0], [0, 1]]), [false, true, true]);
    assert.deepEqual(has('none', all), [false, false, false]);
    assert.equal(hasProjectors(options(alone), 1, 1), false, 'pruned there');
  });

  it('of kind none have no projectors at all', () => {
    const tensors = hybridTensors(options(all, { projectors: 'none' }));
    assert.ok(tensors.every(({ name }) => name.startsWith('components/')));
  });
});
