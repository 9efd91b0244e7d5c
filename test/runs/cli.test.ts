import assert from 'node:assert/strict';
import path from 'node:path';
import { runAttach } from '../../server/cli/attach';
import { parseControl, runControl } from '../../server/cli/control';
import type { Io } from '../../server/cli/io';
import { printable, runRuns } from '../../server/cli/runsCommand';
import { EventLog } from '../../server/runs/eventLog';
import { failRun } from '../../server/runs/failRun';
import { updateManifest } from '../../server/runs/runFolder';
import { findPublication } from '../../server/runs/runtimeFolder';
import { kill, startProgram } from './childProgram';
import {
  evaluation,
  eventually,
  finished,
  inTemporaryFolder,
  newRun,
  started,
  step,
} from './runFixtures';

/** A terminal that remembers. */
function recorder(json = false) {
  const stop = new AbortController();
  const said = { out: '', err: '' };
  const io: Io = {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    json,
    isTTY: false,
    columns: 80,
    signal: stop.signal,
    impatience: new AbortController().signal,
  };
  return { io, said, stop };
}

describe('manticore runs', () => {
  it('is a table of id, state, stage, best validation loss and date', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      await updateManifest(dir, { id: 'abc123', state: 'done', startedAt: '2026-01-02T03:04:05Z' });
      const log = await EventLog.open(dir);
      log.append(started);
      log.append(evaluation(1, 2.5));
      log.close();
      assert.notEqual(id, 'abc123');
      const { io, said } = recorder();
      assert.equal(await runRuns(folder, io), 0);
      const shown = path.relative(folder, dir);
      assert.deepEqual(
        said.out
          .trimEnd()
          .split('\n')
          .map((line) => line.split(/\s{2,}/)),
        [
          ['ID', 'STATE', 'STAGE', 'BEST VALIDATION LOSS', 'STARTED', 'FOLDER'],
          ['abc123', 'done', 'search', '2.5000', '2026-01-02 03:04:05', shown],
        ],
      );
      const json = recorder(true);
      await runRuns(folder, json.io);
      const [run] = JSON.parse(json.said.out) as Record<string, unknown>[];
      assert.deepEqual(
        [run!['id'], run!['state'], run!['stage'], run!['bestValidationLoss'], run!['dir']],
        ['abc123', 'done', 'search', 2.5, dir],
      );
    }));

  it('says so when there are none; with --json that is an empty list', () =>
    inTemporaryFolder(async (folder) => {
      const text = recorder();
      assert.equal(await runRuns(folder, text.io), 0);
      assert.equal(text.said.out, '');
      assert.match(text.said.err, /No runs/);
      const json = recorder(true);
      await runRuns(folder, json.io);
      assert.equal(json.said.out, '[]\n');
    }));

  it('shows no control characters of a file', () => {
    assert.equal(printable('a\u001b]0;x\u0007b\u009b\u202ec\n'), 'a�]0;x�b��c�');
  });
});

