/** A running search is changed from other processes, between two steps. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { eventsIn, ofType, rawEvents, type EventOf } from './runFiles';
import { eventually, Scene, type Cli } from './scene';

describe('manticore pin, prune, unpin, restore, pause', () => {
  let scene: Scene;
  let cli: Cli;
  let dir: string;

  before(async () => {
    scene = await Scene.make();
    const config = await scene.config({
      'search.steps': 50_000,
      'search.schedule': 'simultaneous',
      'search.evalEvery': 50_000,
      'search.checkpointEvery': 50_000,
      finetune: false,
      baselines: false,
    });
    cli = scene.start(['search', config, '--json']);
    dir = await eventually('the run', async () => (await scene.runs())[0]);
    await stepsAfter(2);
  });
  after(() => scene.remove());

  /** The step events behind a step, as soon as there is one. */
  function stepsAfter(step: number): Promise<EventOf<'step'>[]> {
    return eventually('a step', async () => {
      const steps = ofType(await rawEvents(dir), 'step').filter((event) => event.step > step);
      return steps.length > 0 ? steps : undefined;
    });
  }

  /** Sends a control; gives the step that it was applied after, and its event. */
  async function applied(...args: string[]) {
    const [command, ...rest] = args;
    const said = await scene.run([command!, dir, ...rest]);
    assert.equal(said.code, 0, said.err);
    const step = Number(
      new RegExp(`^${command!}: applied after step (\\d+)\\.\\n$`).exec(said.out)![1],
    );
    const event = ofType(await rawEvents(dir), 'control').at(-1)!;
    assert.deepEqual([event.action, event.step], [command, step]);
    return { step, event };
  }

  async function refused(code: string, sentence: RegExp, ...args: string[]): Promise<void> {
    const before = ofType(await rawEvents(dir), 'control').length;
    const [command, ...rest] = args;
    const said = await scene.run([command!, dir, ...rest]);
    assert.equal(said.code, 1, said.out);
    assert.equal(said.out, '');
    assert.ok(said.err.startsWith(`${code}: `), said.err);
    assert.match(said.err, sentence);
    assert.equal(ofType(await rawEvents(dir), 'control').length, before, 'nothing is recorded');
  }

  it('pin a block to weights, and let it go again', async () => {
    const { step, event } = await applied('pin', '1', 'neox=0.7', 'mamba=0.3');
    assert.deepEqual([event.block, event.weights], [1, [0.7, 0.3]]);
    for (const { alphas } of await stepsAfter(step)) assert.deepEqual(alphas![0], [0.7, 0.3]);
    const pinnedTwice = await applied('pin', '1', 'mamba');
    for (const { alphas } of await stepsAfter(pinnedTwice.step)) {
      assert.deepEqual(alphas![0], [0, 1]);
    }
    const free = await applied('unpin', '1');
    for (const { alphas } of await stepsAfter(free.step)) {
      assert.ok(alphas![0]![0]! > 0 && alphas![0]![1]! > 0, String(alphas![0]));
    }
  });

  it('prune a component from a block, but not its last one, and restore it', async () => {
    const { step, event } = await applied('prune', '2', 'mamba');
    assert.deepEqual([event.block, event.component], [2, 'mamba']);
    for (const { alphas } of await stepsAfter(step)) assert.deepEqual(alphas![1], [1, 0]);
    await refused('last-component', /neox/, 'prune', '2', 'neox');
    const back = await applied('restore', '2', 'mamba');
    for (const { alphas } of await stepsAfter(back.step)) {
      assert.ok(alphas![1]![1]! > 0, String(alphas![1]));
      assert.ok(Math.abs(alphas![1]![0]! + alphas![1]![1]! - 1) < 1e-6);
    }
  });

  it('refuse what does not fit, with a sentence', async () => {
    await refused('unknown-component', /nemo.*neox, mamba/, 'prune', '1', 'nemo');
    await refused('unknown-component', /nemo/, 'pin', '1', 'nemo');
    await refused('unknown-block', /block 9/i, 'prune', '9', 'neox');
    await refused('unknown-block', /block 9/i, 'unpin', '9');
    await refused('pin-sum', /sum to 1, these to 0.9/, 'pin', '1', 'neox=0.5', 'mamba=0.4');
  });

  it('stop and go on: a paused run takes no step', async () => {
    const { step } = await applied('pause');
    const id = JSON.parse((await scene.run(['runs', '--json'])).out) as {
      id: string;
      state: string;
    }[];
    assert.deepEqual(
      id.map(({ state }) => state),
      ['paused'],
    );
    assert.equal(ofType(await rawEvents(dir), 'step').at(-1)!.step, step);
    // By the beginning of its id, from another folder: the runtime folder knows where it is.
    const resumed = await scene.run(['resume', id[0]!.id.slice(0, 6), '--json'], { cwd: '/' });
    assert.deepEqual([resumed.code, JSON.parse(resumed.out)], [0, { ok: true, step }], resumed.err);
    await stepsAfter(step);
    assert.deepEqual(
      ofType(await rawEvents(dir), 'control')
        .slice(-2)
        .map(({ action }) => action),
      ['pause', 'resume'],
    );
  });

  it('stop it: the follower exits 130, and what was parked stays for a resume', async () => {
    await applied('prune', '1', 'neox');
    const said = await scene.run(['stop', dir, '--checkpoint', '--json']);
    assert.equal(said.code, 0, said.err);
    assert.equal((JSON.parse(said.out) as { ok: boolean }).ok, true);
    // Its process has ended by then: nothing is in the way of a resume.
    const late = await scene.run(['pause', dir]);
    const { code, out } = await cli.ended;
    assert.equal(code, 130);
    assert.equal(eventsIn(out).at(-1)!.type, 'finished');
    assert.equal(late.code, 1);
    assert.match(
      late.err,
      new RegExp(`^not-running: No process of yours is working on ${path.sep}`),
    );
  });
});
