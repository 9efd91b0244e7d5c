/** ListOps: its values by an evaluator that knows nothing of trees, its lengths, its splits. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lraSplits } from '../../../../server/compute/tasks/lra/dataset';
import { listops, LISTOPS_IDS } from '../../../../server/compute/tasks/lra/listops';
import { tokensOf, type LabelledSet } from '../../../../server/compute/tasks/labelled';
import { lraFaults } from '../../../../server/models/lraTasks';
import { lraSource, streamOf } from './scene';

const words = new Map([...LISTOPS_IDS].map(([word, id]) => [id, word]));
const textOf = (ids: Uint8Array) => [...ids].map((id) => words.get(id)!).join(' ');

/** Replaces innermost brackets by their values until one word is left. */
function evaluated(text: string): { readonly value: number; readonly depth: number } {
  let rest = text;
  let depth = 1;
  while (rest.includes('[')) {
    depth += 1;
    rest = rest.replaceAll(
      /\[(MIN|MAX|MED|SM)((?: \d)+) \]/g,
      (_, operator: string, list: string) => {
        const values = list.trim().split(' ').map(Number);
        assert.ok(values.length >= 2);
        return String(ofOperator(operator, values));
      },
    );
  }
  assert.match(rest, /^\d$/);
  return { value: Number(rest), depth };
}

function ofOperator(operator: string, values: readonly number[]): number {
  if (operator === 'SM') return values.reduce((a, b) => a + b) % 10;
  const sorted = values.toSorted((a, b) => a - b);
  if (operator === 'MIN') return sorted[0]!;
  if (operator === 'MAX') return sorted.at(-1)!;
  // numpy's median, then Python's int.
  const half = (sorted.length - 1) / 2;
  return Math.trunc((sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2);
}

const rowsOf = (set: LabelledSet) =>
  Array.from({ length: set.count }, (_, row) => textOf(tokensOf(set, row)));

describe('ListOps', () => {
  it('the class of a sequence is its value, in the bounds of its knobs', () => {
    const knobs = fc.record({
      seed: fc.nat(),
      depth: fc.integer({ min: 3, max: 10 }),
      arguments: fc.integer({ min: 3, max: 10 }),
      minLength: fc.integer({ min: 3, max: 15 }),
      length: fc.integer({ min: 40, max: 200 }),
    });
    fc.assert(
      fc.property(knobs, ({ seed, ...given }) => {
        const source = lraSource('listops', given);
        const { sequences, label } = listops(source, streamOf(seed))!;
        const [ids] = sequences as [Uint8Array];
        assert.ok(ids.length > source.minLength && ids.length < source.length);
        const { value, depth } = evaluated(textOf(ids));
        assert.equal(value, label);
        assert.ok(depth <= source.depth);
      }),
    );
  });

  it('at the release’s sizes: 500 to 2,000 tokens, every class', () => {
    const stream = streamOf(3);
    const labels = new Set<number>();
    for (let count = 0; count < 60; count++) {
      const { sequences, label } = listops(lraSource('listops'), stream)!;
      const [ids] = sequences as [Uint8Array];
      assert.ok(ids.length > 500 && ids.length < 2000);
      assert.equal(evaluated(textOf(ids)).value, label);
      labels.add(label);
    }
    assert.equal(labels.size, 10);
  });

  const small = { examples: 60, testExamples: 20, minLength: 6, length: 40, depth: 4 };

  it('the same from the same seed, others from another; fewer are the first of more', async () => {
    const source = lraSource('listops', small);
    const one = await lraSplits(source, '/');
    assert.deepEqual(await lraSplits(source, '/'), one);
    const other = await lraSplits({ ...source, seed: 2 }, '/');
    assert.notDeepEqual(rowsOf(other.train), rowsOf(one.train));
    const few = await lraSplits({ ...source, examples: 10 }, '/');
    assert.deepEqual(rowsOf(few.train), rowsOf(one.train).slice(0, 10));
  });

  it('no sequence twice, in any split', async () => {
    const { train, validation, test } = await lraSplits(lraSource('listops', small), '/');
    const rows = [train, validation, test].flatMap(rowsOf);
    assert.deepEqual([train.count, validation.count, test.count], [60, 20, 20]);
    assert.equal(new Set(rows).size, rows.length);
  });

  it('knobs that no tree meets are faults; too few trees, a failure that says so', async () => {
    assert.equal(lraFaults(lraSource('listops', { depth: 3, arguments: 5 })).length, 1);
    assert.equal(lraFaults(lraSource('listops', { minLength: 1999 })).length, 1);
    // An operator on two digits: 400 trees.
    const tiny = { minLength: 3, length: 5, depth: 2, arguments: 2, examples: 500 };
    assert.deepEqual(lraFaults(lraSource('listops', tiny)), []);
    await assert.rejects(lraSplits(lraSource('listops', tiny), '/'), { code: 'lra-examples-rare' });
  });
});
