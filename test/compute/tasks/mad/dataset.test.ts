/** The splits of any MAD task: from a seed, apart from each other, as batches. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EvaluationBatches, TrainingBatches } from '../../../../server/compute/tasks/batches';
import { IGNORED } from '../../../../server/compute/tasks/ignored';
import type { ExampleSet } from '../../../../server/compute/tasks/examples';
import { madSplits } from '../../../../server/compute/tasks/mad/dataset';
import { madContext, madFaults, MAD_TASKS } from '../../../../server/models/madTasks';
import { madSource, sources } from './scene';

const rowsOf = ({ ids, length, count }: ExampleSet) =>
  Array.from({ length: count }, (_, row) => ids.slice(row * length, (row + 1) * length).join(' '));

/** Long enough that sequences don't repeat by themselves. */
const small = { examples: 40, testExamples: 20 };

describe('the splits of a MAD task', () => {
  for (const task of MAD_TASKS) {
    it(`${task}: the same from the same seed, others from another`, async () => {
      const source = madSource(task, small);
      assert.deepEqual(await madSplits(source), await madSplits(source));
      const other = await madSplits({ ...source, seed: 2 });
      assert.notDeepEqual((await madSplits(source)).train.ids, other.train.ids);
    });

    it(`${task}: of the wanted sizes, every token and target of the vocabulary`, async () => {
      const source = madSource(task, small);
      const { train, validation, test } = await madSplits(source);
      assert.deepEqual([train.count, validation.count, test.count], [40, 20, 20]);
      for (const split of [train, validation, test]) {
        assert.equal(split.length, madContext(source));
        assert.ok(split.ids.every((id) => id >= 0 && id < source.vocabulary));
        assert.ok(
          split.targets.every((id) => id === IGNORED || (id >= 0 && id < source.vocabulary)),
        );
      }
    });

    it(`${task}: fewer examples are the first of more`, async () => {
      const few = (await madSplits(madSource(task, small))).train;
      const more = (await madSplits(madSource(task, { ...small, examples: 60 }))).train;
      assert.deepEqual(more.ids.slice(0, few.ids.length), few.ids);
    });
  }

  it('has no example in two splits, even where sequences are few', async () => {
    // 3 tokens at 3 places, and the compression token: 27 sequences.
    const source = madSource('compression', {
      vocabulary: 4,
      length: 4,
      examples: 10,
      testExamples: 4,
    });
    const { train, validation, test } = await madSplits(source);
    const [known, valid, last] = [train, validation, test].map((split) => new Set(rowsOf(split)));
    for (const row of valid!) assert.ok(!known!.has(row));
    for (const row of last!) assert.ok(!known!.has(row) && !valid!.has(row));
  });

  it('says so where there are too few different sequences', async () => {
    const source = madSource('compression', { vocabulary: 3, length: 3, examples: 200 });
    await assert.rejects(madSplits(source), { code: 'mad-examples-repeat' });
  });

  it('makes examples of all knobs that have no fault', async () => {
    await fc.assert(
      fc.asyncProperty(sources(), async (source) => {
        assert.deepEqual(madFaults(source), []);
        try {
          await madSplits(source);
        } catch (error) {
          // Tiny tasks have few sequences.
          assert.equal((error as { code?: string }).code, 'mad-examples-repeat');
        }
      }),
    );
  });
});

describe('batches of examples', () => {
  let train: ExampleSet;
  let test: ExampleSet;
  before(async () => {
    const source = madSource('selective-copying', { ...small, length: 20, copy: 3 });
    ({ train, test } = await madSplits(source));
  });

  it('give every example once an epoch, and count what is scored', () => {
    const batches = new TrainingBatches(train, train.length, 1, 'search');
    const { ids, targets, scored } = batches.next(40);
    const given = rowsOf({ ...train, ids });
    assert.deepEqual([...given].sort(), rowsOf(train).sort());
    assert.notDeepEqual(given, rowsOf(train));
    assert.equal(scored, 40 * 3);
    assert.equal(targets.filter((target) => target !== IGNORED).length, scored);
  });

  it('go on from a stored position as if nothing had been', () => {
    const make = () => new TrainingBatches(train, train.length, 1, 'search');
    const [whole, cut] = [make(), make()];
    for (let step = 0; step < 7; step++) whole.next(8);
    cut.restore(whole.position);
    assert.deepEqual(cut.next(8), whole.next(8));
  });

  it('of an evaluation go over every example in order, the last batch shorter', () => {
    const batches = new EvaluationBatches(test, test.length, 8, 'test');
    const all = [...batches.all()];
    assert.deepEqual(
      all.map(({ sequences }) => sequences),
      [8, 8, 4],
    );
    assert.deepEqual(
      all.flatMap(({ ids }) => [...ids]),
      [...test.ids],
    );
    assert.equal(batches.scored, 20 * 3);
    assert.equal(
      all.reduce((sum, { scored }) => sum + scored, 0),
      batches.scored,
    );
  });
});
