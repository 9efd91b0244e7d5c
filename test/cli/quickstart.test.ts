/** The example that a newcomer meets, in fewer steps. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plan } from '../../server/contract/plan';
import { ofType, eventsIn, scoredOnLittle } from './runFiles';
import { Scene } from './scene';

describe('the quickstart', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  it('prints valid events only, and ends with `finished` and a report', async function () {
    this.timeout(300_000);
    const { code, out, err } = await scene.run([
      'search',
      path.resolve('examples/quickstart.manticore.yaml'),
      '--json',
      '--out',
      scene.path('runs'),
      '--set',
      'search.steps=16',
      '--set',
      'finetune.steps=10',
      ...(await scoredOnLittle(scene.folder)),
    ]);
    assert.equal(code, 0, err);
    const events = eventsIn(out);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index),
    );
    assert.equal(events[0]!.type, 'started');
    const finished = events.at(-1)!;
    assert.ok(finished.type === 'finished' && finished.status === 'done');
    assert.deepEqual(finished.components, ['neox', 'mamba']);
    assert.equal(finished.alphas.length, 4);

    const steps = ofType(events, 'step');
    const count = (stage: string, subject: string) =>
      steps.filter((step) => step.stage === stage && step.subject === subject).length;
    assert.equal(count('search', 'hybrid'), 16);
    for (const subject of ['neox', 'mamba']) assert.equal(count('baseline', subject), 10);
    const search = ofType(events, 'evaluation').filter(({ stage }) => stage === 'search');
    assert.ok(search.at(-1)!.loss < 6, 'pretrained models are far below chance, ln 1024 = 6.93');

    const [dir] = await scene.runs(scene.path('runs'));
    const { memory } = JSON.parse(await readFile(path.join(dir!, 'plan.json'), 'utf8')) as Plan;
    const measured = Math.max(...steps.map(({ memoryBytes }) => memoryBytes));
    const ratio = memory.peak / measured;
    assert.ok(ratio > 0.8 && ratio < 1.2, `predicted / measured peak of the run = ${ratio}`);
    const peakOf = (subject: string) =>
      Math.max(...steps.filter((step) => step.subject === subject).map((step) => step.memoryBytes));
    assert.ok(peakOf('neox') < 0.75 * measured, 'a baseline’s peak is its own');

    const page = await readFile(path.join(dir!, 'result', 'report.html'), 'utf8');
    assert.match(page, /neox alone/);
  });
});
