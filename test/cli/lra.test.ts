/** A run that learns the class of sequences on the command line: trained, scored again, written; and what it can't do, said. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { eventsIn, ofType } from './runFiles';
import { Scene } from './scene';

const example = path.resolve('examples/experiments/lra/listops.manticore.yaml');

describe('a run of a Long Range Arena task', () => {
  let scene: Scene;
  let dir: string;
  let accuracy: number;
  before(async () => {
    scene = await Scene.make();
    const parent = scene.path('listops');
    const task = ['examples=12', 'testExamples=6'].map((knob) => `data.train.lra.${knob}`);
    const sets = ['search.steps=2', 'search.batch=4', 'baselines=false', ...task];
    const { code, out, err } = await scene.run([
      'search',
      example,
      '--json',
      '--out',
      parent,
      ...sets.flatMap((set) => ['--set', set]),
    ]);
    assert.equal(code, 0, err);
    const { results } = ofType(eventsIn(out), 'finished')[0]!;
    accuracy = results.find(({ split }) => split === 'test')!.accuracy!;
    [dir = ''] = await scene.runs(parent);
  });
  after(() => scene.remove());

  it('is scored on its test examples again, by accuracy', async () => {
    const { code, out, err } = await scene.run(['eval', dir]);
    assert.equal(code, 0, err);
    const scored = new RegExp(
      `^loss \\d\\.\\d{4} nats an example, accuracy ${(accuracy * 100).toFixed(1)} %, over 6 of the test examples$`,
    );
    assert.match(out.trim(), scored);
  });

  it('generates and scores no text, and lends its head to no component', async () => {
    const text = await scene.run(['eval', dir, '--text', example, '--context', '4']);
    assert.match(text.err, /^no-text: .*tells the class of a sequence/);
    const generated = await scene.run(['generate', dir, '--prompt', 'no text']);
    assert.match(generated.err, /^no-text: .*tells the class of a sequence/);
    const to = scene.path('component');
    const refused = await scene.run(['export', dir, '--to', to, '--component', 'mamba']);
    assert.match(refused.err, /^classifier: /);
  });
});
