import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RandomStream } from '../../server/models/random';

const draw = (stream: RandomStream, count: number) =>
  Array.from({ length: count }, () => stream.uint32());

describe('the random streams of a run', () => {
  it('are equal for equal seed and name, and differ otherwise', () => {
    const first = draw(RandomStream.named(1, 'dropout'), 8);
    assert.deepEqual(draw(RandomStream.named(1, 'dropout'), 8), first);
    assert.notDeepEqual(draw(RandomStream.named(2, 'dropout'), 8), first);
    assert.notDeepEqual(draw(RandomStream.named(1, 'data'), 8), first);
  });

  it('follow xoshiro128**: words 1, 2, 3, 4 give its first three outputs', () => {
    const stream = RandomStream.restore({ words: [1, 2, 3, 4], spare: null });
    assert.deepEqual(draw(stream, 3), [11520, 0, 5927040]);
  });

  it('go on from a stored state, the second normal of a pair included', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(9), (seed, skipped) => {
        const stream = RandomStream.named(seed, 'noise');
        for (let count = 0; count < skipped; count++) stream.normal();
        const again = RandomStream.restore(
          JSON.parse(JSON.stringify(stream.state)) as typeof stream.state,
        );
        for (let count = 0; count < 5; count++) assert.equal(again.normal(), stream.normal());
      }),
    );
  });

  it('refuse a state that no stream has', () => {
    assert.throws(() => RandomStream.restore({ words: [0, 0, 0, 0], spare: null }), RangeError);
    assert.throws(() => RandomStream.restore({ words: [1, 2, 3], spare: null }), RangeError);
    assert.throws(() => RandomStream.restore({ words: [1, 2, 3, -4], spare: null }), RangeError);
  });

  it('draw normals of mean 0 and variance 1, uniforms of mean 1/2, Gumbels of mean 0.5772', () => {
    const stream = RandomStream.named(7, 'moments');
    const count = 40000;
    const mean = (value: () => number) => {
      let sum = 0;
      for (let index = 0; index < count; index++) sum += value();
      return sum / count;
    };
    assert.ok(Math.abs(mean(() => stream.normal())) < 0.02);
    assert.ok(Math.abs(mean(() => stream.normal() ** 2) - 1) < 0.04);
    assert.ok(Math.abs(mean(() => stream.uniform()) - 0.5) < 0.01);
    assert.ok(Math.abs(mean(() => stream.gumbel()) - 0.5772156649) < 0.03);
  });

  it('shuffle to a permutation, every integer below a bound within reach', () => {
    const order = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = [...order];
    RandomStream.named(3, 'order').shuffle(shuffled);
    assert.notDeepEqual(shuffled, order);
    assert.deepEqual(
      [...shuffled].sort((a, b) => a - b),
      order,
    );
    const stream = RandomStream.named(4, 'dice');
    const seen = new Set(Array.from({ length: 200 }, () => stream.below(6)));
    assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5]);
  });
});
