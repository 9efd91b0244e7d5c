/** In-context recall, noisy and fuzzy: what is asked for can be told from the sequence. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fuzzyRecall } from '../../../../server/compute/tasks/mad/fuzzyRecall';
import { inContextRecall } from '../../../../server/compute/tasks/mad/inContextRecall';
import { IGNORED } from '../../../../server/compute/tasks/ignored';
import type { MadSource } from '../../../../server/contract/config';
import { madContext, madVocabulary } from '../../../../server/models/madTasks';
import { madSource, sources, streamOf } from './scene';

const pairTasks = ['in-context-recall', 'noisy-in-context-recall'] as const;

/** Inputs and, at the end, the token that the shift took from them. */
const wholeSequence = ({
  ids,
  targets,
}: {
  ids: readonly number[];
  targets: readonly number[];
}) => [...ids, targets.at(-1)!];

describe('in-context recall', () => {
  it('asks only for values that the sequence shows, behind their key', () => {
    fc.assert(
      fc.property(sources(...pairTasks), fc.nat(), (source, seed) => {
        const example = inContextRecall(source, streamOf(seed), false);
        const { keys, content, signal } = madVocabulary(source);
        const tokens = wholeSequence(example);
        assert.equal(example.ids.length, madContext(source));
        assert.equal(example.targets.length, example.ids.length);
        const shown = new Map<number, number>();
        let asked = 0;
        for (let at = 0; at < tokens.length; at += 2) {
          if (tokens[at] === signal) {
            assert.equal(at, tokens.length - 3);
            at += 1;
          }
          const [key, value] = [tokens[at]!, tokens[at + 1]!];
          const target = example.targets[at]!;
          if (at > 0) assert.equal(example.targets[at - 1], IGNORED, 'no key is asked for');
          if (key >= content) {
            assert.ok(key < source.vocabulary && value >= content, 'noise stands in pairs');
            assert.equal(target, IGNORED);
            continue;
          }
          assert.ok(key < keys && value >= keys && value < content);
          const isLast = at === tokens.length - 2;
          if (shown.has(key)) assert.equal(value, shown.get(key), 'a key keeps its value');
          const isAsked = shown.has(key) && (source.queries === 'multiple' || isLast);
          assert.equal(target, isAsked ? value : IGNORED);
          asked += Number(isAsked);
          if (isLast) assert.ok(isAsked, 'the last pair repeats a key');
          shown.set(key, value);
        }
        assert.ok(asked >= 1);
      }),
    );
  });

  it('has every next token as a target in training, on the same sequence', () => {
    fc.assert(
      fc.property(sources(...pairTasks), fc.nat(), (source, seed) => {
        const training = inContextRecall(source, streamOf(seed), true);
        const testing = inContextRecall(source, streamOf(seed), false);
        assert.deepEqual(training.ids, testing.ids);
        assert.deepEqual(training.targets, wholeSequence(testing).slice(1));
      }),
    );
  });

  it('of the paper has 127 inputs, keys 0–7 and values 8–15', () => {
    const source = madSource('in-context-recall');
    const { ids } = inContextRecall(source, streamOf(1), true);
    assert.equal(ids.length, 127);
    assert.ok(ids.every((token, at) => (at % 2 === 0 ? token < 8 : token >= 8 && token < 16)));
  });

  it('replaces the wanted share of pairs by noise', () => {
    for (const noise of [0.2, 0.4, 0.8]) {
      const source = madSource('noisy-in-context-recall', { noise });
      const stream = streamOf(2);
      const { content } = madVocabulary(source);
      let noisy = 0;
      const examples = 400;
      for (let each = 0; each < examples; each++) {
        const { ids } = inContextRecall(source, stream, true);
        noisy += ids.filter((token, at) => at % 2 === 0 && token >= content).length;
      }
      // 62 of an example's 64 pairs can be noise.
      const share = noisy / (examples * 62);
      const deviation = Math.sqrt((noise * (1 - noise)) / (examples * 62));
      assert.ok(Math.abs(share - noise) < 4 * deviation, `${share} of ${noise}`);
    }
  });
});

interface FuzzyPair {
  readonly key: string;
  readonly value: readonly number[];
  /** Position of its first value token. */
  readonly at: number;
}

