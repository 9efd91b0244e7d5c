/** A sweep from the editor: started, told with its cells, stopped, resumed, its report made. Server and runs are real. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SweepListEntry } from '../../../server/contract/runViews';
import { Scene, type Changes } from '../../cli/scene';
import { RunsClient } from './runsClient';

const swept: Changes = {
  'search.steps': 30_000,
  'search.seed': undefined,
  'search.checkpointEvery': 20,
  finetune: false,
  baselines: false,
  engine: 'wasm',
  sweep: { 'search.learningRate': [1e-3, 1e-2], 'search.seed': [1] },
};

describe('a sweep from the editor', () => {
  let scene: Scene;
  let client: RunsClient;
  let config: string;
  let dir: string;

  before(async () => {
    scene = await Scene.make('editor-sweep');
    config = await scene.config(swept);
    client = await RunsClient.start({ folders: [scene.folder] });
  });
  after(async () => {
    client.kill();
    await scene.remove();
  });

  const sweepWhere = (what: string, isMet: (sweep: SweepListEntry) => boolean) =>
    client.sweepWhere(dir, what, isMet);
  const lenses = async (): Promise<string[]> => {
    const document = await client.openFile(config);
    const all = await client.session.connection.sendRequest('textDocument/codeLens', {
      textDocument: document.textDocument,
    });
    return (all as { command: { title: string } }[]).map(({ command }) =>
      command.title.replace(/^\$\([\w-]+\)\s/u, ''),
    );
  };

  it('is offered with the number of its runs', async () => {
    assert.deepEqual(await lenses(), ['Run Sweep: 2 runs']);
  });

  it('starts in a process of its own, and its cells are told with their runs', async () => {
    const started = await client.startSearch(config);
    ({ dir } = started);
    assert.equal(started.cells, 2);
    assert.equal(path.dirname(dir), scene.path('.manticore', 'sweeps'));
    const sweep = await sweepWhere('a running cell', ({ cells }) => cells[0]?.state === 'running');
    assert.equal(sweep.state, 'running');
    assert.deepEqual(
      sweep.cells.map(({ cell, name, state }) => [cell, name, state]),
      [
        [1, 'learningRate 0.001, seed 1', 'running'],
        [2, 'learningRate 0.01, seed 1', 'waiting'],
      ],
    );
    await client.runWhere(
      sweep.cells[0]!.run!,
      'steps of the first cell',
      ({ progress }) => (progress?.step ?? 0) > 2,
    );
    assert.match((await lenses())[0]!, /^Stop Sweep \(0 of 2 done\)$/);
  });

  it('another one is not started beside it unasked, and it is resumed by one only', async () => {
    const uri = new URL(`file://${config}`).href;
    const other = await client.refused('manticore/startSearch', { uri, besides: false });
    assert.equal(other.code, 'another-run');
    const again = await client.refused('manticore/resumeRun', { dir });
    assert.equal(again.code, 'already-running');
    const pause = await client.refused('manticore/controlRun', {
      dir,
      request: { action: 'pause' },
    });
    assert.equal(pause.code, 'not-for-sweeps');
  });

  it('goes on when the language server has ended', async () => {
    client.kill();
    client = await RunsClient.start({ folders: [scene.folder] });
    const sweep = await sweepWhere('the sweep again', ({ state }) => state === 'running');
    assert.equal(sweep.cells[0]?.state, 'running');
  });

  it('stops with a checkpoint, and no other cell begins', async () => {
    const request = { action: 'stop', checkpoint: true } as const;
    await client.ask('manticore/controlRun', { dir, request });
    const sweep = await sweepWhere('its end', ({ state }) => state !== 'running');
    assert.equal(sweep.state, 'stopped');
    assert.deepEqual(
      sweep.cells.map(({ state }) => state),
      ['stopped', 'waiting'],
    );
    const gone = await client.refused('manticore/controlRun', { dir, request });
    assert.equal(gone.code, 'not-running');
    assert.deepEqual((await lenses()).slice(0, 2), ['Run Sweep: 2 runs', 'Resume Sweep']);
  });

  it('is resumed: the stopped cell goes on', async () => {
    await client.ask('manticore/resumeRun', { dir });
    const sweep = await sweepWhere(
      'the first cell again',
      ({ state, cells }) => state === 'running' && cells[0]?.state === 'running',
    );
    assert.equal(sweep.cells[1]?.state, 'waiting');
    const request = { action: 'stop', checkpoint: false } as const;
    await client.ask('manticore/controlRun', { dir, request });
    await sweepWhere('its end', ({ state }) => state === 'stopped');
    assert.match(await client.ask('manticore/computeLog', { dir }), /Cell 1 of 2/);
  });

  it('leaves a report that is made again, whatever lies in the folder', async () => {
    const short = await scene.config({ ...swept, 'search.steps': 3 }, 'short');
    ({ dir } = await client.startSearch(short));
    const sweep = await sweepWhere('its end', ({ state }) => state === 'done');
    assert.ok(sweep.cells.every(({ state }) => state === 'done'));
    const stored = path.join(dir, 'result', 'sweep.html');
    assert.match(await readFile(stored, 'utf8'), /Manticore sweep/);
    await writeFile(stored, 'forged');
    const { html, headline } = await client.ask('manticore/buildReport', {
      dir,
      appearance: 'dark',
    });
    assert.match(headline, /^Best test loss of the grid: the hybrid \d/);
    assert.match(html, /Every cell/);
    assert.doesNotMatch(html, /forged/);
    const over = await client.refused('manticore/resumeRun', { dir });
    assert.equal(over.code, 'sweep-done');
  });

  it('leaves the list with its folder', async () => {
    await rm(dir, { recursive: true });
    await client.session.until(
      () => client.sweeps.every((sweep) => sweep.dir !== dir),
      () => 'the sweep is still listed',
    );
  });
});
