/** The quickstart on TensorFlow, in fewer steps, where it is installed (`scripts/engineSetup.mjs tensorflow`). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { enginesFolder, installedEngine } from '../../server/files/userCache';
import { ofType, eventsIn, scoredOnLittle } from './runFiles';
import { Scene } from './scene';

const isThere = existsSync(installedEngine(enginesFolder(), 'tensorflow'));
const isRequired = (process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').includes('tensorflow');

describe('the quickstart on tensorflow', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  it('searches, fine-tunes, compares and ends with a hybrid that has learnt', async function () {
    if (!isThere) {
      assert.ok(!isRequired, 'required, but TensorFlow is not installed');
      this.skip();
    }
    this.timeout(600_000);
    const settings = ['engine.name=tensorflow', 'search.steps=10', 'search.evalEvery=5'];
    const shorter = [...settings, 'finetune.steps=6', 'finetune.evalEvery=3'];
    const { code, out, err } = await scene.run([
      'search',
      path.resolve('examples/quickstart.manticore.yaml'),
      ...['--json', '--out', scene.path('runs')],
      ...shorter.flatMap((setting) => ['--set', setting]),
      ...(await scoredOnLittle(scene.folder)),
    ]);
    assert.equal(code, 0, err);
    const events = eventsIn(out);
    const [started] = ofType(events, 'started');
    assert.equal(started?.engine.name, 'tensorflow');
    const losses = ofType(events, 'step').flatMap(({ stage, subject, loss }) =>
      stage === 'search' && subject === 'hybrid' ? [loss] : [],
    );
    assert.equal(losses.length, 10);
    assert.ok(losses.at(-1)! < losses[0]!, losses.join(' '));
    const finished = events.at(-1)!;
    assert.ok(finished.type === 'finished' && finished.status === 'done');
    assert.deepEqual(finished.components, ['neox', 'mamba']);
  });
});
