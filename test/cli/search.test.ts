import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plan } from '../../server/contract/plan';
import { eventsIn, ofType, rawEvents } from './runFiles';
import { Scene, type Said } from './scene';

describe('manticore search', () => {
  let scene: Scene;
  let config: string;
  let said: Said;
  let dir: string;

  before(async () => {
    scene = await Scene.make();
    config = await scene.config();
    said = await scene.run(['search', config, '--json', '--set', 'search.steps=10']);
    [dir = ''] = await scene.runs();
  });
  after(() => scene.remove());

  it('prints valid events and nothing else with --json, from started to finished, without a gap', async () => {
    assert.equal(said.code, 0, said.err);
    assert.equal(said.err, '');
    const events = eventsIn(said.out);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, at) => at),
    );
    assert.equal(events[0]!.type, 'started');
    assert.equal(events.at(-1)!.type, 'finished');
    assert.deepEqual(await rawEvents(dir), events, 'the log holds the same');
    assert.equal(ofType(events, 'step').filter(({ stage }) => stage === 'search').length, 10);
  });

  it('tells of the search, the fine-tuning and a baseline a component, on validation and test text', () => {
    const { results } = ofType(eventsIn(said.out), 'finished')[0]!;
    assert.deepEqual(
      results.map(({ stage, subject, split }) => `${stage} ${subject} ${split}`),
      ['search hybrid', 'finetune hybrid', 'baseline neox', 'baseline mamba'].flatMap((job) => [
        `${job} validation`,
        `${job} test`,
      ]),
    );
    for (const { loss, perplexity } of results) {
      assert.ok(Math.abs(Math.log(perplexity) - loss) < 1e-9);
      assert.ok(loss > 1 && loss < 9, `a loss of ${loss}`);
    }
  });

  it('leaves a whole run folder beside the config', async () => {
    const names = await readdir(dir);
    for (const name of ['config.manticore.yaml', 'plan.json', 'events.jsonl', 'run.json']) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(!names.includes('.reserve') && !names.includes('parked'));
    assert.equal((await readdir(path.join(dir, 'checkpoints'))).length, 2);
    const result = await readdir(path.join(dir, 'result'));
    for (const name of [
      'model.safetensors',
      'tokenizer.json',
      'alphas.json',
      'report.html',
      'report.json',
      'heatmap.svg',
      'heatmap.png',
    ]) {
      assert.ok(result.includes(name), `result/${name}`);
    }
    const manifest = JSON.parse(await readFile(path.join(dir, 'run.json'), 'utf8')) as {
      state: string;
      engine: { name: string; threads: number; node: string };
    };
    assert.equal(manifest.state, 'done');
    assert.equal(manifest.engine.name, 'wasm');
    assert.match(await readFile(path.join(dir, 'config.manticore.yaml'), 'utf8'), /steps: 10/);
  });

  it('without --json draws its progress, a summary and where the report lies', async () => {
    const text = await scene.run([
      'search',
      config,
      '--out',
      scene.path('elsewhere'),
      '--engine',
      'wasm',
      '--set',
      'search.steps=4',
      '--set',
      'finetune=false',
      '--set',
      'baselines=false',
    ]);
    assert.equal(text.code, 0, text.err);
    const [made] = await scene.runs(scene.path('elsewhere'));
    assert.ok(made, 'the run folder is in --out');
    assert.match(text.out, /^Run [0-9a-f]{12} in elsewhere\/\d{8}-\d{6}-tiny\n/);
    const report = path.relative(scene.folder, path.join(made, 'result', 'report.html'));
    assert.ok(text.out.includes(`Report  ${report}\n`), text.out);
    assert.match(text.out, /validation/);
    assert.ok(!text.out.includes('\u001b'), 'no escape sequences where there is no terminal');
  });

  it('refuses a config with errors, with their places, and makes no run folder', async () => {
    const broken = await scene.config(
      { 'search.algorithm': 'dart', 'hybrid.blocks': 9 },
      'broken/broken',
    );
    const { code, out, err } = await scene.run(['search', broken]);
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(err, /broken\.manticore\.yaml:\d+:\d+ error \S+ .*darts/);
    assert.match(err, /nothing runs until the errors above are mended/);
    assert.deepEqual(await scene.runs(scene.path('broken', '.manticore', 'runs')), []);
  });

  for (const args of [
    ['serch', 'x.yaml'],
    ['search', 'x.yaml', '--fast'],
    ['search', 'x.yaml', '--engine', 'abacus'],
    ['search'],
    ['generate', 'latest'],
    ['pin', 'latest', 'two', 'neox'],
  ]) {
    it(`exits 2 for \`manticore ${args.join(' ')}\``, async () => {
      const { code, out, err } = await scene.run(args);
      assert.equal(code, 2);
      assert.equal(out, '');
      assert.notEqual(err, '');
      assert.doesNotMatch(err, /^\s+at /m);
    });
  }

  it('names a missing config', async () => {
    const { code, err } = await scene.run(['search', 'nowhere.yaml']);
    assert.equal(code, 1);
    assert.match(err, /nowhere\.yaml.*no such file/);
  });
});

describe('manticore check and plan', () => {
  let scene: Scene;
  let config: string;
  before(async () => {
    scene = await Scene.make();
    config = await scene.config();
  });
  after(() => scene.remove());

  it('print nothing but JSON with --json', async () => {
    const check = await scene.run(['check', config, '--json']);
    assert.deepEqual([check.code, JSON.parse(check.out)], [0, []]);
    const { code, out } = await scene.run(['plan', config, '--json']);
    assert.equal(code, 0);
    const plan = JSON.parse(out) as Plan;
    assert.deepEqual(
      plan.jobs.map(({ stage, subject, steps }) => [stage, subject, steps]),
      [
        ['search', 'hybrid', 24],
        ['finetune', 'hybrid', 8],
        ['baseline', 'neox', 8],
        ['baseline', 'mamba', 8],
      ],
    );
  });

  it('take --set: what it mends, what it breaks, and where', async () => {
    const bad = await scene.run(['check', config, '--set', 'hybrid.blocks=3', '--json']);
    assert.equal(bad.code, 1);
    const problems = JSON.parse(bad.out) as { code: string; line: number; severity: string }[];
    assert.ok(problems.some(({ severity, line }) => severity === 'error' && line > 1));
    const shorter = await scene.run(['plan', config, '--json', '--set', 'search.steps=6']);
    assert.equal((JSON.parse(shorter.out) as Plan).jobs[0]!.steps, 6);
    const unknown = await scene.run(['plan', config, '--set', 'search.stepz=6']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /steps/);
  });

  it('draw the plan for a reader', async () => {
    const { code, out } = await scene.run(['plan', config]);
    assert.equal(code, 0);
    assert.match(out, /neox/);
    assert.match(out, /mamba/);
    assert.match(out, /parameters/i);
  });
});
