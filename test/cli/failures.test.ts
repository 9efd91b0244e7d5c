/** What goes wrong is told in a sentence with a way out: never a stack, never silence. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plan } from '../../server/contract/plan';
import { readEvents } from '../../server/runs/readEvents';
import { createRunFolder } from '../../server/runs/runFolder';
import { runState } from '../../server/runs/runState';
import { computed, eventsIn, ofType, rawEvents } from './runFiles';
import {
  eventually,
  mambaFromScratch,
  Scene,
  tokenizerPath,
  type Changes,
  type Said,
} from './scene';

const quick: Changes = { 'search.steps': 6, finetune: false, baselines: false };

describe('when it goes wrong', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  const search = async (name: string, changes: Changes): Promise<Said> => {
    const config = await scene.config({ ...quick, ...changes }, name);
    const said = await scene.run(['search', config, '--json', '--out', `out-${name}`]);
    assert.doesNotMatch(said.err, /^\s+at /m, 'no stack');
    return said;
  };

  it('a loss that is no number fails the run, with a hint', async () => {
    const { code, out, err } = await search('nan', {
      'search.schedule': 'simultaneous',
      'search.learningRate': 1e6,
      'search.warmup': 0,
      'search.clip': 0,
      'search.steps': 60,
    });
    assert.equal(code, 3);
    const failed = eventsIn(out).at(-1)!;
    assert.ok(failed.type === 'failed');
    assert.match(failed.code, /^(loss|gradient)-not-finite$/);
    assert.match(failed.hint, /learningRate/);
    assert.ok(err.startsWith(`${failed.code}: ${failed.message}\n${failed.hint}`), err);
    const [dir] = await scene.runs(scene.path('out-nan'));
    assert.equal(await runState(dir!), 'failed');
    assert.match(await readFile(path.join(dir!, 'result', 'report.html'), 'utf8'), /learningRate/);
  });

  it('text that is not UTF-8', async () => {
    await writeFile(scene.path('latin1.txt'), Buffer.from('caf\xe9 '.repeat(2000), 'latin1'));
    const { code, err } = await search('latin1', { 'data.train': { text: './latin1.txt' } });
    assert.equal(code, 3);
    assert.match(err, /latin1\.txt.*UTF-8/);
  });

  it('too little text', async () => {
    await writeFile(scene.path('short.txt'), 'there there there there ');
    const { code, err } = await search('short', { 'data.train': { text: './short.txt' } });
    assert.equal(code, 3);
    assert.match(err, /^not-enough-text: The training text has \d+ tokens; 17 are needed/);
  });

  it('a tokenizer that is damaged', async () => {
    for (const [name, content] of [
      ['cut', (await readFile(path.join(tokenizerPath, 'tokenizer.json'), 'utf8')).slice(0, 5000)],
      ['empty', '{}'],
    ] as const) {
      const folder = scene.path(`tokenizer-${name}`);
      await cp(tokenizerPath, folder, { recursive: true });
      await writeFile(path.join(folder, 'tokenizer.json'), content);
      const { code, out, err } = await search(`tokenizer-${name}`, {
        components: { mamba: { ...mambaFromScratch, tokenizer: folder } },
        'hybrid.blocks': 1,
      });
      assert.equal(code, 1, out);
      assert.match(err, /\.yaml:\d+:\d+ error \S+ .*tokenizer/);
    }
  });

  it('a component that is gone when the run begins, or goes on', async () => {
    const to = scene.path('models', 'mamba');
    await cp(path.resolve('examples/models/tiny-mamba'), to, { recursive: true });
    const changes = {
      ...quick,
      'components.mamba': { source: './models/mamba' },
      'search.steps': 50_000,
      'search.evalEvery': 50_000,
      'search.checkpointEvery': 50_000,
    };
    const file = await scene.config(changes, 'gone');
    const planned = await scene.run(['plan', file, '--json']);
    const cli = scene.start(['search', file, '--json', '--out', 'out-gone']);
    const running = await eventually('the run', async () => {
      const [made] = await scene.runs(scene.path('out-gone'));
      return made !== undefined && ofType(await rawEvents(made), 'step').length > 2
        ? made
        : undefined;
    });
    assert.equal((await scene.run(['stop', running, '--checkpoint'])).code, 0);
    await cli.ended;

    const { dir: unbegun } = await createRunFolder({
      configPath: file,
      configText: await readFile(file, 'utf8'),
      plan: JSON.parse(planned.out) as Plan,
      out: scene.path('out-unbegun'),
      versions: {},
      now: new Date(Date.now() - 3_600_000),
    });
    const unborn = scene.path('unborn');
    await cp(unbegun, unborn, { recursive: true });
    await rename(to, `${to}-aside`);

    const compute = spawnSync(process.execPath, [path.resolve('dist/compute.js'), 'run', unbegun], {
      encoding: 'utf8',
    });
    assert.equal(compute.status, 1);
    const failed = (await rawEvents(unbegun)).at(-1)!;
    assert.ok(failed.type === 'failed' && failed.code !== 'internal-error', compute.stderr);
    assert.match(failed.message, /models\/mamba/);
    assert.doesNotMatch(compute.stderr, /^\s+at /m);

    const resumed = await scene.run(['resume', running]);
    assert.equal(resumed.code, 1);
    assert.match(resumed.err, /^plan-changed: .*models\/mamba/);

    // Back again: a run that failed before it began, and one that never even tried, begin.
    await rename(`${to}-aside`, to);
    for (const dir of [unbegun, unborn]) {
      const cli = scene.start(['resume', dir, '--json']);
      await eventually('a step', async () => ofType(await rawEvents(dir), 'step')[0], 20);
      assert.equal((await scene.run(['stop', dir])).code, 0);
      assert.equal((await cli.ended).code, 130);
      const { events } = await readEvents(dir);
      assert.equal(ofType(events, 'started').length, 1);
      assert.deepEqual(ofType(events, 'failed'), []);
      assert.equal(events.at(-1)!.type, 'finished');
    }
  });

  it('a folder beside the config that nobody may write to', async function () {
    if (process.getuid?.() === 0) return this.skip();
    const config = await scene.config(quick, 'locked/tiny');
    await chmod(scene.path('locked'), 0o555);
    try {
      const said = await scene.run(['search', config]);
      assert.equal(said.code, 1);
      assert.match(said.err, /locked.*\n.*--out/);
    } finally {
      await chmod(scene.path('locked'), 0o755);
    }
  });

  it('a run folder can not be made: where, and --out as the way out', async () => {
    const config = await scene.config(quick, 'taken/tiny');
    // A file where the folder would be: the same for every user, root included.
    await writeFile(scene.path('taken', '.manticore'), '');
    for (const name of ['train', 'valid', 'test']) {
      await cp(scene.path(`${name}.txt`), scene.path('taken', `${name}.txt`));
    }
    const said = await scene.run(['search', config]);
    assert.equal(said.code, 1, said.err);
    assert.match(said.err, /taken\/\.manticore\/runs.*\n.*--out/);
    assert.doesNotMatch(said.err, /^\s+at /m);
    const elsewhere = await scene.run(['search', config, '--json', '--out', 'out-taken']);
    assert.equal(elsewhere.code, 0, elsewhere.err);
  });

  it('nothing, for a path with spaces and letters of other alphabets', async () => {
    const folder = 'Käse & 夜 (1)';
    const config = await scene.config(quick, `${folder}/ein Versuch`);
    for (const name of ['train', 'valid', 'test']) {
      await cp(scene.path(`${name}.txt`), scene.path(folder, `${name}.txt`));
    }
    const said = await scene.run(['search', config]);
    assert.equal(said.code, 0, said.err);
    const [dir] = await scene.runs(scene.path(folder, '.manticore', 'runs'));
    assert.match(path.basename(dir!), /^\d{8}-\d{6}-ein-Versuch$/);
    assert.ok(said.out.includes(folder), said.out);
    await computed(dir!);
    await mkdir(scene.path('ziel wört'));
    const exported = await scene.run(['export', dir!, '--to', 'ziel wört']);
    assert.equal(exported.code, 0, exported.err);
  });
});
