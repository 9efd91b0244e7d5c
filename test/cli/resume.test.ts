/** A run that is killed, or stopped, and resumed computes to the bit what one that never was computes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent, Stage } from '../../server/contract/events';
import { ControlClient } from '../../server/runs/controlClient';
import { LogCursor } from '../../server/runs/logLines';
import { isAlive } from '../../server/runs/processIdentity';
import { readEvents } from '../../server/runs/readEvents';
import { runState } from '../../server/runs/runState';
import { findPublication } from '../../server/runs/runtimeFolder';
import { computed, eventsIn, ofType, rawEvents, unlessMissing } from './runFiles';
import { eventually, Scene, type Cli } from './scene';

describe('manticore resume', () => {
  let scene: Scene;
  let config: string;
  let expected: Awaited<ReturnType<typeof computed>>;
  let places = 0;

  before(async () => {
    scene = await Scene.make();
    config = await scene.config();
    const { code, err } = await scene.run(['search', config, '--json', '--out', 'uncut']);
    assert.equal(code, 0, err);
    expected = await computed((await scene.runs(scene.path('uncut')))[0]!);
  });
  after(() => scene.remove());

  /** Starts the run in a folder of its own; gives the folder once its process works on it. */
  async function begin(...args: string[]): Promise<{ cli: Cli; dir: string }> {
    const parent = scene.path(`place${++places}`);
    const cli = scene.start(['search', config, '--json', '--out', parent, ...args]);
    const dir = await eventually('the run folder', async () => {
      const [made] = await scene.runs(parent);
      return made !== undefined && (await findPublication(made)) ? made : undefined;
    });
    return { cli, dir };
  }

  /** @returns false when it was over already */
  async function kill(dir: string): Promise<boolean> {
    const publication = await findPublication(dir);
    if (publication === undefined) return false;
    endAtOnce(publication.record.pid);
    await eventually('its end', async () => !(await isAlive(publication.record)) || undefined);
    return true;
  }

  /** A run killed right after an event; one that was over sooner is no use, and another is begun. */
  async function killedAt(
    wanted: (event: RunEvent) => boolean,
    ...args: string[]
  ): Promise<{ cli: Cli; dir: string }> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const { cli, dir } = await begin(...args);
      await untilEvent(dir, wanted);
      if ((await kill(dir)) && (await runState(dir)) === 'lost') return { cli, dir };
      await cli.ended;
    }
    return assert.fail('no run was slow enough to be killed');
  }

  /** It may have ended a moment ago. */
  function endAtOnce(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
    }
  }

  /** Stops the run's process where it stands, once there is one. @returns what lets it go on */
  async function hold(dir: string): Promise<(() => void) | undefined> {
    const publication = await findPublication(dir);
    if (publication === undefined) return undefined;
    const { pid } = publication.record;
    process.kill(pid, 'SIGSTOP');
    return () => void process.kill(pid, 'SIGCONT');
  }

  async function untilEvent(dir: string, wanted: (event: RunEvent) => boolean): Promise<void> {
    const cursor = new LogCursor(dir);
    let came = false;
    const look = async (): Promise<true | undefined> => {
      await cursor.read(({ event }) => void (came ||= wanted(event))).catch(unlessMissing);
      return came || undefined;
    };
    await eventually('the event', look, 2);
  }

  const atStep =
    (stage: Stage, step: number, subject = 'hybrid') =>
    (event: RunEvent): boolean =>
      event.type === 'step' &&
      event.stage === stage &&
      event.subject === subject &&
      event.step >= step;

  /** Resumes to the end and compares with the run that was never cut. */
  async function resumeToEnd(dir: string): Promise<RunEvent[]> {
    const { code, out, err } = await scene.run(['resume', dir, '--json']);
    assert.equal(code, 0, err);
    assert.deepEqual(await computed(dir), expected);
    const { events } = await readEvents(dir);
    assert.equal(events[0]!.type, 'started', 'a replay still begins with it');
    assert.equal(ofType(events, 'warning').length, 0);
    return eventsIn(out);
  }

  const moments: [string, (event: RunEvent) => boolean][] = [
    ['before the first step', ({ type }) => type === 'started'],
    ['in the middle of the search', atStep('search', 12)],
    ['in the fine-tuning', atStep('finetune', 2)],
    ['in a baseline', atStep('baseline', 1, 'mamba')],
  ];
  const atMoment = async (wanted: (event: RunEvent) => boolean): Promise<void> => {
    const { cli, dir } = await killedAt(wanted);
    const said = await cli.ended;
    assert.equal(said.code, 3);
    assert.match(said.err, /^lost: .* It ended with SIGKILL\. .*\n.*manticore resume/);
    assert.equal(await runState(dir), 'lost');
    const events = await resumeToEnd(dir);
    assert.equal(events[0]!.type, 'resumed');
  };
  // Side by side: most of the time goes into processes that start.
  const outcomes = new Map<string, Promise<void>>();
  before(() => {
    for (const [moment, wanted] of moments) outcomes.set(moment, atMoment(wanted));
    return Promise.allSettled(outcomes.values());
  });
  for (const [moment] of moments) {
    it(`after kill -9 ${moment}`, () => outcomes.get(moment));
  }

  it('from step 0 where no checkpoint is left, behind its started event', async () => {
    const { dir } = await killedAt(atStep('search', 10));
    await rm(path.join(dir, 'checkpoints'), { recursive: true });
    const [resumed] = ofType(await resumeToEnd(dir), 'resumed');
    assert.deepEqual([resumed?.fromStep, resumed?.supersedesFromSeq], [0, 1]);
  });

  /** A run killed in the middle of a checkpoint; where none was met, another is begun. */
  async function killedInCheckpoint(): Promise<string> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const { dir } = await begin('--set', 'search.checkpointEvery=1');
      const folder = path.join(dir, 'checkpoints');
      const isUnderWay = (): boolean =>
        existsSync(folder) &&
        readdirSync(folder).some((name) => name.startsWith('temp-') && !name.startsWith('temp-0-'));
      const { record } = (await findPublication(dir))!;
      const met = await eventually('a checkpoint under way', async () => {
        // Without a pause: a checkpoint of this size takes some milliseconds.
        for (const end = Date.now() + 200; Date.now() < end;) {
          if (!isUnderWay()) continue;
          endAtOnce(record.pid);
          return true;
        }
        return (await isAlive(record)) ? undefined : false;
      });
      await eventually('its end', async () => !(await isAlive(record)) || undefined);
      if (met) return dir;
    }
    return assert.fail('no checkpoint was met');
  }

  it('after kill -9 while a checkpoint is being written', async () => {
    const dir = await killedInCheckpoint();
    await resumeToEnd(dir);
    assert.deepEqual(
      (await readdir(path.join(dir, 'checkpoints'))).filter((name) => !name.startsWith('step-')),
      [],
      'what was half-done is gone',
    );
  });

  it('again and again', async () => {
    const { dir } = await begin();
    for (const [, wanted] of [moments[1]!, moments[2]!, moments[3]!]) {
      await untilEvent(dir, wanted);
      if (!(await kill(dir)) || (await runState(dir)) === 'done') {
        // It was over before the last kill.
        assert.deepEqual(await computed(dir), expected);
        return;
      }
      if (wanted === moments[3]![1]) break;
      void scene.start(['resume', dir, '--json']);
      await eventually('it works again', () => findPublication(dir));
    }
    await resumeToEnd(dir);
  });

  /** A run that is paused once an event has come, so that what a command does to it doesn't depend on how soon it comes. */
  async function pausedAt(
    wanted: (event: RunEvent) => boolean,
    ...args: string[]
  ): Promise<{ cli: Cli; dir: string; control: ControlClient }> {
    const { cli, dir } = await begin(...args);
    // Ahead of the first step: these steps take no longer than a handshake.
    const control = await ControlClient.connect(dir);
    await untilEvent(dir, wanted);
    const reply = await control.request({ action: 'pause' });
    assert.ok(reply.ok, JSON.stringify(reply));
    return { cli, dir, control };
  }

  for (const args of [['--checkpoint'], []]) {
    it(`after \`stop ${args.join(' ')}\``, async () => {
      const { cli, dir, control } = await pausedAt(atStep('search', 11));
      control.close();
      const stopped = await scene.run(['stop', dir, ...args]);
      assert.equal(stopped.code, 0, stopped.err);
      assert.match(stopped.out, /^stop: applied after step \d+\.\n$/);
      const said = await cli.ended;
      assert.equal(said.code, 130);
      const last = eventsIn(said.out).at(-1)!;
      assert.equal(last.type === 'finished' && last.status, 'stopped');
      assert.equal(await runState(dir), 'stopped');
      // The step that the stop met, in whatever stage the run had reached by then.
      const before = await rawEvents(dir);
      const met = before.findLast((event) => event.type === 'step')!;
      const kept = ofType(before, 'checkpoint').at(-1)!;
      const [resumed] = ofType(await resumeToEnd(dir), 'resumed');
      const step = Number(/step (\d+)/.exec(stopped.out)![1]);
      if (args.length > 0) assert.equal(resumed!.fromStep, step);
      // A stop behind a stage's last step is applied in the next stage, at its step 0.
      else if (kept.stage === met.stage && step >= kept.step) {
        assert.equal(resumed!.fromStep, kept.step);
      } else assert.equal(resumed!.fromStep, 0, 'the stage before was over');
    });
  }

  it('lets a paused run go on in its own process', async () => {
    const { cli, dir, control } = await pausedAt(atStep('search', 3));
    control.close();
    assert.equal(await runState(dir), 'paused');
    const steps = ofType(await rawEvents(dir), 'step').length;
    const resumed = await scene.run(['resume', dir]);
    assert.equal(resumed.code, 0, resumed.err);
    assert.match(resumed.out, /^resume: applied after step \d+\.\n$/);
    assert.equal((await cli.ended).code, 0);
    const events = await rawEvents(dir);
    assert.ok(steps < ofType(events, 'step').length, 'it was paused before its end');
    assert.deepEqual(ofType(events, 'resumed'), [], 'by the same process');
    assert.deepEqual(await computed(dir), expected);
  });

  it('with a pin and a prune behind the last checkpoint', async () => {
    // So many steps that the pause comes among them.
    const { cli, dir, control } = await pausedAt(
      atStep('search', 9),
      ...['--set', 'search.steps=100', '--set', 'finetune=false', '--set', 'baselines=false'],
    );
    for (const request of [
      { action: 'pin', block: 1, weights: { neox: 0.25, mamba: 0.75 } },
      { action: 'prune', block: 2, component: 'mamba' },
    ] as const) {
      const reply = await control.request(request);
      assert.ok(reply.ok, JSON.stringify(reply));
    }
    // What a kill would leave at this moment, while the run itself goes on uncut.
    const copy = scene.path('copied');
    await cp(dir, copy, { recursive: true });
    await control.request({ action: 'resume' });
    control.close();
    assert.equal((await cli.ended).code, 0);
    const uncut = await computed(dir);
    assert.equal(
      await runState(copy),
      'lost',
      'the process of the other folder is not taken for its own',
    );

    // Killed once more before the next checkpoint, then resumed to the end.
    const again = scene.start(['resume', copy, '--json']);
    await untilEvent(copy, ({ type }) => type === 'resumed');
    await kill(copy);
    await again.ended;
    const { code, err } = await scene.run(['resume', copy, '--json']);
    assert.equal(code, 0, err);
    assert.deepEqual(await computed(copy), uncut);
    const controls = ofType((await readEvents(copy)).events, 'control');
    assert.deepEqual(
      controls.map(({ action }) => action).filter((action) => action !== 'pause'),
      ['pin', 'prune'],
    );
    const steps = ofType((await readEvents(copy)).events, 'step');
    const last = steps.findLast(({ stage }) => stage === 'search')!;
    assert.deepEqual(last.alphas, [
      [0.25, 0.75],
      [1, 0],
    ]);
  });

  it('starts a run whose process was never started', async () => {
    // The command line that made it was killed between the two.
    const { dir } = await begin();
    await kill(dir);
    for (const name of ['events.jsonl', 'events.index', 'checkpoints', 'compute.log']) {
      await rm(path.join(dir, name), { recursive: true, force: true });
    }
    const manifest = JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as object;
    const startedAt = new Date().toISOString();
    const fresh = { ...manifest, pid: 0, state: 'starting', startedAt };
    await writeFile(path.join(dir, 'run.json'), JSON.stringify(fresh));
    assert.equal(await runState(dir), 'starting');
    const { code, err } = await scene.run(['resume', dir, '--json']);
    assert.equal(code, 0, err);
    assert.deepEqual(await computed(dir), expected);
  });

  it('says so when a model’s weights were swapped for others of the same shapes', async () => {
    const models = path.resolve('examples/models');
    await cp(path.join(models, 'tiny-neox'), scene.path('swapped'), { recursive: true });
    const swapping = await scene.config(
      {
        components: { neox: { source: './swapped' } },
        // Longer than the test needs: both attempts are stopped.
        'search.steps': 2000,
        finetune: false,
        baselines: false,
      },
      'swapping',
    );
    const stopped = scene.start(['search', swapping, '--json']);
    const dir = await eventually('the run folder', async () =>
      (await scene.runs()).find((made) => made.includes('swapping')),
    );
    await untilEvent(dir, atStep('search', 2));
    assert.equal((await scene.run(['stop', dir, '--checkpoint'])).code, 0);
    await stopped.ended;
    const file = scene.path('swapped', 'model.safetensors');
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    const again = scene.start(['resume', dir, '--json']);
    await untilEvent(dir, ({ type }) => type === 'warning');
    assert.equal((await scene.run(['stop', dir])).code, 0);
    await again.ended;
    const [warning] = ofType(await rawEvents(dir), 'warning');
    assert.equal(warning?.code, 'weights-changed');
    assert.match(warning.message, /weights of neox have changed/);
  });

  it('refuses a run that runs, is done, or is being resumed already', async () => {
    const { dir } = await begin();
    // Held meanwhile: it would else be over before a command has come to it.
    await hold(dir);
    const running = await scene.run(['resume', dir]);
    assert.equal(running.code, 1);
    assert.match(running.err, /^already-running: .*\n.*manticore attach/);
    await kill(dir);
    const both = [1, 2].map(() => scene.run(['resume', dir, '--json']));
    const letGo = await eventually('one of the two has it', () => hold(dir));
    const refused = await Promise.race(both);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^already-running: /);
    letGo();
    assert.deepEqual((await Promise.all(both)).map(({ code }) => code).sort(), [0, 1]);
    assert.deepEqual(await computed(dir), expected);
    const done = await scene.run(['resume', dir]);
    assert.equal(done.code, 1);
    assert.match(done.err, /^run-done: /);
  });

  it('refuses a plan that is not the one its config gives', async () => {
    const { dir } = await killedAt(atStep('search', 2));
    const file = path.join(dir, 'plan.json');
    const plan = await readFile(file, 'utf8');
    await writeFile(file, plan.replace('"batch": 2', '"batch": 1'));
    const { code, err } = await scene.run(['resume', dir]);
    assert.equal(code, 1);
    assert.match(err, /^plan-changed: .*\n.*start a new run/);
    await writeFile(file, plan);
    await resumeToEnd(dir);
  });
});
