/** Ctrl-C, closed terminals, and followers that come and go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isAlive } from '../../server/runs/processIdentity';
import { runState } from '../../server/runs/runState';
import { findPublication } from '../../server/runs/runtimeFolder';
import { eventsIn, ofType, rawEvents } from './runFiles';
import { eventually, Scene, type Cli } from './scene';

describe('Ctrl-C', () => {
  let scene: Scene;
  let dir: string;
  const config = {
    'search.steps': 50_000,
    'search.evalEvery': 50_000,
    'search.checkpointEvery': 50_000,
    finetune: false,
    baselines: false,
  };
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  const stepsSo = async (): Promise<number> => ofType(await rawEvents(dir), 'step').length;

  async function steps(more = 2): Promise<void> {
    const before = await stepsSo();
    await eventually('steps', async () => (await stepsSo()) >= before + more || undefined);
  }

  async function following(...args: string[]): Promise<Cli> {
    const cli = scene.start(args);
    await eventually('its output', () => cli.out().includes('step') || undefined);
    return cli;
  }

  it('once: a checkpoint, and the run is stopped and can go on', async () => {
    const cli = scene.start(['search', await scene.config(config), '--json']);
    dir = await eventually('the run', async () => (await scene.runs())[0]);
    await steps();
    cli.child.kill('SIGINT');
    const { code, out, err } = await cli.ended;
    assert.equal(code, 130, err);
    assert.match(err, /Stopping after this step, with a checkpoint/);
    const events = eventsIn(out);
    const last = ofType(events, 'step').at(-1)!;
    assert.equal(ofType(events, 'checkpoint').at(-1)!.step, last.step);
    assert.equal(await runState(dir), 'stopped');
    assert.equal(await findPublication(dir), undefined);
  });

  it('twice: it stops at once', async () => {
    const cli = scene.start(['resume', dir, '--json']);
    await eventually('it works', () => findPublication(dir));
    await steps();
    cli.child.kill('SIGINT');
    await eventually('the first', () => cli.err().includes('Stopping after') || undefined, 1);
    cli.child.kill('SIGINT');
    const { code, out } = await cli.ended;
    assert.equal(code, 130);
    assert.equal(eventsIn(out)[0]!.type, 'resumed');
    await eventually(
      'its end',
      async () => (await findPublication(dir)) === undefined || undefined,
    );
    assert.equal(await runState(dir), 'stopped');
  });

  it('the run outlives the terminal; attach finds it, tells all of it, and leaves it running', async () => {
    const cli = scene.start(['resume', dir, '--json']);
    const publication = await eventually('it works', () => findPublication(dir));
    await steps();
    cli.child.kill('SIGKILL');
    await once(cli.child, 'close');
    await steps();
    assert.ok(await isAlive(publication.record));

    const attached = await following('attach', dir, '--json');
    await steps();
    attached.child.kill('SIGINT');
    const detached = await attached.ended;
    assert.equal(detached.code, 130);
    assert.match(detached.err, /^Detached; the run goes on/);
    const events = eventsIn(detached.out);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, at) => at),
    );
    assert.equal(events[0]!.type, 'started');

    const last = await following('attach', 'latest');
    assert.equal((await scene.run(['stop', 'latest'])).code, 0);
    const stopped = await last.ended;
    assert.equal(stopped.code, 130);
    assert.match(stopped.out, /Stage 1 of 1: /);
    await eventually('its end', async () => !(await isAlive(publication.record)) || undefined);
    assert.deepEqual(ofType(await rawEvents(dir), 'resumed').length, 2);
  });
});