/** Reads a sequence as one does that knows only the division of the vocabulary: keys, then values, noise and padding apart. */
function pairsOf(tokens: readonly number[], source: MadSource): FuzzyPair[] {
  const { keys, content } = madVocabulary(source);
  const pairs: FuzzyPair[] = [];
  let at = 0;
  while (at < tokens.length) {
    const key: number[] = [];
    while (at < tokens.length && tokens[at]! < keys) key.push(tokens[at++]!);
    const start = at;
    const value: number[] = [];
    while (at < tokens.length && tokens[at]! >= keys && tokens[at]! < content) {
      value.push(tokens[at++]!);
    }
    if (key.length > 0) {
      assert.ok(value.length > 0, 'a value stands behind its key');
      pairs.push({ key: key.join(' '), value, at: start });
    } else {
      assert.equal(value.length, 0, 'no value stands without a key');
      at += 1;
    }
  }
  return pairs;
}

describe('fuzzy in-context recall', () => {
  const anyFuzzy = sources('fuzzy-in-context-recall');

  it('has motifs of different tokens, no longer than they may be', () => {
    fc.assert(
      fc.property(anyFuzzy, fc.nat(), fc.boolean(), (source, seed, training) => {
        const example = fuzzyRecall(source, streamOf(seed), training);
        const pairs = pairsOf(wholeSequence(example), source);
        const { keyMotif, valueMotif } = source;
        for (const { key, value } of pairs) {
          const tokens = key.split(' ');
          assert.equal(new Set(tokens).size, tokens.length);
          assert.equal(new Set(value).size, value.length);
          assert.ok(value.length <= valueMotif);
          assert.ok(training ? tokens.length <= keyMotif : tokens.length === keyMotif);
        }
      }),
    );
  });

  it('always shows the pair that it asks for at the end', () => {
    fc.assert(
      fc.property(anyFuzzy, fc.nat(), fc.boolean(), (source, seed, training) => {
        const example = fuzzyRecall(source, streamOf(seed), training);
        const pairs = pairsOf(wholeSequence(example), source);
        const last = pairs.at(-1)!;
        const same = pairs.slice(0, -1).filter(({ key }) => key === last.key);
        assert.ok(same.length > 0);
        for (const { value } of same) assert.deepEqual(value, last.value);
      }),
    );
  });

  it('asks for all tokens of the values of keys seen before, and for nothing else', () => {
    fc.assert(
      fc.property(anyFuzzy, fc.nat(), (source, seed) => {
        const example = fuzzyRecall(source, streamOf(seed), false);
        const pairs = pairsOf(wholeSequence(example), source);
        const expected = new Array<number>(example.ids.length).fill(IGNORED);
        pairs.forEach(({ key, value, at }, index) => {
          const seen = pairs.slice(0, index).some((other) => other.key === key);
          const isLast = index === pairs.length - 1;
          if (!seen || (source.queries === 'single' && !isLast)) return;
          value.forEach((token, offset) => (expected[at + offset - 1] = token));
        });
        assert.deepEqual(example.targets, expected);
      }),
    );
  });

  it('has padding on the left alone, the next tokens as targets in training, and the wanted length', () => {
    fc.assert(
      fc.property(anyFuzzy, fc.nat(), (source, seed) => {
        const { ids, targets } = fuzzyRecall(source, streamOf(seed), true);
        const { pad, signal } = madVocabulary(source);
        assert.equal(ids.length, source.length);
        assert.deepEqual(targets.slice(0, -1), ids.slice(1));
        const begin = ids.findIndex((token) => token !== pad);
        assert.ok(!ids.slice(begin).includes(pad!));
        const prefixes = ids.filter((token) => token === signal).length;
        assert.equal(prefixes, source.queries === 'single' ? 1 : 0);
      }),
    );
  });

  it('draws motifs of each length as often, and each order of their tokens', () => {
    const source = madSource('fuzzy-in-context-recall', {
      vocabulary: 9,
      keyMotif: 2,
      valueMotif: 2,
    });
    const stream = streamOf(3);
    const counts = new Map<string, number>();
    let keys = 0;
    for (let each = 0; each < 300; each++) {
      const example = fuzzyRecall(source, stream, true);
      // The last pair is chosen among those before.
      for (const { key } of pairsOf(wholeSequence(example), source).slice(0, -1)) {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        keys += 1;
      }
    }
    // 4 key tokens: 4 motifs of one, 12 of two.
    assert.equal(counts.size, 16);
    for (const [key, count] of counts) {
      const expected = keys / 2 / (key.includes(' ') ? 12 : 4);
      assert.ok(
        Math.abs(count - expected) < 6 * Math.sqrt(expected),
        `${key}: ${count} of ${expected}`,
      );
    }
  });
});