describe('manticore pin, prune, stop and the rest', () => {
  const pin = (...components: string[]) => parseControl({ action: 'pin', block: '2', components });

  it('reads a component, or weights', () => {
    assert.deepEqual(pin('neox'), { action: 'pin', block: 2, weights: { neox: 1 } });
    assert.deepEqual(pin('neox=0.7', 'mamba=.3'), {
      action: 'pin',
      block: 2,
      weights: { neox: 0.7, mamba: 0.3 },
    });
    assert.deepEqual(parseControl({ action: 'prune', block: '1', component: 'mamba' }), {
      action: 'prune',
      block: 1,
      component: 'mamba',
    });
  });

  it('refuses what is neither, with the usage', async () => {
    for (const wrong of [
      [],
      ['neox', 'mamba'],
      ['neox=x'],
      ['neox=-1'],
      ['9'],
      ['neox=1', 'neox=1'],
    ]) {
      assert.throws(() => pin(...wrong), { code: 'usage' }, wrong.join(' '));
    }
    for (const block of ['0', '-1', 'two', '1.5', '9999999']) {
      assert.throws(() => parseControl({ action: 'unpin', block }), { code: 'usage' }, block);
    }
    const { io, said } = recorder();
    assert.equal(await runControl('x', { action: 'unpin', block: 'two' }, io), 2);
    assert.match(said.err, /Usage: manticore unpin RUN BLOCK/);
  });

  it('exits 1 for an unknown run and for one that nobody works on', () =>
    inTemporaryFolder(async (folder) => {
      const unknown = recorder();
      assert.equal(await runControl('no-such-run-zz', { action: 'pause' }, unknown.io), 1);
      assert.match(unknown.said.err, /^run-not-found: /);
      const { dir } = await newRun(folder);
      const idle = recorder();
      assert.equal(await runControl(dir, { action: 'pause' }, idle.io), 1);
      assert.match(idle.said.err, /^not-running: .*\nGo on with `manticore resume`/);
    }));

  it('steers a running one, and tells what it answered', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const child = await startProgram('computeProcess', [dir]);
      try {
        await eventually(() => findPublication(dir));
        const pinned = recorder();
        assert.equal(
          await runControl(dir, { action: 'pin', block: '1', components: ['neox'] }, pinned.io),
          0,
        );
        assert.match(pinned.said.out, /^pin: applied after step \d+\.\n$/);
        const pruned = recorder(true);
        const prune = { action: 'prune', block: '1', component: 'neox' } as const;
        assert.equal(await runControl(dir, prune, pruned.io), 1);
        assert.equal((JSON.parse(pruned.said.out) as { code: string }).code, 'last-component');
        const attached = recorder(true);
        const attaching = runAttach(dir, attached.io);
        const stopped = recorder();
        assert.equal(await runControl(dir, { action: 'stop', checkpoint: true }, stopped.io), 0);
        assert.equal(await attaching, 130);
        const lines = attached.said.out.trimEnd().split('\n');
        const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
        assert.equal(types[0], 'started');
        assert.equal(types.at(-1), 'finished');
        assert.ok(types.includes('control'));
      } finally {
        await kill(child);
      }
    }));
});

describe('manticore attach', () => {
  it('draws a finished run and exits 0', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const log = await EventLog.open(dir);
      for (const event of [started, step(1), finished]) log.append(event);
      log.close();
      const drawn: string[] = [];
      const view = () => ({
        update: (event: { type: string }) => void drawn.push(event.type),
        end: () => void drawn.push('end'),
      });
      assert.equal(await runAttach(dir, recorder().io, view), 0);
      assert.deepEqual(drawn, ['started', 'step', 'finished', 'end']);
      const terminal = recorder();
      assert.equal(await runAttach(dir, terminal.io), 0);
      assert.notEqual(terminal.said.out, '');
    }));

  it('exits 3 for a failed run, with its reason and the way out', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const log = await EventLog.open(dir);
      log.append(started);
      await failRun(dir, log, {
        code: 'nan',
        message: 'Loss is NaN.',
        hint: 'Lower learningRate.',
      });
      log.close();
      const { io, said } = recorder(true);
      assert.equal(await runAttach(dir, io), 3);
      assert.equal(said.err, 'nan: Loss is NaN.\nLower learningRate.\n');
    }));

  it('exits 3 for a lost one', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await updateManifest(dir, { state: 'running' });
      const { io, said } = recorder(true);
      assert.equal(await runAttach(dir, io), 3);
      assert.match(said.err, /^lost: /);
    }));

  it('only detaches on Ctrl-C', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const child = await startProgram('computeProcess', [dir]);
      try {
        const { io, said, stop } = recorder(true);
        const attaching = runAttach(dir, io);
        await eventually(() => Promise.resolve(said.out.includes('"step"') || undefined));
        stop.abort();
        assert.equal(await attaching, 130);
        assert.match(said.err, /^Detached; the run goes on/);
        assert.ok(await findPublication(dir));
      } finally {
        await kill(child);
      }
    }));
});
