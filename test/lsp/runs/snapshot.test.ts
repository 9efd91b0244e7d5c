/** A snapshot says what a replay of the whole log says, without parsing the steps. */
import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import type { RunSnapshot } from '../../../server/contract/runViews';
import type { StepEvent } from '../../../server/contract/events';
import { readEvents } from '../../../server/runs/readEvents';
import { ofType } from '../../cli/runFiles';
import { writeLongRun } from '../../runs/longRun';
import { inTemporaryFolder } from '../../runs/runFixtures';
import { RunsClient } from './runsClient';

const shape = { steps: 3000, blocks: 24, components: 3 };

/** JSON has no NaN: what a client sees of an event. */
const asSent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** The snapshot of a run, asked for over stdio, beside the replay of its log. */
async function compared(
  body: (sides: {
    readonly client: RunsClient;
    readonly dir: string;
    readonly snapshot: RunSnapshot;
    readonly steps: readonly StepEvent[];
    readonly replayed: Awaited<ReturnType<typeof readEvents>>;
  }) => Promise<void> | void,
  options: { readonly index?: boolean; readonly spoil?: (dir: string) => Promise<void> } = {},
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const dir = await writeLongRun({ ...shape, folder, index: options.index ?? true });
    await options.spoil?.(dir);
    const client = await RunsClient.start({ folders: [folder] });
    try {
      const snapshot = await client.ask('manticore/runSnapshot', { dir });
      const replayed = await readEvents(dir);
      const steps = ofType(replayed.events, 'step').filter(({ stage }) => stage === 'search');
      await body({ client, dir, snapshot, steps, replayed });
      await client.close();
    } finally {
      client.kill();
    }
  });
}

describe('a snapshot of a run', () => {
  for (const index of [true, false]) {
    it(`is that of its replay, ${index ? 'with' : 'without'} a stored index`, () =>
      compared(
        async ({ client, dir, snapshot, steps, replayed }) => {
          const others = replayed.events.filter(({ type }) => type !== 'step');
          assert.deepEqual(snapshot.events, asSent(others));
          assert.ok(ofType(others, 'resumed').length === 1 && ofType(others, 'control').length > 8);
          assert.equal(snapshot.nextSeq, replayed.events.at(-1)!.seq + 1);
          assert.equal(snapshot.skipped, 0);
          assert.deepEqual(snapshot.latest, asSent(replayed.events.at(-1)));

          const [frames, ...noMore] = snapshot.frames;
          assert.deepEqual(noMore, [], 'a baseline has no α');
          assert.equal(frames!.recorded, shape.steps);
          assert.ok(frames!.steps.length >= 200 && frames!.steps.length <= 400);
          assert.deepEqual([frames!.steps[0], frames!.steps.at(-1)], [1, shape.steps]);
          const byStep = new Map(steps.map((step) => [step.step, step]));
          frames!.steps.forEach((step, at) => {
            assert.deepEqual(frames!.alphas[at], byStep.get(step)!.alphas);
          });

          const [curve, baseline] = snapshot.curves;
          assert.deepEqual([curve!.total, baseline!.total], [shape.steps, shape.steps / 10]);
          assert.ok(curve!.steps.length <= 2000);
          curve!.steps.forEach((step, at) => {
            const { loss } = byStep.get(step)!;
            assert.equal(curve!.loss[at], Number.isNaN(loss) ? null : loss);
          });
          assert.equal(curve!.loss.includes(null), true, 'a loss that is no number is not hidden');

          const exact = [1, 2, 999, 1649, 1650, 1651, shape.steps];
          const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
          assert.deepEqual(
            await client.ask('manticore/alphasAt', { dir, where, steps: [...exact, 9999] }),
            [...exact.map((step) => byStep.get(step)!.alphas), null],
          );
          const zoomed = await client.ask('manticore/lossBetween', {
            ...{ dir, where, fromStep: 100, toStep: 140, maxPoints: 100 },
          });
          assert.deepEqual(
            zoomed.loss,
            steps.slice(99, 140).map(({ loss }) => loss),
          );
          assert.equal(zoomed.total, shape.steps);
        },
        { index },
      ));
  }

  it('of a log with spoilt lines shows everything else, and counts them', () =>
    compared(
      ({ snapshot, replayed, steps }) => {
        assert.equal(replayed.skipped, 3);
        assert.equal(snapshot.skipped, 3);
        const others = replayed.events.filter(({ type }) => type !== 'step');
        assert.deepEqual(snapshot.events, asSent(others));
        assert.equal(snapshot.frames[0]!.recorded, steps.length);
      },
      {
        spoil: async (dir) => {
          const log = path.join(dir, 'events.jsonl');
          const lines = (await readFile(log, 'utf8')).split('\n');
          lines.splice(500, 0, '{"seq":"none"', '\u0000\u0001');
          lines[700] = lines[700]!.slice(0, 100);
          await writeFile(log, lines.join('\n'));
        },
      },
    ));

  it('of a torn log ends with its last whole line', () =>
    compared(
      ({ snapshot, replayed }) => {
        assert.equal(snapshot.nextSeq, replayed.events.at(-1)!.seq + 1);
        assert.equal(snapshot.skipped, 0);
      },
      {
        spoil: async (dir) => {
          const log = path.join(dir, 'events.jsonl');
          await truncate(log, (await stat(log)).size - 20);
        },
      },
    ));

  it('begins anew when the log was cut meanwhile', () =>
    compared(async ({ client, dir, snapshot }) => {
      const log = path.join(dir, 'events.jsonl');
      await truncate(log, Math.floor((await stat(log)).size / 2));
      const { nextSeq, curves } = await client.ask('manticore/runSnapshot', { dir });
      assert.ok(nextSeq < snapshot.nextSeq && nextSeq > 100);
      assert.equal(curves.length, 1);
    }));

  it('goes on with what a watch tells', () =>
    compared(async ({ client, dir, snapshot }) => {
      const from = snapshot.nextSeq - 50;
      await client.ask('manticore/watchRun', { dir, fromSeq: from });
      const seen = await client.eventsWhere(dir, 'the end', (events) => events.length >= 50);
      assert.deepEqual([seen[0]!.seq, seen.at(-1)!.seq, seen.length], [from, from + 49, 50]);
      await client.ask('manticore/unwatchRun', { dir });
      await appendFile(
        path.join(dir, 'events.jsonl'),
        `{"seq":${snapshot.nextSeq},"time":"t","type":"warning","code":"late","message":"<img>"}\n`,
      );
      const { events } = await client.ask('manticore/runSnapshot', { dir });
      assert.deepEqual(ofType(events, 'warning').at(-1)!.message, '<img>');
      assert.equal(client.events(dir).length, 50, 'nothing is told that nobody watches');
    }));
});

