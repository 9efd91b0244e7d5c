/** Every kind of run to its end, with finite numbers: the settings of the config language in combination. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FinishedEvent, RunEvent } from '../../server/contract/events';
import { eventsIn, ofType } from './runFiles';
import { mambaFromScratch, neoxFromScratch, Scene, type Changes } from './scene';

const short: Changes = {
  'data.test': undefined,
  'search.steps': 6,
  'search.evalEvery': 3,
  'search.checkpointEvery': 3,
  finetune: false,
  baselines: false,
};

describe('a run', () => {
  let scene: Scene;
  before(async () => (scene = await Scene.make()));
  after(() => scene.remove());

  async function finished(name: string, changes: Changes): Promise<[FinishedEvent, RunEvent[]]> {
    const config = await scene.config({ ...short, ...changes }, name);
    const { code, out, err } = await scene.run(['search', config, '--json', '--out', name]);
    assert.equal(code, 0, err);
    const events = eventsIn(out);
    const last = ofType(events, 'finished')[0]!;
    assert.equal(last.status, 'done');
    for (const { loss } of [...ofType(events, 'step'), ...ofType(events, 'evaluation')]) {
      assert.ok(Number.isFinite(loss));
    }
    for (const row of [...last.alphas, ...last.perSeed.flat()]) {
      assert.ok(row.every((alpha) => alpha >= 0 && alpha <= 1));
      assert.ok(Math.abs(row.reduce((sum, alpha) => sum + alpha, 0) - 1) < 1e-6);
    }
    return [last, events];
  }

  const resultOf = ({ results }: FinishedEvent, stage: string, subject: string, seed = 1) =>
    results.find((each) => each.stage === stage && each.subject === subject && each.seed === seed)!;

  it('with several seeds, gaea, bilevel, argmax, and baselines of equal FLOPs', async () => {
    const [last, events] = await finished('seeds', {
      'search.algorithm': 'gaea',
      'search.schedule': 'bilevel',
      'search.seed': undefined,
      'search.seeds': [3, 5],
      finetune: { steps: 4, alphas: 'argmax' },
      baselines: { match: 'flops', uniform: true },
    });
    assert.equal(last.perSeed.length, 2);
    last.alphas.forEach((row, block) =>
      row.forEach((alpha, m) => {
        const mean = (last.perSeed[0]![block]![m]! + last.perSeed[1]![block]![m]!) / 2;
        assert.ok(Math.abs(alpha - mean) < 1e-9);
      }),
    );
    for (const seed of [3, 5]) {
      const hybrid = resultOf(last, 'finetune', 'hybrid', seed);
      for (const subject of ['neox', 'mamba', 'uniform']) {
        const baseline = resultOf(last, 'baseline', subject, seed);
        const [spent, owed] = [baseline, hybrid].map((each) => each.flopsPerToken * each.tokens);
        const perStep = baseline.flopsPerToken * 2 * 16;
        assert.ok(Math.abs(spent! - owed!) <= perStep, `${subject}: ${spent} for ${owed}`);
      }
      const steps = ofType(events, 'step').filter((step) => step.stage === 'finetune');
      for (const { alphas } of steps) {
        for (const row of alphas!) assert.ok(row.includes(1) && row.includes(0), String(row));
      }
    }
    const [dir] = await scene.runs(scene.path('seeds'));
    const alphas = JSON.parse(await readFile(path.join(dir!, 'result', 'alphas.json'), 'utf8')) as {
      kept: number;
      seeds: { seed: number; validationLoss: number }[];
    };
    const best = alphas.seeds.reduce((a, b) => (b.validationLoss < a.validationLoss ? b : a));
    assert.equal(alphas.kept, best.seed);
  });

  it('with dash, alternating, a threshold and accumulation', async () => {
    const [last] = await finished('dash', {
      'search.algorithm': 'dash',
      'search.temperature': 0.5,
      'search.accumulate': 2,
      finetune: { steps: 3, alphas: { threshold: 0.2 } },
      baselines: { match: 'steps' },
    });
    const hybrid = resultOf(last, 'finetune', 'hybrid');
    for (const subject of ['neox', 'mamba']) {
      const { updates, tokens } = resultOf(last, 'baseline', subject);
      assert.deepEqual([updates, tokens], [hybrid.updates, hybrid.tokens]);
    }
    assert.equal(resultOf(last, 'search', 'hybrid').tokens, 3 * 2 * 2 * 16, 'every second step');
  });

  it('with darts, simultaneous, weights kept, other gates, heads and projectors', async () => {
    const [last] = await finished('keep', {
      'search.schedule': 'simultaneous',
      'search.decay': 'cosine',
      'hybrid.gate': 'transition',
      'hybrid.head': 'first',
      'hybrid.projectors': { kind: 'mlp-skip', init: 'default' },
      finetune: { steps: 3, weights: 'keep', decay: 'linear' },
      baselines: true,
    });
    assert.equal(resultOf(last, 'finetune', 'hybrid').updates, 9, 'those of the search count');
    assert.equal(resultOf(last, 'baseline', 'neox').updates, 9);
  });

  it('with fixed α, pins, pruned components and starting weights', async () => {
    const [last] = await finished('fixed', {
      'search.algorithm': 'fixed',
      'search.schedule': 'simultaneous',
      'hybrid.mixture': {
        1: { pin: { neox: 0.7, mamba: 0.3 } },
        2: { prune: ['mamba'] },
      },
    });
    assert.deepEqual(last.alphas, [
      [0.7, 0.3],
      [1, 0],
    ]);
  });

  it('of one component, or of four of uneven sizes', async () => {
    const [alone] = await finished('alone', {
      components: { neox: neoxFromScratch },
      'hybrid.blocks': 1,
      baselines: { uniform: true, components: false },
    });
    assert.deepEqual(alone.alphas, [[1]]);
    const tokenizer = neoxFromScratch.tokenizer;
    const [last] = await finished('four', {
      components: {
        neox: neoxFromScratch,
        mamba: {
          ...mambaFromScratch,
          config: { ...mambaFromScratch.config, num_hidden_layers: 5 },
        },
        gpt: {
          family: 'gpt2',
          config: { vocab_size: 1024, n_embd: 20, n_layer: 3, n_head: 4, n_positions: 32 },
          init: 'random',
          tokenizer,
        },
        neo: {
          family: 'gptNeo',
          config: {
            vocab_size: 1024,
            hidden_size: 8,
            num_layers: 2,
            num_heads: 2,
            max_position_embeddings: 32,
            attention_types: [[['global', 'local'], 1]],
            window_size: 4,
          },
          init: 'random',
          tokenizer,
        },
      },
      'hybrid.gate': 'none',
    });
    assert.equal(last.alphas[0]!.length, 4);
  });

  it('on JSON Lines, with validation cut from the text', async () => {
    const text = await readFile(scene.path('train.txt'), 'utf8');
    const { writeFile } = await import('node:fs/promises');
    const lines = text.split('\n').filter((line) => line !== '');
    await writeFile(
      scene.path('train.jsonl'),
      lines.map((line) => `${JSON.stringify({ body: line })}\n`).join(''),
    );
    await finished('lines', {
      'data.train': { jsonl: './train.jsonl', field: 'body' },
      'data.validation': 0.1,
    });
  });
});
