/** Memorization, compression, selective copying: their rules, for any knobs. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compression } from '../../../../server/compute/tasks/mad/compression';
import { memorization, memorizationMap } from '../../../../server/compute/tasks/mad/memorization';
import { selectiveCopying } from '../../../../server/compute/tasks/mad/selectiveCopying';
import { IGNORED } from '../../../../server/compute/tasks/ignored';
import { madVocabulary } from '../../../../server/models/madTasks';
import { madSource, sources, streamOf } from './scene';

describe('memorization', () => {
  it('asks, at each insert token, for the value of the key before it', () => {
    fc.assert(
      fc.property(sources('memorization'), fc.nat(), (source, seed) => {
        const map = memorizationMap(source);
        const { ids, targets } = memorization(source, map, streamOf(seed));
        const { keys, content, signal } = madVocabulary(source);
        assert.equal(ids.length, source.length);
        let asked = 0;
        for (let at = 0; at < ids.length; at += 2) {
          const key = ids[at]!;
          assert.equal(targets[at], IGNORED);
          if (key >= content) {
            assert.equal(targets[at + 1], IGNORED);
            continue;
          }
          assert.ok(key < keys);
          assert.equal(ids[at + 1], signal);
          assert.equal(targets[at + 1], map[key]);
          asked += 1;
        }
        assert.ok(asked >= 1);
        assert.ok(
          ids.every((token) => token < keys || token >= content),
          'no value in a sequence',
        );
      }),
    );
  });

  it('has one map from keys to different values, of the seed alone', () => {
    fc.assert(
      fc.property(sources('memorization'), (source) => {
        const map = memorizationMap(source);
        const { keys, content } = madVocabulary(source);
        assert.equal(map.length, keys);
        assert.equal(new Set(map).size, keys);
        assert.ok(map.every((value) => value >= keys && value < content));
        assert.deepEqual(memorizationMap({ ...source, examples: 99, length: 64 }), map);
      }),
    );
    const [one, other] = [1, 2].map((seed) => memorizationMap(madSource('memorization', { seed })));
    assert.notDeepEqual(one, other);
  });
});

describe('compression', () => {
  it('asks for every token that is no noise, the compression token at the end included', () => {
    fc.assert(
      fc.property(sources('compression'), fc.nat(), (source, seed) => {
        const { ids, targets } = compression(source, streamOf(seed));
        const { content, signal } = madVocabulary(source);
        assert.equal(ids.length, source.length);
        assert.equal(ids.at(-1), signal);
        assert.ok(!ids.slice(0, -1).includes(signal!));
        ids.forEach((token, at) => {
          const isNoise = token >= content && token !== signal;
          assert.equal(targets[at], isNoise ? IGNORED : token);
        });
      }),
    );
  });

  it('replaces the wanted share of tokens by noise', () => {
    const source = madSource('compression', { noise: 0.4, noiseVocabulary: 4 });
    const stream = streamOf(5);
    let noisy = 0;
    for (let each = 0; each < 500; each++) {
      noisy += compression(source, stream).targets.filter((target) => target === IGNORED).length;
    }
    const share = noisy / (500 * 31);
    assert.ok(Math.abs(share - 0.4) < 4 * Math.sqrt(0.24 / (500 * 31)), String(share));
  });
});

describe('selective copying', () => {
  it('asks for the tokens that stand before the copy token, in their order', () => {
    fc.assert(
      fc.property(sources('selective-copying'), fc.nat(), (source, seed) => {
        const { ids, targets } = selectiveCopying(source, streamOf(seed));
        const { content, blank, signal } = madVocabulary(source);
        const at = ids.indexOf(signal!);
        assert.equal(ids.length, source.length);
        assert.equal(at, source.length - source.copy - 1);
        const tokens = ids.slice(0, at).filter((token) => token !== blank);
        assert.equal(tokens.length, source.copy);
        assert.ok(tokens.every((token) => token < content));
        assert.ok(ids.slice(at + 1).every((token) => token === blank));
        assert.deepEqual(targets, [...new Array<number>(at + 1).fill(IGNORED), ...tokens]);
      }),
    );
  });

  it('puts tokens at every place before the copy token as often, the one just before it too', () => {
    const source = madSource('selective-copying', { length: 20, copy: 4 });
    const { blank } = madVocabulary(source);
    const stream = streamOf(6);
    const examples = 2000;
    const counts = new Array<number>(15).fill(0);
    for (let each = 0; each < examples; each++) {
      const { ids } = selectiveCopying(source, stream);
      for (let place = 0; place < 15; place++) counts[place]! += Number(ids[place] !== blank);
    }
    const share = 4 / 15;
    const deviation = Math.sqrt(examples * share * (1 - share));
    for (const count of counts) {
      assert.ok(Math.abs(count - examples * share) < 4.5 * deviation, counts.join(' '));
    }
  });
});