describe('a hostile run folder', () => {
  it('is shown as far as it holds regular files of sensible sizes', () =>
    inTemporaryFolder(async (folder) => {
      const dir = await writeLongRun({ ...shape, steps: 50, folder, name: 'hostile' });
      const secret = path.join(folder, 'secret');
      await writeFile(secret, 'TOP SECRET\n');
      await rm(path.join(dir, 'events.index'));
      await symlink(secret, path.join(dir, 'events.index'));
      await symlink(secret, path.join(dir, 'compute.log'));
      await rm(path.join(dir, 'plan.json'));
      await symlink(secret, path.join(dir, 'plan.json'));
      await rm(path.join(dir, 'config.manticore.yaml'));
      await mkdir(path.join(dir, 'config.manticore.yaml'));
      const manifest = JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as object;
      await writeFile(
        path.join(dir, 'run.json'),
        JSON.stringify({ ...manifest, pid: 1, state: 'running', config: '<img src=x>' }),
      );
      const client = await RunsClient.start({ folders: [folder] });
      try {
        // Process 1 lives, but never published itself for this folder.
        const run = await client.runWhere(dir, 'the run', ({ state }) => state === 'lost');
        assert.equal(run.config, '<img src=x>');
        const snapshot = await client.ask('manticore/runSnapshot', { dir });
        assert.equal(snapshot.plan, undefined);
        assert.equal(snapshot.frames[0]!.recorded, 50);
        const log = await client.refused('manticore/computeLog', { dir });
        assert.equal(log.code, 'unsafe-file');
        const { html } = await client.ask('manticore/buildReport', { dir });
        assert.doesNotMatch(html, /TOP SECRET|<img src=x>/);
        const stop = { action: 'stop', checkpoint: false } as const;
        assert.equal(
          (await client.refused('manticore/controlRun', { dir, request: stop })).code,
          'not-running',
        );
        assert.match(
          (await client.refused('manticore/resumeRun', { dir })).code,
          /^(unsafe-file|plan-changed|file-)/,
        );
        await rm(path.join(dir, 'events.jsonl'));
        await symlink(secret, path.join(dir, 'events.jsonl'));
        assert.equal((await client.refused('manticore/runSnapshot', { dir })).code, 'unsafe-file');
        await client.close();
      } finally {
        client.kill();
      }
    }));
});
