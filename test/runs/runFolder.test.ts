import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { EventLog } from '../../server/runs/eventLog';
import { findRun, listRuns, runBases, summarize } from '../../server/runs/listRuns';
import { readEvents } from '../../server/runs/readEvents';
import {
  createRunFolder,
  folderLabel,
  readConfigSnapshot,
  readManifest,
  readPlanFile,
  updateManifest,
} from '../../server/runs/runFolder';
import { runState } from '../../server/runs/runState';
import { kill, startProgram } from './childProgram';
import {
  baseline,
  evaluation,
  eventually,
  finetune,
  finished,
  inTemporaryFolder,
  newRun,
  somePlan,
  started,
  step,
} from './runFixtures';

const runs = (folder: string): string => path.join(folder, '.manticore', 'runs');

describe('the run folder', () => {
  it('holds the config as it stood, the plan, and run.json', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id, planHash } = await newRun(folder);
      assert.equal(path.dirname(dir), runs(folder));
      assert.match(path.basename(dir), /^\d{8}-\d{6}-quickstart$/);
      assert.equal(await readConfigSnapshot(dir), 'manticore: 1\n');
      assert.deepEqual((await readPlanFile(dir)).plan, somePlan);
      const plan = await readFile(path.join(dir, 'plan.json'));
      assert.equal(planHash, createHash('sha256').update(plan).digest('hex'));
      assert.equal((await readPlanFile(dir)).planHash, planHash);
      const manifest = await readManifest(dir);
      assert.equal(manifest.id, id);
      assert.equal(manifest.state, 'starting');
      assert.equal(manifest.config, path.join(folder, 'quickstart.manticore.yaml'));
      assert.deepEqual(
        (await readdir(dir)).filter((name) => name.endsWith('.tmp')),
        [],
      );
    }));

  it('is another one for each of ten made at once', () =>
    inTemporaryFolder(async (folder) => {
      const made = await Promise.all(Array.from({ length: 10 }, () => newRun(folder)));
      assert.equal(new Set(made.map((run) => run.dir)).size, 10);
      assert.equal(new Set(made.map((run) => run.id)).size, 10);
      assert.equal((await listRuns([runs(folder)])).length, 10);
    }));

  it('is made in another place when asked', () =>
    inTemporaryFolder(async (folder) => {
      const out = path.join(folder, 'deep', 'out');
      const { dir } = await createRunFolder({
        configPath: path.join(folder, 'x.manticore.yaml'),
        configText: '',
        plan: somePlan,
        out,
        versions: {},
      });
      assert.equal(path.dirname(dir), out);
    }));

  it('has a name that every file system takes, whatever the config is called', () => {
    const now = new Date('2026-11-23T15:12:00.5Z');
    assert.equal(folderLabel('/a/quick start!.manticore.yaml', now), '20261123-151200-quick-start');
    assert.equal(folderLabel('/a/日本.manticore.yaml', now), '20261123-151200-run');
    assert.equal(folderLabel('/a/...manticore.yaml', now), '20261123-151200-run');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        assert.match(folderLabel(name, now), /^20261123-151200-[\w][\w.-]{0,63}$/);
      }),
    );
  });

  it('replaces run.json whole', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      await Promise.all([
        ...Array.from({ length: 20 }, async () => assert.equal((await readManifest(dir)).id, id)),
        ...Array.from({ length: 20 }, (_, pid) => updateManifest(dir, { pid, state: 'running' })),
      ]);
      assert.equal((await readManifest(dir)).state, 'running');
    }));
});

describe('the state of a run', () => {
  it('is what run.json says while its process lives, and lost when that is killed', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      assert.equal(await runState(dir), 'starting');
      const child = await startProgram('computeProcess', [dir]);
      try {
        await eventually(async () => ((await runState(dir)) === 'running' ? true : undefined));
      } finally {
        await kill(child);
      }
      assert.equal((await readManifest(dir)).state, 'running');
      assert.equal(await runState(dir), 'lost');
    }));

  it('is the last word of the log when run.json could not be written any more', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await updateManifest(dir, { state: 'running' });
      const log = await EventLog.open(dir);
      log.append(started);
      log.append(finished);
      log.append({ type: 'warning', code: 'x', message: 'The report was not drawn.' });
      log.close();
      assert.equal(await runState(dir), 'done');
      const again = await EventLog.open(dir);
      again.append(step(4));
      again.close();
      assert.equal(await runState(dir), 'lost');
    }));

  it('does not believe in a start that began long ago', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await updateManifest(dir, { startedAt: '2020-01-01T00:00:00Z' });
      assert.equal(await runState(dir), 'lost');
      await updateManifest(dir, { startedAt: '2999-01-01T00:00:00Z' });
      assert.equal(await runState(dir), 'lost');
    }));
});

