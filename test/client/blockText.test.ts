/** Marks in a config's text: what stands after a block's line, and in its hover. */
import assert from 'node:assert/strict';
import type { BlockWeights } from '../../server/contract/editor';
import { blockHover, decorationText, gutterMark, trendText } from '../../client/text/blockText';

type Component = BlockWeights['components'][number];

const component = (name: string, change: Partial<Component> = {}): Component => ({
  name,
  alpha: 0.5,
  trend: undefined,
  pruned: false,
  ...change,
});
const block = (components: readonly Component[], pinned = false): BlockWeights => ({
  block: 2,
  line: 8,
  components,
  pinned,
});

describe('the mark after a block’s line, beside inlay hints', () => {
  it('says by how much α moved since the last checkpoint, and nothing that the hint says', () => {
    const three = [
      component('neox', { trend: 0.042 }),
      component('gpt', { trend: 0.001 }),
      component('mamba', { trend: -0.043 }),
    ];
    assert.equal(decorationText(block(three), true), 'Δ neox +0.04 · mamba −0.04');
  });

  it('names one of two, since the other moves against it', () => {
    const two = [component('neox', { trend: 0.042 }), component('mamba', { trend: -0.042 })];
    assert.equal(decorationText(block(two), true), 'Δ neox +0.04');
  });

  it('is empty where nothing moved, before a checkpoint, and of a pinned block', () => {
    const moved = [component('neox', { trend: 0.3 }), component('mamba', { trend: -0.3 })];
    const still = [component('neox', { trend: 0.001 }), component('mamba', { trend: -0.001 })];
    assert.equal(decorationText(block(still), true), '');
    assert.equal(decorationText(block([component('neox'), component('mamba')]), true), '');
    assert.equal(decorationText(block(moved, true), true), '');
  });
});

describe('the mark after a block’s line, without inlay hints', () => {
  it('says which way each went', () => {
    const moved = [component('neox', { trend: 0.042 }), component('mamba', { trend: -0.042 })];
    assert.equal(decorationText(block(moved), false), 'neox ↗ +0.04 · mamba ↘ −0.04');
  });

  it('says once that nothing moved', () => {
    const still = [component('neox', { trend: 0.001 }), component('mamba', { trend: -0.001 })];
    assert.equal(decorationText(block(still), false), '→ unchanged');
  });

  it('names what is pruned, and tells no trend of it', () => {
    const components = [
      component('neox', { trend: 0.2 }),
      component('mamba', { trend: -0.2, pruned: true }),
    ];
    assert.equal(decorationText(block(components), false), 'mamba pruned · neox ↗ +0.20');
    assert.equal(gutterMark(block(components)), 'pruned');
  });

  it('of a pinned block says that alone', () => {
    const components = [
      component('neox', { alpha: 1, trend: 0.3 }),
      component('mamba', { trend: -0.3 }),
    ];
    assert.equal(decorationText(block(components, true), false), 'pinned');
    assert.equal(gutterMark(block(components, true)), 'pinned');
  });

  it('has no trend where it is no number', () => {
    assert.equal(trendText(Number.NaN), '');
  });

  it('holds a name as text', () => {
    const named = block([component('<b>|x|', { trend: 0.1 })]);
    assert.doesNotMatch(blockHover(named, 'live'), /<b>/u);
    assert.match(blockHover(named, 'live'), /\\\|x\\\|/u);
  });
});
