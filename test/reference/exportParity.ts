/**
 * The half of `exportParity.py` that is ours: `node exportParity.cjs MODELS IDS OUT` loads each folder of MODELS as the one
 * component of a hybrid, writes the logits of the ids in IDS (`[[…], …]`) to OUT/<name>.f32, and exports the component
 * to OUT/<name>/.
 */
import * as tf from '@tensorflow/tfjs-core';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkConfig } from '../../server/language/checkConfig';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { openModelWeights } from '../../server/weights/modelFolder';
import { loadTokenizer } from '../../server/weights/tokenizer';
import { openEngine } from '../../server/compute/engine/engine';
import { buildHybrid } from '../../server/compute/hybrid/build';
import { exportComponent } from '../../server/compute/hybrid/export';
import { forward } from '../../server/compute/hybrid/hybrid';
import type { ExportType } from '../../server/contract/jobs';

async function convert(models: string, name: string, ids: readonly number[][], out: string) {
  const folder = path.join(models, name);
  // Any two files will do: nothing is trained.
  const file = (own: string) => `{ text: ${JSON.stringify(path.join(folder, own))} }`;
  const text = `manticore: 1
components: { it: { source: ${JSON.stringify(folder)} } }
hybrid: { blocks: 1 }
data: { train: ${file('tokenizer.json')}, validation: ${file('config.json')}, context: ${ids[0]!.length} }
search: { steps: 1 }
`;
  const place = { name, base: models, reader: createNodeModelReader() };
  const { plan, problems } = await checkConfig(text, place);
  const faults = problems.filter(({ code }) => code !== 'too-little-text');
  if (!plan || faults.length > 0) {
    throw new Error(problems.map(({ message }) => message).join('\n') || 'no plan');
  }
  const files = await openModelWeights(folder);
  const weights = { has: (tensor: string) => files.tensors.has(tensor), read: files.read };
  const tokenizer = await loadTokenizer(folder);
  const hybrid = await buildHybrid(plan, () => Promise.resolve({ weights, tokenizer }), 1);
  const logits = tf.tidy(() =>
    forward(hybrid, tf.tensor2d([...ids], undefined, 'int32'), [[1]], {
      training: false,
      dropoutKey: 0,
    }),
  );
  await writeFile(path.join(out, `${name}.f32`), new Uint8Array((await logits.data()).buffer));
  const dtype = [...files.tensors.values()][0]!.dtype as ExportType;
  await mkdir(path.join(out, name), { recursive: true });
  await exportComponent(path.join(out, name), 'it', { hybrid, tokenizer: folder, dtype });
  logits.dispose();
  hybrid.parameters.dispose();
  await files.close();
}

async function main([models, idsFile, out]: readonly string[]): Promise<void> {
  if (models === undefined || idsFile === undefined || out === undefined) {
    throw new Error('usage: exportParity MODELS IDS OUT');
  }
  await openEngine('wasm', { threads: 1 });
  const ids = JSON.parse(await readFile(idsFile, 'utf8')) as number[][];
  for (const name of await readdir(models)) await convert(models, name, ids, out);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
