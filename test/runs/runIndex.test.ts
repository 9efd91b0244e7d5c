import assert from 'node:assert/strict';
import { appendFile, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import type { NewRunEvent, RunEvent } from '../../server/contract/events';
import { EventLog } from '../../server/runs/eventLog';
import { sealEvent } from '../../server/runs/eventSchema';
import { readEvents } from '../../server/runs/readEvents';
import { RunIndex } from '../../server/runs/runIndex';
import {
  baseline,
  evaluation,
  finetune,
  inTemporaryFolder,
  search,
  started,
  step,
} from './runFixtures';

const indexFile = (dir: string): string => path.join(dir, 'events.index');

async function write(dir: string, events: readonly NewRunEvent[]): Promise<void> {
  const log = await EventLog.open(dir);
  for (const event of events) log.append(event);
  log.close();
}

/** The index must say what a replay of the log says. */
async function sameAsLog(dir: string): Promise<RunIndex> {
  const index = await RunIndex.open(dir);
  const { events } = await readEvents(dir);
  for (const where of [search, finetune, baseline]) {
    const here = (event: RunEvent): boolean =>
      'stage' in event && event.stage === where.stage && event.subject === where.subject;
    const steps = events.filter((event) => event.type === 'step').filter(here);
    assert.deepEqual(
      [...index.steps(where)],
      steps.map((event) => event.step),
    );
    assert.deepEqual(
      index.loss(where, 0, 1e6, 1e6).loss,
      steps.map((event) => event.loss),
    );
    const path = await index.alphaPath(
      where,
      steps.map((event) => event.step),
    );
    assert.deepEqual(
      path,
      steps.map((event) => event.alphas),
    );
    const evaluations = events.filter((event) => event.type === 'evaluation').filter(here);
    assert.deepEqual(
      index.evaluations(where).map((point) => point.loss),
      evaluations.map((event) => event.loss),
    );
  }
  return index;
}

const some = [
  started,
  step(1),
  step(2),
  evaluation(2, 3),
  step(1, finetune),
  step(1, baseline, Number.NaN),
];

describe('the index beside the log', () => {
  it('gives loss and α of any step, of every stage and subject', () =>
    inTemporaryFolder(async (dir) => {
      await write(dir, some);
      const index = await sameAsLog(dir);
      assert.ok(index.storedBytes > 0);
      assert.deepEqual(index.wheres, [search, finetune, baseline]);
      assert.deepEqual(index.lastWhere, baseline);
      assert.equal(await index.alphas(search, 7), undefined);
      assert.ok(Number.isNaN(index.loss(baseline, 1, 1, 10).loss[0]));
    }));

  it('follows a log that grows under it', () =>
    inTemporaryFolder(async (dir) => {
      await write(dir, some);
      const index = await RunIndex.open(dir);
      await write(dir, [step(3), step(4)]);
      await index.refresh();
      assert.deepEqual([...index.steps(search)], [1, 2, 3, 4]);
      await sameAsLog(dir);
    }));

  it('applies resumptions', () =>
    inTemporaryFolder(async (dir) => {
      const resumed: NewRunEvent = {
        type: 'resumed',
        ...search,
        fromStep: 1,
        supersedesFromSeq: 2,
      };
      await write(dir, [...some, resumed, step(2, search, 9)]);
      const index = await sameAsLog(dir);
      assert.deepEqual(index.loss(search, 1, 2, 10), { steps: [1, 2], loss: [5, 9] });
      assert.equal(index.steps(finetune).length, 0);
    }));

  it('is made again from the log when it is missing, damaged, foreign, or a link', () =>
    inTemporaryFolder(async (dir) => {
      await write(dir, some);
      const right = await readFile(indexFile(dir));
      const wrong: readonly [string, () => Promise<void>][] = [
        ['missing', () => rm(indexFile(dir))],
        ['empty', () => truncate(indexFile(dir), 0)],
        ['no index', () => writeFile(indexFile(dir), Buffer.alloc(500, 7))],
        ['of a shorter log', () => writeFile(indexFile(dir), right.subarray(0, 16 + 48))],
        ['torn', () => writeFile(indexFile(dir), right.subarray(0, right.length - 20))],
        [
          'a link',
          async () => {
            await rm(indexFile(dir));
            await symlink('/etc/passwd', indexFile(dir));
          },
        ],
      ];
      for (const [, damage] of wrong) {
        await damage();
        await sameAsLog(dir);
        await write(dir, []);
        assert.deepEqual(await readFile(indexFile(dir)), right);
      }
      // The same names and numbers, but another log.
      await write(dir, []);
      await rm(path.join(dir, 'events.jsonl'));
      const other = [started, step(1, search, 1), step(2, search, 2)];
      const lines = other.map((event, seq) => sealEvent(event, seq, 'another time').line);
      await writeFile(path.join(dir, 'events.jsonl'), `${lines.join('\n')}\n`);
      await sameAsLog(dir);
    }));

  it('is right or made again whatever byte is damaged', () =>
    inTemporaryFolder(async (dir) => {
      await write(dir, some);
      const right = await readFile(indexFile(dir));
      await fc.assert(
        fc.asyncProperty(
          fc.nat(right.length - 1),
          fc.integer({ min: 1, max: 255 }),
          async (at, x) => {
            const bytes = Buffer.from(right);
            bytes[at]! ^= x;
            await writeFile(indexFile(dir), bytes);
            await sameAsLog(dir);
          },
        ),
        { numRuns: 30 },
      );
    }));

  it('is cut back when the log was healed shorter', () =>
    inTemporaryFolder(async (dir) => {
      await write(dir, [...some, step(3)]);
      const log = path.join(dir, 'events.jsonl');
      await truncate(log, (await stat(log)).size - 5);
      await sameAsLog(dir);
      await write(dir, [step(3, search, 8)]);
      await sameAsLog(dir);
      assert.ok((await RunIndex.open(dir)).storedBytes === (await stat(indexFile(dir))).size);
    }));

  it('thins a curve and keeps its spikes', () =>
    inTemporaryFolder(async (dir) => {
      const spikes = new Map([
        [333, 50],
        [666, -1],
        [901, Number.NaN],
      ]);
      const steps = Array.from({ length: 1000 }, (_, at) =>
        step(at + 1, search, spikes.get(at + 1) ?? 2),
      );
      await write(dir, [started, ...steps]);
      const curve = (await RunIndex.open(dir)).loss(search, 1, 1000, 40);
      assert.ok(curve.steps.length <= 40);
      for (const spike of spikes.keys()) assert.ok(curve.steps.includes(spike), `step ${spike}`);
      assert.deepEqual(
        curve.steps,
        [...curve.steps].sort((a, b) => a - b),
      );
    }));

  it('opens 100,000 steps of 24 × 3 α without reading the log that lies between', () =>
    inTemporaryFolder(async (dir) => {
      const alphas = Array.from({ length: 24 }, () => [0.5, 0.3, 0.2]);
      const line = (seq: number): string =>
        sealEvent({ ...step(seq), alphas } as never, seq, 'T').line;
      const template = line(1);
      const lines = [sealEvent(started, 0, 'T').line];
      for (let seq = 1; seq <= 100_000; seq++) {
        lines.push(
          template.replace('"seq":1,', `"seq":${seq},`).replace('"step":1,', `"step":${seq},`),
        );
      }
      const log = path.join(dir, 'events.jsonl');
      await writeFile(log, `${lines.join('\n')}\n`);
      await RunIndex.rebuild(dir);
      // Damage in the middle of the log would be met by whoever read it: the index doesn't.
      const { size } = await stat(log);
      await truncate(log, size);
      const bytes = await readFile(log);
      bytes.fill(0, Math.floor(size / 3), Math.floor(size / 2));
      await writeFile(log, bytes);
      const index = await RunIndex.open(dir);
      assert.equal(index.steps(search).length, 100_000);
      assert.deepEqual(await index.alphas(search, 99_000), alphas);
      assert.equal(await index.alphas(search, 40_000), undefined);
      await appendFile(log, `${line(100_001)}\n`);
      await index.refresh();
      assert.equal(index.steps(search).length, 100_001);
    }));
});
