/** A synthetic task on the command line: trained, scored, written; and what it can't do, said. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { eventsIn, ofType } from './runFiles';
import { Scene } from './scene';

const example = (task: string) => path.resolve(`examples/experiments/mad/${task}.manticore.yaml`);

describe('a run of a MAD task', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  async function search(task: string): Promise<{ dir: string; accuracy: number; err: string }> {
    const parent = scene.path(task);
    const sets = [
      'search.steps=3',
      'search.batch=4',
      'data.train.mad.examples=12',
      'data.train.mad.testExamples=6',
    ];
    const { code, out, err } = await scene.run([
      'search',
      example(task),
      '--json',
      '--out',
      parent,
      ...sets.flatMap((set) => ['--set', set]),
    ]);
    assert.equal(code, 0, err);
    const { results } = ofType(eventsIn(out), 'finished')[0]!;
    const own = results.find(({ subject, split }) => subject === 'hybrid' && split === 'test')!;
    const [dir = ''] = await scene.runs(parent);
    return { dir, accuracy: own.accuracy!, err };
  }

  it('is scored on its test examples again, by accuracy', async () => {
    const { dir, accuracy } = await search('selective-copying');
    const { code, out, err } = await scene.run(['eval', dir, '--json']);
    assert.equal(code, 0, err);
    const scored = JSON.parse(out) as { accuracy: number; tokens: number; source: string };
    assert.equal(scored.accuracy, accuracy);
    assert.equal(scored.tokens, 6 * 4);
    assert.equal(scored.source, 'the test examples');

    const generated = await scene.run(['generate', dir, '--prompt', 'no text']);
    assert.notEqual(generated.code, 0);
    assert.match(generated.err, /^no-text: .*trained on a synthetic task/);
    assert.equal(generated.out, '');

    const folder = scene.path('component');
    const exported = await scene.run(['export', dir, '--to', folder, '--component', 'mamba']);
    assert.equal(exported.code, 0, exported.err);
    assert.deepEqual((await readdir(folder)).sort(), ['config.json', 'model.safetensors']);
  });

  it('of compression keeps its decoder in the hybrid’s folder, and lends it to no component', async () => {
    const { dir, accuracy } = await search('compression');
    const scored = await scene.run(['eval', path.join(dir, 'result')]);
    assert.match(scored.err, /^run-needed: .*what examples to score.*\nScore the run/);
    const { code, out, err } = await scene.run(['eval', dir]);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`accuracy ${(accuracy * 100).toFixed(1)} %`));
    for (const part of [
      ['--component', 'neox'],
      ['--format', 'transformers'],
    ]) {
      const refused = await scene.run(['export', dir, '--to', scene.path('no'), ...part]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.err, /^auto-encoder: /);
    }
    assert.ok(!(await readdir(scene.folder)).some((name) => name.startsWith('no')));
  });
});
