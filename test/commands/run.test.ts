/** What the command line and the editor both do with runs, without either. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asUserError } from '../../server/commands/commandError';
import { runComputeJob } from '../../server/commands/computeJob';
import { checkConfigText, loadConfig } from '../../server/commands/configFile';
import { resumeRun } from '../../server/commands/resumeRun';
import { sendControl } from '../../server/commands/sendControl';
import { startRun } from '../../server/commands/startRun';
import type { UserError } from '../../server/contract/editor';
import type { ComputeMessage } from '../../server/contract/jobs';
import { runAt } from '../../server/runs/listRuns';
import { runState } from '../../server/runs/runState';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { ofType, rawEvents } from '../cli/runFiles';
import { eventually, Scene } from '../cli/scene';
import { useOwnCache } from '../files/ownCache';

const program = { distFolder: path.resolve('dist') };
const reader = createNodeModelReader();

/** The error that a user is told. */
async function toldError(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  const told = asUserError(error);
  assert.ok(told !== undefined, String(error));
  return told;
}

describe('commands', () => {
  useOwnCache();
  let scene: Scene;
  let config: string;
  before(async () => {
    scene = await Scene.make('commands');
    config = await scene.config({
      'search.steps': 50_000,
      'search.evalEvery': 50_000,
      'search.checkpointEvery': 50_000,
      finetune: false,
      baselines: false,
    });
  });
  after(() => scene.remove());

  it('start a run from a text, wherever it stands; control, stop and resume it', async () => {
    const text = await readFile(config, 'utf8');
    const checked = await checkConfigText(config, text, reader, ['search.seed=5']);
    const made: string[] = [];
    const run = await startRun(checked, program, { onFolder: ({ dir }) => made.push(dir) });
    assert.deepEqual(made, [run.dir]);
    assert.match(run.node.version, /^v\d+/);
    const known = async () => (await runAt(run.dir))!;
    const steps = () =>
      eventually('a step', async () => ofType(await rawEvents(run.dir), 'step').at(-1));
    assert.equal((await steps()).seed, 5);
    const twice = await toldError(resumeRun(await known(), reader, program));
    assert.equal(twice.code, 'already-running');

    await sendControl(run.dir, { action: 'pause' });
    await eventually('the pause', async () =>
      (await runState(run.dir)) === 'paused' ? true : undefined,
    );
    const continued = await resumeRun(await known(), reader, program);
    assert.ok(continued.kind === 'continued' && continued.reply.ok);
    const reply = await sendControl(run.dir, { action: 'stop', checkpoint: true });
    assert.equal(reply.ok, true);
    await eventually('the stop', async () =>
      (await runState(run.dir)) === 'stopped' ? true : undefined,
    );
    assert.equal((await toldError(sendControl(run.dir, { action: 'pause' }))).code, 'not-running');

    const resumed = await resumeRun(await known(), reader, program);
    assert.equal(resumed.kind, 'launched');
    await eventually('the resumption', async () =>
      ofType(await rawEvents(run.dir), 'resumed').at(0),
    );
    await sendControl(run.dir, { action: 'stop', checkpoint: false });
  });

  it('refuse a config with errors, naming the first, and one whose model is not here', async () => {
    const wrong = await scene.config({ 'search.steps': -1, 'data.context': 'x' }, 'wrong');
    const { code, message } = await toldError(startRun(await loadConfig(wrong, reader), program));
    assert.equal(code, 'config-errors');
    assert.match(message, /line \d+ \(the first of 2 errors\): /);
    const hub = await scene.config(
      { 'components.neox': { source: 'hf:nobody/has-this-one' } },
      'hub',
    );
    const missing = await toldError(startRun(await loadConfig(hub, reader), program));
    assert.equal(missing.code, 'config-incomplete');
    assert.match(missing.message, /hf:nobody\/has-this-one/);
  });

  it('run a job, and end it when nobody wants it any more', async () => {
    const messages: ComputeMessage[] = [];
    const nodes: string[] = [];
    const answer = await runComputeJob({ kind: 'engines' }, program, {
      onMessage: (message) => messages.push(message),
      onNode: (sentence) => nodes.push(sentence),
    });
    assert.equal(answer.type, 'engines');
    assert.deepEqual(messages, []);
    assert.match(nodes.join(), /^Node v\d+\.\d+\.\d+ computes \(.+\): .+\.$/);
    const controller = new AbortController();
    const job = runComputeJob({ kind: 'engines' }, program, {
      signal: controller.signal,
      onNode: () => setImmediate(() => controller.abort()),
    });
    assert.equal((await toldError(job)).code, 'cancelled');
  });

  it('tell which setting names a Node that is none', async () => {
    const node = { path: '/nowhere/node', by: 'The setting `manticore.nodePath`' };
    const error = await toldError(runComputeJob({ kind: 'engines' }, { ...program, node }));
    assert.equal(error.code, 'node-missing');
    assert.match(error.message, /^The setting `manticore\.nodePath` names \/nowhere\/node/);
  });

  it('tell when the process ends without an answer, with its last words', async () => {
    const error = await endOfProgram('console.error("no luck today"); process.exit(7);');
    assert.equal(error.code, 'compute-ended');
    assert.match(`${error.message} ${error.hint}`, /code 7.*no luck today/);
  });

  it('tell by which signal it was ended, and what that means', async function () {
    if (process.platform === 'win32') return this.skip();
    const killed = await endOfProgram('process.kill(process.pid, "SIGKILL")');
    assert.match(`${killed.message} ${killed.hint}`, /with SIGKILL .*memory/);
    const crashed = await endOfProgram('process.kill(process.pid, "SIGSEGV")');
    assert.match(`${crashed.message} ${crashed.hint}`, /with SIGSEGV .*another engine/);
  });

  /** The error of a job whose program is this. */
  async function endOfProgram(code: string): Promise<UserError> {
    const folder = scene.path('broken');
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'compute.js'), code);
    return toldError(
      runComputeJob({ kind: 'engines' }, { distFolder: folder }, { onOutput: () => undefined }),
    );
  }
});
