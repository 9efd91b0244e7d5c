/** The data of `examples/experiments/completions`: what its maker writes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Engine } from '../../../server/compute/engine/engine';
import { openEngine } from '../../../server/compute/engine/engine';
import {
  completionsOf,
  dataPath,
  MODELS,
  openSampler,
  promptsOf,
  SPLITS,
  textPath,
  type Completion,
  type CompletionSplit,
} from './completions';

const examples = path.resolve('examples');
const linesOf = (split: CompletionSplit): readonly Completion[] =>
  readFileSync(dataPath(examples, split), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Completion);

describe('the mixed completions', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());

  it('are of each model’s turn, on prompts of their own split’s text', () => {
    for (const split of SPLITS) {
      const lines = linesOf(split);
      const prompts = promptsOf(readFileSync(textPath(examples, split), 'utf8'), split.count);
      assert.deepEqual(
        lines.map(({ prompt }) => prompt),
        prompts,
      );
      assert.deepEqual(
        lines.map(({ model }) => model),
        prompts.map((_, k) => MODELS[k % 2]),
      );
    }
  });

  it('prompts are whole words at equal distances', () => {
    const text =
      'alpha beta\ngamma  delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron';
    const words = new Set(text.split(/\s+/));
    for (const prompt of promptsOf(text, 3)) {
      for (const word of prompt.split(' ')) assert.ok(words.has(word), word);
    }
    assert.equal(promptsOf(text, 3)[0], 'alpha beta gamma delta epsilon zeta eta theta');
  });

  it('are sampled again to the same letters', async () => {
    const split = SPLITS[2]!;
    const samplers = await Promise.all(MODELS.map((model) => openSampler(model, examples)));
    try {
      const text = readFileSync(textPath(examples, split), 'utf8');
      const made = await completionsOf(split, text, samplers, 2);
      assert.deepEqual(made, linesOf(split).slice(0, 2));
    } finally {
      for (const sampler of samplers) await sampler.close();
    }
  });
});
