/** Short jobs over the protocol: what a run left is tried, written out and shown; models and engines are fetched. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CancellationTokenSource } from 'vscode-languageserver-protocol/node';
import type { EditorRequests } from '../../../server/contract/editor';
import { isAlive, identityOf } from '../../../server/runs/processIdentity';
import { eventually, Scene } from '../../cli/scene';
import { standIns } from '../../commands/standIns';
import { HubServer } from '../../weights/hubServer';
import { RunsClient } from './runsClient';

const hub = { id: 'someone/small-model', bytes: Buffer.alloc(400_000, 7) };

describe('jobs of the editor', () => {
  let scene: Scene;
  let server: HubServer;
  let client: RunsClient;
  let dir: string;
  let number = 0;
  const job = (): string => `job${number++}`;

  before(async () => {
    scene = await Scene.make('jobs');
    server = await HubServer.start(hub.id, {
      'config.json': Buffer.from('{"model_type":"gpt2"}'),
      'tokenizer.json': Buffer.from('{"model":{}}'),
      'model.safetensors': hub.bytes,
    });
    const PATH = await standIns(scene.path('bin'), { npm: { kind: 'broken' } });
    client = await RunsClient.start({
      folders: [scene.folder],
      environment: {
        ...{ HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: scene.path('hub') },
        ...{ PATH, MANTICORE_ENGINES_DIR: scene.path('engines') },
        // The engines are measured anew: that is no matter of the tests beside these.
        XDG_CACHE_HOME: scene.path('cache'),
      },
    });
    const config = await scene.config({ 'search.steps': 6, finetune: false, baselines: false });
    ({ dir } = await client.startSearch(config));
    await client.runWhere(dir, 'the end of the run', ({ state }) => state === 'done');
  });
  after(async () => {
    client.kill();
    await server.stop();
    await scene.remove();
  });

  const generate = (maxTokens: number): EditorRequests['manticore/generate'][0] => ({
    ...{ job: job(), dir, prompt: 'the river', maxTokens },
    ...{ temperature: 0.8, topP: 0.95, seed: 3 },
  });

  it('a text is told as it grows, and whole at last', async () => {
    const params = generate(12);
    const { text, tokens } = await client.ask('manticore/generate', params);
    assert.equal(tokens, 12);
    const told = client.progress(params.job);
    assert.ok(told.length > 0 && told.every((message) => message.type === 'text'));
    assert.equal(told.map((message) => ('text' in message ? message.text : '')).join(''), text);
    assert.equal((await client.ask('manticore/generate', { ...params, job: job() })).text, text);
  });

  it('a cancelled one ends its process', async () => {
    const params = generate(100_000);
    const source = new CancellationTokenSource();
    const answer = client.session.connection.sendRequest(
      'manticore/generate',
      params,
      source.token,
    );
    answer.catch(() => undefined);
    await client.session.until(
      () => client.progress(params.job).length > 0,
      () => 'the first words',
    );
    const [child, ...others] = await childrenOf(client.session.process.pid!, 'compute.js');
    assert.ok(child !== undefined && others.length === 0);
    source.cancel();
    await assert.rejects(answer, /cancel/i);
    await eventually('the end of the process', async () =>
      (await isAlive(child)) ? undefined : true,
    );
  });

  it('an export makes a folder, and refuses one that is in use', async () => {
    const to = scene.path('out', 'Hybrid ä');
    const params = {
      dir,
      to,
      component: undefined,
      format: 'transformers',
      dtype: 'BF16',
    } as const;
    const { path: written, files } = await client.ask('manticore/export', {
      job: job(),
      ...params,
    });
    assert.equal(written, to);
    assert.deepEqual((await readdir(to)).sort(), [...files].sort());
    assert.ok(files.includes('model.safetensors') && files.includes('modeling_manticore.py'));
    const refusal = await client.refused('manticore/export', { job: job(), ...params });
    assert.equal(refusal.code, 'folder-not-empty');
    const unknown = await client.refused('manticore/export', {
      ...{ job: job(), dir, to: scene.path('none'), component: 'nemo' },
      ...{ format: 'manticore', dtype: 'F32' },
    });
    assert.match(unknown.message, /nemo/);
  });

  it('a report is made from the data, whatever page lies there', async () => {
    await writeFile(path.join(dir, 'result', 'report.html'), '<h1>planted</h1>');
    const { html, headline } = await client.ask('manticore/buildReport', { dir });
    assert.doesNotMatch(html, /planted/);
    assert.match(html, /Content-Security-Policy/);
    assert.ok(headline.length > 10, headline);
    assert.equal(
      await readFile(path.join(dir, 'result', 'report.html'), 'utf8'),
      '<h1>planted</h1>',
    );
  });

  it('the log of a run is its end only where it is long', async () => {
    await writeFile(path.join(dir, 'compute.log'), 'short\n');
    assert.equal(await client.ask('manticore/computeLog', { dir }), 'short\n');
    await writeFile(path.join(dir, 'compute.log'), 'a line that repeats\n'.repeat(100_000));
    const log = await client.ask('manticore/computeLog', { dir });
    assert.ok(log.length < 600_000 && log.startsWith('…\na line that repeats\n'));
  });

  it('a run without a hybrid says so', async () => {
    const bare = scene.path('.manticore', 'runs', 'bare');
    await mkdir(bare, { recursive: true });
    await writeFile(path.join(bare, 'run.json'), await readFile(path.join(dir, 'run.json')));
    const { code, hint } = await client.refused('manticore/generate', {
      ...generate(1),
      dir: bare,
    });
    assert.equal(code, 'no-result');
    assert.match(hint, /kept/);
  });

  it('a download is told in bytes, into the shared cache', async () => {
    const params = { job: job(), source: `hf:${hub.id}` };
    const { path: folder } = await client.ask('manticore/download', params);
    assert.ok(folder.startsWith(scene.path('hub')), folder);
    assert.deepEqual(await readFile(path.join(folder, 'model.safetensors')), hub.bytes);
    const last = client.progress(params.job).at(-1)!;
    assert.ok(last.type === 'download' && last.doneBytes === last.totalBytes);
    const wrong = await client.refused('manticore/download', { job: job(), source: 'hf:a//b' });
    assert.equal(wrong.code, 'hub-id');
    const unknown = await client.refused('manticore/download', {
      job: job(),
      source: 'hf:no/body',
    });
    assert.equal(unknown.code, 'hub-repository');
  });

  it('engines are measured; one that does not load is not put in place, and its reason told', async function () {
    const names = async (): Promise<string[]> =>
      (await client.ask('manticore/engines', { job: job() }))
        .filter(({ available }) => available)
        .map(({ name }) => name);
    assert.deepEqual(await names(), ['wasm', 'cpu']);
    const wasm = await client.refused('manticore/installEngine', { job: job(), name: 'wasm' });
    assert.equal(wasm.code, 'engine-included');
    if (process.platform === 'win32') return this.skip();
    const params = { job: job(), name: 'tensorflow' };
    const unfit = await client.refused('manticore/installEngine', params);
    assert.equal(unfit.code, 'engine-unfit');
    const lines = client
      .progress(params.job)
      .flatMap((each) => (each.type === 'line' ? each.text : []));
    assert.ok(
      lines.some((line) => line.startsWith('Fetching @tensorflow/')) &&
        lines.includes('Trying the engine.'),
    );
    assert.deepEqual(await readdir(scene.path('engines')), []);
    assert.deepEqual(await names(), ['wasm', 'cpu']);
    await client.close();
  });
});

/** Living processes that another one started, whose command line holds a word. Linux tells; elsewhere none is found. */
async function childrenOf(parent: number, word: string) {
  const found = [];
  for (const name of await readdir('/proc').catch((): string[] => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[1]) !== parent || !command.includes(word)) continue;
    const identity = await identityOf(Number(name));
    if (identity !== undefined) found.push(identity);
  }
  return found;
}
