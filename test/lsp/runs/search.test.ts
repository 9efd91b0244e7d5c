/** A search from the editor: started, watched, changed, stopped, resumed. The server and the search are the real ones. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CancellationTokenSource, LSPErrorCodes } from 'vscode-languageserver-protocol/node';
import { signalProcess } from '../../../server/runs/processIdentity';
import { findPublication } from '../../../server/runs/runtimeFolder';
import { ofType, rawEvents } from '../../cli/runFiles';
import { Scene, type Changes } from '../../cli/scene';
import { assertUnbroken, RunsClient } from './runsClient';

/** Goes on for longer than any test. */
const long: Changes = {
  'search.steps': 50_000,
  'search.schedule': 'simultaneous',
  'search.evalEvery': 20,
  'search.checkpointEvery': 20,
  finetune: false,
  baselines: false,
};
const short: Changes = { 'search.steps': 12, finetune: false, baselines: false };

describe('a search from the editor', () => {
  let scene: Scene;
  let client: RunsClient;
  let config: string;
  let dir: string;

  before(async () => {
    scene = await Scene.make('editor');
    config = await scene.config(long);
    client = await RunsClient.start({ folders: [scene.folder] });
  });
  after(async () => {
    client.kill();
    await scene.remove();
  });

  it('starts for the config that is open, as it stands in the editor', async () => {
    const document = await client.openFile(config);
    await document.replace('seed: 1', 'seed: 7');
    ({ dir } = await client.startSearch(config));
    assert.equal(path.dirname(dir), scene.path('.manticore', 'runs'));
    await client.ask('manticore/watchRun', { dir, fromSeq: 0 });
    const events = await client.eventsWhere(
      dir,
      'steps',
      (seen) => ofType(seen, 'step').length > 3,
    );
    assertUnbroken(events, 0);
    assert.equal(events[0]!.type, 'started');
    assert.equal(ofType(events, 'step')[0]!.seed, 7);
    assert.ok(client.batches(dir).every(({ state, gone }) => state !== 'lost' && !gone));
  });

  it('is listed with its progress over the whole plan', async () => {
    const { name, progress, engine, failure } = await client.runWhere(
      dir,
      'a run with progress',
      ({ state, progress }) => state === 'running' && progress !== undefined,
    );
    assert.equal(name, path.basename(dir));
    assert.match(engine, /^wasm, /);
    assert.equal(failure, undefined);
    assert.ok(progress!.fraction > 0 && progress!.fraction < 0.5, String(progress!.fraction));
    assert.equal(progress!.steps, 50_000);
    assert.ok(progress!.etaSeconds > 0 && progress!.tokensPerSecond > 0);
    assert.deepEqual(
      (await client.ask('manticore/listRuns', null)).runs.map((run) => run.dir),
      [dir],
    );
  });

  it('pins a block between two steps, and the log says so', async () => {
    const request = { action: 'pin', block: 1, weights: { neox: 0.7, mamba: 0.3 } } as const;
    const { step } = await client.ask('manticore/controlRun', { dir, request });
    const events = await client.eventsWhere(
      dir,
      'the pin',
      (seen) => ofType(seen, 'control').length > 0,
    );
    const [pin] = ofType(events, 'control');
    assert.deepEqual([pin!.action, pin!.step, pin!.weights], ['pin', step, [0.7, 0.3]]);
    const refusal = await client.refused('manticore/controlRun', {
      dir,
      request: { action: 'prune', block: 9, component: 'neox' },
    });
    assert.equal(refusal.code, 'unknown-block');
  });

  it('gives a snapshot that the events go on from', async () => {
    const snapshot = await client.ask('manticore/runSnapshot', { dir });
    const events = await client.eventsWhere(dir, 'what the snapshot knows', (seen) =>
      seen.some(({ seq }) => seq >= snapshot.nextSeq),
    );
    const known = events.filter(({ seq }) => seq < snapshot.nextSeq);
    assert.deepEqual(
      snapshot.events,
      known.filter(({ type }) => type !== 'step'),
    );
    assert.deepEqual(snapshot.latest, ofType(known, 'step').at(-1));
    const [frames] = snapshot.frames;
    assert.equal(frames!.recorded, ofType(known, 'step').length);
    assert.deepEqual(frames!.alphas.at(-1), ofType(known, 'step').at(-1)!.alphas);
    assert.equal(snapshot.plan!.components.length, 2);
    assert.equal(snapshot.skipped, 0);
  });

  it('refuses a second one, unless that is what the user wants', async () => {
    const other = await scene.config(short, 'other');
    const uri = pathToFileURL(other).href;
    const refusal = await client.refused('manticore/startSearch', { uri, besides: false });
    assert.equal(refusal.code, 'another-run');
    assert.match(refusal.message, new RegExp(path.basename(dir)));
    const beside = await client.startSearch(other, true);
    await client.runWhere(beside.dir, 'the end of the other run', ({ state }) => state === 'done');
  });

  it('is found again by another server, with nothing missing', async () => {
    client.kill();
    await once(client.session.process, 'exit');
    client = await RunsClient.start({ folders: [scene.folder] });
    const run = await client.runWhere(dir, 'the running run', ({ state }) => state === 'running');
    assert.equal(run.config, config);
    const { nextSeq, events } = await client.ask('manticore/runSnapshot', { dir });
    assert.equal(ofType(events, 'control').length, 1);
    await client.ask('manticore/watchRun', { dir, fromSeq: nextSeq });
    assertUnbroken(await client.eventsWhere(dir, 'new steps', (seen) => seen.length > 5), nextSeq);
  });

  it('pauses and goes on', async () => {
    await client.ask('manticore/controlRun', { dir, request: { action: 'pause' } });
    await client.runWhere(dir, 'the pause', ({ state }) => state === 'paused');
    assert.deepEqual(await client.ask('manticore/resumeRun', { dir }).then((run) => run.dir), dir);
    await client.runWhere(dir, 'the end of the pause', ({ state }) => state === 'running');
  });

  it('whose process is killed is lost, with a reason, and can be resumed', async () => {
    await client.eventsWhere(dir, 'a checkpoint', (seen) => ofType(seen, 'checkpoint').length > 0);
    await signalProcess((await findPublication(dir))!.record, 'SIGKILL');
    const { failure, progress } = await client.runWhere(
      dir,
      'the loss',
      ({ state }) => state === 'lost',
    );
    assert.equal(failure!.code, 'lost');
    assert.match(failure!.hint, /checkpoint/);
    assert.equal(progress, undefined);
    await client.session.until(
      () => client.batches(dir).at(-1)?.state === 'lost',
      () => 'the state lost to who watches',
    );
    await client.ask('manticore/resumeRun', { dir });
    await client.eventsWhere(
      dir,
      'steps behind the resumption',
      (seen) => seen.at(-1)?.type === 'step' && ofType(seen, 'resumed').length === 1,
    );
    await client.runWhere(dir, 'the run', ({ state }) => state === 'running');
  });

  it('stops with a checkpoint', async () => {
    const request = { action: 'stop', checkpoint: true } as const;
    await client.ask('manticore/controlRun', { dir, request });
    const { progress } = await client.runWhere(dir, 'the stop', ({ state }) => state === 'stopped');
    assert.equal(progress, undefined);
    const late = await client.refused('manticore/controlRun', { dir, request });
    assert.equal(late.code, 'not-running');
    assert.doesNotMatch(late.hint, /`manticore /, 'no command of the terminal');
    const raw = await rawEvents(dir);
    await client.eventsWhere(dir, 'the last event', (seen) => seen.at(-1)?.type === 'finished');
    assert.equal(client.events(dir).at(-1)!.seq, raw.at(-1)!.seq);
  });

  it('whose folder is deleted goes from the list, and its watch ends', async () => {
    await client.ask('manticore/resumeRun', { dir });
    await client.runWhere(dir, 'the run', ({ state }) => state === 'running');
    const { record } = (await findPublication(dir))!;
    await rm(dir, { recursive: true, force: true, maxRetries: 20 });
    await client.session.until(
      () =>
        client.batches(dir).at(-1)?.gone === true && !client.runs.some((run) => run.dir === dir),
      () => 'that the folder is gone',
    );
    await signalProcess(record, 'SIGKILL');
    const refusal = await client.refused('manticore/runSnapshot', { dir });
    assert.equal(refusal.code, 'not-a-run');
    await client.close();
  });
});

describe('a search from the editor is refused', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make('refused')));
  after(() => scene.remove());

  const withClient = async (
    options: Parameters<typeof RunsClient.start>[0],
    body: (client: RunsClient) => Promise<void>,
  ): Promise<void> => {
    const client = await RunsClient.start(options);
    try {
      await body(client);
      await client.close();
    } finally {
      client.kill();
    }
  };

  it('for a config with errors: the first is named', () =>
    withClient({ folders: [scene.folder] }, async (client) => {
      const config = await scene.config({ 'search.steps': 'many' }, 'wrong');
      const uri = pathToFileURL(config).href;
      const { code, message } = await client.refused('manticore/startSearch', {
        uri,
        besides: false,
      });
      assert.equal(code, 'config-errors');
      assert.match(message, /wrong\.manticore\.yaml, line \d+: .*steps/);
      assert.deepEqual(await scene.runs(), []);
    }));

  it('for a config that is no file', () =>
    withClient({ folders: [scene.folder] }, async (client) => {
      for (const [uri, sentence] of [
        ['untitled:Untitled-1', /not saved/],
        ['vscode-vfs://github/a/b.manticore.yaml', /this machine/],
      ] as const) {
        const { code, message, hint } = await client.refused('manticore/startSearch', {
          uri,
          besides: false,
        });
        assert.equal(code, 'no-file');
        assert.match(message, sentence);
        assert.notEqual(hint, '');
      }
    }));

  it('where nobody trusts the workspace, like all that touches runs, until somebody does', () =>
    withClient({ folders: [scene.folder], trusted: false }, async (client) => {
      const config = await scene.config(short, 'trust');
      const uri = pathToFileURL(config).href;
      const dir = scene.path('somewhere');
      for (const refusal of [
        await client.refused('manticore/startSearch', { uri, besides: false }),
        await client.refused('manticore/runSnapshot', { dir }),
        await client.refused('manticore/mixtureEdit', { uri, dir }),
        await client.refused('manticore/engines', { job: '1' }),
        await client.refused('manticore/download', { job: '2', source: 'hf:a/b' }),
      ]) {
        assert.equal(refusal.code, 'untrusted');
      }
      assert.deepEqual(await client.ask('manticore/listRuns', null), { runs: [], sweeps: [] });
      await client.session.connection.sendNotification('manticore/trusted');
      const run = await client.startSearch(config);
      await client.runWhere(run.dir, 'the end', ({ state }) => state === 'done');
    }));

  it('where no run folder can be made, with the setting as the way out', () =>
    withClient({ folders: [scene.folder] }, async (client) => {
      const config = await scene.config(short, 'taken/tiny');
      // A file where the folder would be: the same for every user, root included.
      await writeFile(scene.path('taken', '.manticore'), '');
      for (const name of ['train', 'valid', 'test']) {
        await writeFile(scene.path('taken', `${name}.txt`), 'a river said there '.repeat(400));
      }
      const refusal = await client.refused('manticore/startSearch', {
        uri: pathToFileURL(config).href,
        besides: false,
      });
      assert.equal(refusal.code, 'run-folder-refused');
      assert.match(refusal.hint, /manticore\.runsFolder/);
      await client.session.changeSettings({ runsFolder: 'made here' });
      await mkdir(scene.path('made here'));
      const run = await client.startSearch(config);
      assert.equal(path.dirname(run.dir), scene.path('made here'));
      await client.runWhere(run.dir, 'the run', ({ state }) => state === 'done');
    }));

  it('when it is cancelled while it is checked, or waits its turn: nothing is started', () =>
    withClient({ folders: [scene.folder] }, async (client) => {
      const config = await scene.config(short, 'cancelled');
      const before = await scene.runs();
      const source = new CancellationTokenSource();
      const params = { uri: pathToFileURL(config).href, besides: true };
      const starts = [1, 2].map(() =>
        client.session.connection.sendRequest('manticore/startSearch', params, source.token),
      );
      source.cancel();
      for (const start of starts) {
        await assert.rejects(start, { code: LSPErrorCodes.RequestCancelled });
      }
      // What had begun is over when the next one has had its turn.
      await client.refused('manticore/startSearch', { ...params, uri: 'untitled:a' });
      assert.deepEqual(await scene.runs(), before);
    }));

  it('with a Node that is none: the setting is named', () =>
    withClient(
      { folders: [scene.folder], settings: { nodePath: '/nowhere/node' } },
      async (client) => {
        const config = await scene.config(short, 'node');
        const refusal = await client.refused('manticore/startSearch', {
          uri: pathToFileURL(config).href,
          besides: false,
        });
        assert.equal(refusal.code, 'node-missing');
        assert.match(refusal.message, /manticore\.nodePath.*\/nowhere\/node/);
      },
    ));

  it('of requests that fit no type', () =>
    withClient({ folders: [scene.folder] }, async (client) => {
      for (const [method, params] of [
        ['manticore/runSnapshot', { dir: 'relative' }],
        ['manticore/runSnapshot', null],
        ['manticore/controlRun', { dir: scene.folder, request: { action: 'explode' } }],
        ['manticore/watchRun', { dir: scene.folder, fromSeq: -1 }],
      ] as const) {
        const answer = await client.session.connection.sendRequest(method, params);
        assert.equal((answer as { error: { code: string } }).error.code, 'bad-request');
      }
    }));
});
