/** What is done with a run's hybrid: text, scores, folders, reports. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EngineReport } from '../../server/contract/engine';
import { useOwnCache } from '../files/ownCache';
import { eventsIn, ofType } from './runFiles';
import { mambaFromScratch, Scene } from './scene';

interface Generated {
  readonly prompt: string;
  readonly text: string;
  readonly tokens: number;
}
interface Scored {
  readonly loss: number;
  readonly perplexity: number;
  readonly tokens: number;
  readonly source: string;
}

describe('what a run leaves', () => {
  let scene: Scene;
  let dir: string;
  let testLoss: number;

  before(async () => {
    scene = await Scene.make();
    const config = await scene.config({ 'search.steps': 6, 'finetune.steps': 4, baselines: false });
    const { code, out, err } = await scene.run(['search', config, '--json']);
    assert.equal(code, 0, err);
    [dir = ''] = await scene.runs();
    const { results } = ofType(eventsIn(out), 'finished')[0]!;
    testLoss = results.find(({ stage, split }) => stage === 'finetune' && split === 'test')!.loss;
  });
  after(() => scene.remove());

  async function json<T>(...args: string[]): Promise<T> {
    const { code, out, err } = await scene.run([...args, '--json']);
    assert.equal(code, 0, err);
    return JSON.parse(out) as T;
  }

  const generate = (model: string, ...options: string[]): Promise<Generated> =>
    json('generate', model, '--prompt', 'the old house', '--tokens', '12', ...options);

  describe('generate', () => {
    it('gives the same text for the same seed, another for another', async () => {
      const [one, same, other] = await Promise.all([
        generate(dir, '--seed', '7'),
        generate('latest', '--seed', '7'),
        generate(dir, '--seed', '8'),
      ]);
      assert.equal(one.text, same.text);
      assert.notEqual(one.text, other.text);
      assert.ok(one.tokens > 0 && one.tokens <= 12);
    });

    it('needs no luck at temperature 0', async () => {
      const [one, other] = await Promise.all([
        generate(dir, '--temperature', '0', '--seed', '1'),
        generate(dir, '--temperature', '0', '--seed', '2'),
      ]);
      assert.equal(one.text, other.text);
    });

    it('prints the prompt and the text where nobody asked for JSON', async () => {
      const { text } = await generate(dir, '--temperature', '0');
      const args = ['--prompt', 'the old house', '--tokens', '12', '--temperature', '0'];
      const said = await scene.run(['generate', dir, ...args]);
      assert.equal(said.code, 0);
      assert.equal(said.out, `the old house${text}\n`);
      assert.match(said.err, /^\d+ tokens, \d+ a second\n$/);
    });

    it('takes an empty prompt, no tokens at all, letters of any alphabet', async () => {
      const [empty, none, letters] = await Promise.all([
        json<Generated>('generate', dir, '--prompt', '', '--tokens', '3'),
        json<Generated>('generate', dir, '--prompt', 'night', '--tokens', '0'),
        json<Generated>('generate', dir, '--prompt', 'Äpfel 夜 🌙', '--tokens', '3'),
      ]);
      assert.equal(empty.prompt, '');
      assert.deepEqual([none.text, none.tokens], ['', 0]);
      assert.equal(letters.prompt, 'Äpfel 夜 🌙');
    });

    it('refuses what makes no sense', async () => {
      for (const options of [
        ['--temperature', '-1'],
        ['--tokens', 'many'],
        ['--seed', '1.5'],
        ['--top-p', '2'],
      ]) {
        const said = await scene.run(['generate', dir, '--prompt', 'x', ...options]);
        assert.equal(said.code, 2, options.join(' '));
        assert.match(said.err, new RegExp(options[0]!));
      }
    });
  });

  describe('eval', () => {
    it("is the run's own test loss", async () => {
      const { loss, perplexity, source } = await json<Scored>('eval', dir);
      assert.ok(Math.abs(loss - testLoss) < 1e-5, `${loss} is not ${testLoss}`);
      assert.ok(Math.abs(Math.log(perplexity) - loss) < 1e-9);
      assert.equal(source, 'the test text');
    });

    it('scores any text, also as JSON Lines', async () => {
      const text = await readFile(scene.path('test.txt'), 'utf8');
      await writeFile(scene.path('test.jsonl'), `${JSON.stringify({ body: text })}\n`);
      const [plain, lines] = await Promise.all([
        json<Scored>('eval', dir, '--text', 'test.txt', '--batch', '3'),
        json<Scored>('eval', dir, '--jsonl', 'test.jsonl', '--field', 'body'),
      ]);
      assert.ok(Math.abs(plain.loss - testLoss) < 1e-5);
      assert.ok(Math.abs(lines.loss - testLoss) < 1e-2, 'a document may end otherwise');
      assert.equal(plain.source, scene.path('test.txt'));
    });

    it('says what is missing', async () => {
      const missing = await scene.run(['eval', dir, '--text', 'nowhere.txt']);
      assert.equal(missing.code, 1);
      assert.match(missing.err, /nowhere\.txt/);
      assert.doesNotMatch(missing.err, /^\s+at /m);
      const both = await scene.run(['eval', dir, '--text', 'a', '--jsonl', 'b']);
      assert.equal(both.code, 2);
    });
  });

  describe('export', () => {
    it('of the hybrid makes a folder that gives the same numbers', async () => {
      const { files } = await json<{ files: string[] }>('export', dir, '--to', 'hybrid');
      assert.ok(files.includes('model.safetensors') && files.includes('config.json'));
      const [scored, text, own] = await Promise.all([
        json<Scored>('eval', 'hybrid', '--text', 'test.txt', '--context', '16', '--batch', '2'),
        generate('hybrid', '--seed', '7'),
        generate(dir, '--seed', '7'),
      ]);
      assert.ok(Math.abs(scored.loss - testLoss) < 1e-5);
      assert.equal(text.text, own.text);
      const bare = await scene.run(['eval', 'hybrid']);
      assert.equal(bare.code, 1);
      assert.match(bare.err, /--context/);
    });

    it('for transformers brings the Python that runs it and a card, and gives the same numbers here', async () => {
      const { files } = await json<{ files: string[] }>(
        ...['export', dir, '--to', 'theirs', '--format', 'transformers'],
      );
      assert.deepEqual((await readdir(scene.path('theirs'))).sort(), [...files].sort());
      assert.deepEqual(
        ['modeling_manticore.py', 'heatmap.png', 'README.md', 'generation_config.json'].filter(
          (name) => !files.includes(name),
        ),
        [],
      );
      const card = await readFile(scene.path('theirs', 'README.md'), 'utf8');
      assert.match(card, /^---\nlibrary_name: transformers\n/);
      assert.match(card, /\| hybrid, finetune \| test \| \d/);
      assert.match(card, /\| hybrid, search \| test \| \d/);
      const scored = await json<Scored>(
        ...['eval', 'theirs', '--text', 'test.txt', '--context', '16', '--batch', '2'],
      );
      assert.ok(Math.abs(scored.loss - testLoss) < 1e-5);
      const unknown = await scene.run(['export', dir, '--to', 'gguf', '--format', 'gguf']);
      assert.equal(unknown.code, 2);
      assert.match(unknown.err, /gguf.*manticore, transformers/s);
    });

    it('refuses a folder with files in it, and a component that is not there', async () => {
      const full = await scene.run(['export', dir, '--to', scene.folder]);
      assert.equal(full.code, 1);
      assert.match(full.err, /^folder-not-empty: .*holds files already/);
      const unknown = await scene.run(['export', dir, '--to', 'nemo', '--component', 'nemo']);
      assert.equal(unknown.code, 1);
      assert.match(unknown.err, /nemo.*neox.*mamba/s);
    });

    for (const dtype of ['F32', 'BF16']) {
      it(`of a component as ${dtype} is a model again: a run on it starts where it stood`, async () => {
        const to = `models-${dtype}/mamba`;
        await json('export', dir, '--to', to, '--component', 'mamba', '--dtype', dtype);
        // One step so small that it changes nothing.
        const alone = await scene.config(
          {
            components: { mamba: { source: `./${to}` } },
            'hybrid.blocks': 1,
            'search.algorithm': 'fixed',
            'search.schedule': 'simultaneous',
            'search.steps': 1,
            'search.learningRate': 1e-12,
            'search.weightDecay': 0,
            finetune: false,
            baselines: false,
          },
          `alone-${dtype}`,
        );
        const { code, out, err } = await scene.run(['search', alone, '--json']);
        assert.equal(code, 0, err);
        const found = ofType(eventsIn(out), 'finished')[0]!.results[0]!;
        // The same component inside the hybrid, all others pinned away.
        const inside = await scene.config(
          {
            components: { mamba: { source: `./${to}` }, other: mambaFromScratch },
            'hybrid.mixture': { 1: { pin: 'mamba' }, 2: { pin: 'mamba' } },
            'search.algorithm': 'fixed',
            'search.schedule': 'simultaneous',
            'search.steps': 1,
            'search.learningRate': 1e-12,
            'search.weightDecay': 0,
            finetune: false,
            baselines: false,
          },
          `inside-${dtype}`,
        );
        const second = await scene.run(['search', inside, '--json']);
        assert.equal(second.code, 0, second.err);
        const same = ofType(eventsIn(second.out), 'finished')[0]!.results[0]!;
        assert.ok(Math.abs(found.loss - same.loss) < 1e-5, `${found.loss} and ${same.loss}`);
      });
    }
  });

  it('report makes the report again', async () => {
    const file = path.join(dir, 'result', 'report.html');
    const before = await readFile(file, 'utf8');
    await rm(file);
    const said = await scene.run(['report', dir]);
    assert.equal(said.code, 0, said.err);
    assert.ok(said.out.endsWith('report.html\n'));
    assert.equal(await readFile(file, 'utf8'), before);
    const { state, headline } = await json<{ state: string; headline: string }>('report', 'latest');
    assert.equal(state, 'done');
    assert.notEqual(headline, '');
  });

  it('runs lists it', async () => {
    const runs = await json<{ dir: string; state: string; bestValidationLoss: number }[]>('runs');
    const own = runs.find((run) => run.dir === dir)!;
    assert.equal(own.state, 'done');
    assert.ok(own.bestValidationLoss > 0);
    const table = await scene.run(['runs']);
    assert.match(table.out, /^ID +STATE/);
    assert.match(table.out, / done +finetune /);
  });
});

describe('manticore engines', () => {
  useOwnCache();

  it('says what can compute here, measured, and why the rest can not', async () => {
    const scene = await Scene.make();
    try {
      const { code, out, err } = await scene.run(['engines', '--json']);
      assert.equal(code, 0, err);
      const engines = JSON.parse(out) as EngineReport[];
      const wasm = engines.find(({ name }) => name === 'wasm')!;
      assert.ok(wasm.available);
      for (const value of [wasm.gflops, wasm.peakGflops, wasm.peakShare, wasm.copyGBs]) {
        assert.ok(value !== null && value > 0);
      }
      assert.ok(wasm.selfCheckError < 1e-3 && wasm.threads >= 1);
      for (const engine of engines) if (!engine.available) assert.match(engine.reason, /\w/);
    } finally {
      await scene.remove();
    }
  });
});
