/** Large data are read and encoded before the first step: that is told, and can be stopped. Server and run are real. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { ofType, rawEvents } from '../../cli/runFiles';
import { prose, Scene } from '../../cli/scene';
import { RunsClient } from './runsClient';

/** Seconds of encoding, on any machine. */
const BYTES = 60e6;

describe('large data in the editor', () => {
  let scene: Scene;
  let client: RunsClient;
  let cache: string | undefined;

  before(async () => {
    scene = await Scene.make('preparing');
    cache = process.env['MANTICORE_TOKENS_DIR'];
    process.env['MANTICORE_TOKENS_DIR'] = scene.path('tokens');
    const text = prose(2000, 4);
    await writeFile(scene.path('large.txt'), text.repeat(Math.ceil(BYTES / text.length)));
    client = await RunsClient.start({ folders: [scene.folder] });
  });
  after(async () => {
    client.kill();
    if (cache === undefined) delete process.env['MANTICORE_TOKENS_DIR'];
    else process.env['MANTICORE_TOKENS_DIR'] = cache;
    await scene.remove();
  });

  it('say how far they are, and a stop is heard meanwhile: no step, and nothing left in the cache', async () => {
    const config = await scene.config({ 'data.train': { text: './large.txt' } });
    const { dir } = await client.startSearch(config);
    const { preparing, progress, state } = await client.runWhere(
      dir,
      'encoding',
      (run) => run.preparing !== undefined,
    );
    assert.equal(preparing?.split, 'train');
    assert.ok(preparing.fraction > 0 && preparing.fraction < 1, String(preparing.fraction));
    assert.equal(progress, undefined);
    assert.equal(state, 'running');

    const request = { action: 'stop', checkpoint: false } as const;
    await client.ask('manticore/controlRun', { dir, request });
    const stopped = await client.runWhere(dir, 'its end', (run) => run.state === 'stopped');
    assert.equal(stopped.preparing, undefined);
    const events = await rawEvents(dir);
    assert.equal(ofType(events, 'step').length, 0);
    assert.equal(events.at(-1)?.type, 'finished');
    assert.deepEqual(await readdir(scene.path('tokens')).catch(() => []), []);
  });
});
