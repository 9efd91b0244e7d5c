/** Which runs are listed, where they are made, and what the open config shows of them. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ServerNotifications } from '../../../server/contract/editor';
import { Scene, type Changes } from '../../cli/scene';
import { RunsClient } from './runsClient';

const short: Changes = {
  'search.steps': 12,
  'search.checkpointEvery': 4,
  finetune: false,
  baselines: false,
};
const long: Changes = {
  ...short,
  'search.steps': 50_000,
  'search.evalEvery': 50_000,
  'search.checkpointEvery': 50_000,
};

describe('runs of the editor', () => {
  let scene: Scene;
  let client: RunsClient | undefined;
  beforeEach(async () => (scene = await Scene.make('places')));
  afterEach(async () => {
    client?.kill();
    await scene.remove();
  });

  /** A config in a folder of its own below the scene, with its texts. */
  async function configIn(folder: string, changes: Changes): Promise<string> {
    const config = await scene.config(changes, `${folder}/tiny`);
    for (const name of ['train', 'valid', 'test']) {
      await cp(scene.path(`${name}.txt`), scene.path(folder, `${name}.txt`));
    }
    return config;
  }

  it('of a config outside the workspace, in a path with spaces and letters of other alphabets', async () => {
    const config = await configIn('Käse & 夜 (1) <b>', short);
    await mkdir(scene.path('workspace'));
    client = await RunsClient.start({ folders: [scene.path('workspace')] });
    await client.openFile(config);
    const { dir } = await client.startSearch(config);
    assert.equal(path.dirname(dir), path.join(path.dirname(config), '.manticore', 'runs'));
    const run = await client.runWhere(dir, 'the end', ({ state }) => state === 'done');
    assert.equal(run.config, config);
    await client.close();
  });

  it('without any workspace', async () => {
    const config = await configIn('alone', short);
    client = await RunsClient.start({});
    await client.openFile(config);
    const { dir } = await client.startSearch(config);
    await client.runWhere(dir, 'the end', ({ state }) => state === 'done');
    await client.close();
  });

  it('that a terminal starts are found; those of other places are not shown', async () => {
    const here = await configIn('here', short);
    const there = await configIn('there', long);
    client = await RunsClient.start({ folders: [scene.path('here')] });
    assert.deepEqual(await client.ask('manticore/listRuns', null), { runs: [], sweeps: [] });
    scene.start(['search', there, '--json']);
    const ended = scene.run(['search', here, '--json', '--out', scene.path('here', 'kept')]);
    await client.session.until(
      () => client!.runs.some(({ config, state }) => config === here && state === 'done'),
      () => `the run of the terminal; told: ${JSON.stringify(client!.runs)}`,
    );
    assert.equal((await ended).code, 0);
    assert.ok(client.runs.every(({ config }) => config === here));
    // It is shown as soon as its config is opened.
    await client.openFile(there);
    await client.session.until(
      () => client!.runs.some(({ config }) => config === there),
      () => 'the run of the config that was opened',
    );
    await client.close();
  });

  it('are made where the setting says, relative to the workspace, and listed from there', async () => {
    const config = await configIn('project/deep', short);
    const settings = { runsFolder: 'all/runs' };
    client = await RunsClient.start({ folders: [scene.path('project')], settings });
    const { dir } = await client.startSearch(config);
    assert.equal(path.dirname(dir), scene.path('project', 'all', 'runs'));
    await client.runWhere(dir, 'the end', ({ state }) => state === 'done');
    await client.close();
    client = await RunsClient.start({ folders: [scene.path('project')], settings });
    await client.runWhere(dir, 'the ended run', ({ state }) => state === 'done');
    await rename(dir, `${dir}-moved`);
    await client.runWhere(`${dir}-moved`, 'the moved run', ({ state }) => state === 'done');
    assert.deepEqual(
      client.runs.map((run) => run.dir),
      [`${dir}-moved`],
    );
    await rm(`${dir}-moved`, { recursive: true });
    await client.session.until(
      () => client!.runs.length === 0,
      () => 'an empty list',
    );
    await client.close();
  });

  it('take the engine of the setting, and leave the rest of it as the config has it', async () => {
    const config = await configIn('engine', { ...short, engine: { name: 'webgpu', threads: 1 } });
    client = await RunsClient.start({
      folders: [scene.path('engine')],
      settings: { engine: 'wasm' },
    });
    const { dir } = await client.startSearch(config);
    const { engine } = await client.runWhere(dir, 'the end', ({ state }) => state === 'done');
    assert.match(engine, /^wasm/);
    const used = await readFile(path.join(dir, 'config.manticore.yaml'), 'utf8');
    assert.match(used, /name: wasm\n\s+threads: 1/);
    await client.close();
  });

  it('show α in the open config: as it moves, then as it ended, with its trend', async () => {
    const config = await configIn('shown', { ...short, 'search.steps': 24 });
    client = await RunsClient.start({ folders: [scene.path('shown')] });
    const { uri } = await client.openFile(config);
    const weights = (): ServerNotifications['manticore/blockWeights'][] =>
      (
        (client!.session.notified.get('manticore/blockWeights') ??
          []) as ServerNotifications['manticore/blockWeights'][]
      ).filter((notice) => notice.uri === uri);
    const { dir } = await client.startSearch(config);
    await client.runWhere(dir, 'the end', ({ state }) => state === 'done');
    await client.session.until(
      () => weights().at(-1)?.source === 'last',
      () => `weights of the last run; told: ${JSON.stringify(weights().at(-1))}`,
    );
    const { blocks } = weights().at(-1)!;
    const snapshot = await client.ask('manticore/runSnapshot', { dir });
    const finished = snapshot.events.find((event) => event.type === 'finished');
    assert.ok(finished?.type === 'finished');
    const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
    const [before] = await client.ask('manticore/alphasAt', { dir, where, steps: [20] });
    blocks.forEach(({ components }, block) => {
      components.forEach(({ alpha, trend }, m) => {
        assert.equal(alpha, finished.alphas[block]![m]);
        assert.ok(Math.abs(trend! - (alpha! - before![block]![m]!)) < 1e-9);
      });
    });
    await client.close();
    // Another server shows them as soon as the config is opened, though its list stays as it is.
    client = await RunsClient.start({ folders: [scene.path('shown')] });
    await client.runWhere(dir, 'the ended run', ({ state }) => state === 'done');
    await client.openFile(config);
    await client.session.until(
      () => weights().at(-1)?.source === 'last',
      () => 'weights of the last run again',
    );
    assert.deepEqual(weights().at(-1)!.blocks, blocks);
    await client.close();
  });
});
