/** `npm run completions`. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openEngine } from '../../../server/compute/engine/engine';
import { completionsOf, dataPath, MODELS, openSampler, SPLITS, textPath } from './completions';

const examples = path.resolve('examples');
const engine = await openEngine('wasm', { threads: 1 });
const samplers = await Promise.all(MODELS.map((model) => openSampler(model, examples)));
for (const split of SPLITS) {
  const text = await readFile(textPath(examples, split), 'utf8');
  const made = await completionsOf(split, text, samplers);
  const lines = made.map((each) => `${JSON.stringify(each)}\n`).join('');
  await writeFile(dataPath(examples, split), lines);
  console.log(`${dataPath(examples, split)}: ${made.length} completions, ${lines.length} letters`);
}
for (const sampler of samplers) await sampler.close();
engine.dispose();