describe('finding runs', () => {
  it('lists the newest first, with stage and best validation loss of the hybrid', () =>
    inTemporaryFolder(async (folder) => {
      const old = await newRun(folder, 'old');
      await updateManifest(old.dir, { startedAt: '2026-01-01T00:00:00Z', state: 'done' });
      const log = await EventLog.open(old.dir);
      for (const event of [
        started,
        evaluation(1, 3),
        evaluation(2, 2.5),
        evaluation(3, Number.NaN),
      ]) {
        log.append(event);
      }
      log.append(evaluation(1, 2.75, finetune));
      log.append(evaluation(1, 1, baseline));
      log.close();
      const young = await newRun(folder, 'young');
      await mkdir(path.join(runs(folder), 'no-run'));
      await symlink(young.dir, path.join(runs(folder), 'link'));
      const listed = await listRuns([runs(folder), path.join(folder, 'nowhere')]);
      assert.deepEqual(
        listed.map((run) => run.id),
        [young.id, old.id],
      );
      const summary = await summarize(listed[1]!);
      assert.deepEqual(
        [summary.state, summary.stage, summary.bestValidationLoss],
        ['done', 'baseline', 2.5],
      );
      assert.equal((await summarize(listed[0]!)).bestValidationLoss, undefined);
    }));

  it('takes a path, an id, the beginning of one, a name, and `latest`', () =>
    inTemporaryFolder(async (folder) => {
      const first = await newRun(folder, 'first');
      await updateManifest(first.dir, { id: 'abc1', startedAt: '2026-01-01T00:00:00Z' });
      const second = await newRun(folder, 'second');
      await updateManifest(second.dir, { id: 'abd2', startedAt: '2026-02-01T00:00:00Z' });
      const bases = [runs(folder)];
      const found = async (reference: string): Promise<string> =>
        (await findRun(reference, bases)).dir;
      assert.equal(await found(first.dir), first.dir);
      assert.equal(await found('abc1'), first.dir);
      assert.equal(await found('abd'), second.dir);
      assert.equal(await found(path.basename(first.dir)), first.dir);
      assert.equal(await found('latest'), second.dir);
      await assert.rejects(found('ab'), { code: 'run-ambiguous' });
      await assert.rejects(found('zz'), { code: 'run-not-found' });
      await assert.rejects(found(''), { code: 'run-not-found' });
      await assert.rejects(findRun('latest', []), { code: 'run-not-found' });
    }));

  it('looks beside the configs above and below the working folder', () =>
    inTemporaryFolder(async (folder) => {
      const examples = path.join(folder, 'examples');
      await mkdir(path.join(examples, 'deeper'), { recursive: true });
      const { id } = await newRun(examples);
      for (const from of [folder, examples, path.join(examples, 'deeper')]) {
        assert.deepEqual(
          (await listRuns(await runBases(from))).map((run) => run.id),
          [id],
          from,
        );
      }
    }));

  it('finds a running one from anywhere', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const child = await startProgram('computeProcess', [dir]);
      try {
        await eventually(async () => ((await listRuns([])).length === 1 ? true : undefined));
        assert.equal((await findRun(id, [])).dir, dir);
      } finally {
        await kill(child);
      }
      assert.deepEqual(await listRuns([]), []);
    }));
});

describe('a hostile run folder', () => {
  const hostile = async (text: string, folder: string): Promise<string> => {
    const dir = path.join(runs(folder), 'cloned');
    await mkdir(dir, { recursive: true });
    await writeFile(path.join(dir, 'run.json'), text);
    return dir;
  };

  it('with a run.json of wrong types, or a gigantic one, is no run', () =>
    inTemporaryFolder(async (folder) => {
      const right = JSON.stringify(await readManifest((await newRun(folder)).dir));
      const texts = [
        '',
        '[]',
        '{"id":7}',
        right.replace('"pid":0', '"pid":"1"'),
        right.replace(/"id":"\w+"/, '"id":"../../x"'),
        right.replace('"starting"', '"perfect"'),
        `${right.slice(0, -1)}${' '.repeat(300_000)}}`,
      ];
      for (const text of texts) {
        const dir = await hostile(text, folder);
        await assert.rejects(readManifest(dir), { code: 'not-a-run' });
        assert.equal((await listRuns([runs(folder)])).length, 1);
      }
    }));

  it('that names the pid of a stranger is lost, and the stranger lives on', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await updateManifest(dir, { state: 'running', pid: process.pid });
      assert.equal(await runState(dir), 'lost');
    }));

  it('whose run.json, log, index or config are links is not read', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const dir2 = path.join(folder, 'linked');
      await mkdir(dir2);
      await symlink(path.join(dir, 'run.json'), path.join(dir2, 'run.json'));
      await assert.rejects(readManifest(dir2), { code: 'not-a-run' });

      const secret = path.join(folder, 'secret');
      await writeFile(secret, 'secret\n');
      await symlink(secret, path.join(dir, 'events.jsonl'));
      await assert.rejects(EventLog.open(dir), { code: 'unsafe-file' });
      const [listed] = await listRuns([runs(folder)]);
      assert.equal(listed?.id, id);
      assert.equal((await summarize(listed)).bestValidationLoss, undefined);
      assert.equal(await readFile(secret, 'utf8'), 'secret\n');
    }));

  it('whose checkpoint event leads out of it is passed over', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const paths = [
        '../../etc',
        '/etc/passwd',
        'checkpoints/../..',
        'checkpoints/step-1/x',
        'C:\\x',
      ];
      const lines = paths.map((at, seq) =>
        JSON.stringify({
          seq,
          time: 'T',
          type: 'checkpoint',
          stage: 'search',
          subject: 'hybrid',
          seed: 1,
          step: 1,
          path: at,
        }),
      );
      await writeFile(path.join(dir, 'events.jsonl'), `${lines.join('\n')}\n`);
      assert.deepEqual(await readEvents(dir), { events: [], skipped: paths.length });
    }));

  it('cannot reach the prototypes through names in an event', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const line = JSON.stringify({ seq: 0, time: 'T', ...finished }).replace(
        '"meanAlpha":{',
        '"meanAlpha":{"__proto__":5,"constructor":6,',
      );
      await writeFile(path.join(dir, 'events.jsonl'), `${line}\n`);
      await readEvents(dir);
      assert.equal(Object.getPrototypeOf({}), Object.prototype);
      assert.equal(({} as Record<string, unknown>)['neox'], undefined);
    }));
});
