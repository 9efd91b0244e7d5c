/** A row's models, texts and config on disk: what our side loads as a user's run does, and what the peer is handed. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { initialValues } from '../../../server/compute/hybrid/initialize';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import { TrainingBatches } from '../../../server/compute/tasks/batches';
import { loadTextData } from '../../../server/compute/tasks/text';
import type { TextData } from '../../../server/compute/tasks/text';
import { textTokenizerOf } from '../../../server/compute/tasks/tokens';
import { inMemory } from '../../compute/tasks/loading';
import type { Plan } from '../../../server/contract/plan';
import { checkConfig } from '../../../server/language/checkConfig';
import { familyTable } from '../../../server/models/families';
import { RandomStream } from '../../../server/models/random';
import { createNodeModelReader } from '../../../server/weights/nodeModelReader';
import { writeSafetensors } from '../../../server/weights/writeSafetensors';
import { OPTIMISER, PROMPT, type BenchModel, type ModelRow } from './rows';

/** Batches that are handed to the peer; behind the last it begins again. */
const HANDED_BATCHES = 10;
const SEED = 1;

/** What a child of either side reads: `row.json` in its folder. Paths are absolute. */
export interface Scene {
  readonly kind: ModelRow['kind'];
  /** Component folders, as `transformers` lays them out, in order. */
  readonly components: readonly { readonly name: string; readonly folder: string }[];
  readonly blocks: number;
  readonly batch: number;
  readonly context: number;
  readonly perTurn: number;
  readonly threads: number;
  /** The config that our side runs. */
  readonly config: string;
  /** int32: for each batch ids [b, l], then targets [b, l]. */
  readonly batches: string;
  readonly batchCount: number;
  readonly optimiser: typeof OPTIMISER;
  readonly prompt: readonly number[];
}

/** Writes all of it into `folder`. @param examples the folder of the quickstart */
export async function writeScene(
  row: ModelRow,
  folder: string,
  examples: string,
  threads: number,
): Promise<Scene> {
  const components = [];
  for (const model of row.models) {
    const at = 'example' in model ? path.join(examples, 'models', model.example) : undefined;
    components.push({ name: model.name, folder: at ?? path.join(folder, model.name) });
    if (!('example' in model)) await writeModel(path.join(folder, model.name), model, examples);
  }
  await copyFile(path.join(examples, 'data', 'train.txt'), path.join(folder, 'train.txt'));
  await copyFile(path.join(examples, 'data', 'valid.txt'), path.join(folder, 'valid.txt'));
  const config = path.join(folder, 'bench.manticore.yaml');
  await writeFile(config, configText(row, components, threads));
  const batches = path.join(folder, 'batches.bin');
  const scene: Scene = {
    ...{ kind: row.kind, components, blocks: row.blocks, batch: row.batch, context: row.context },
    ...{ perTurn: row.perTurn, threads, config, batches, batchCount: HANDED_BATCHES },
    ...{ optimiser: OPTIMISER, prompt: PROMPT },
  };
  const plan = await planOf(config);
  await writeFile(batches, batchBytes(await textOf(plan), row));
  await writeFile(path.join(folder, 'row.json'), JSON.stringify(scene));
  return scene;
}

/** @throws Error for a config with mistakes */
export async function planOf(config: string): Promise<Plan> {
  const { plan, problems } = await checkConfig(await readFile(config, 'utf8'), {
    name: 'bench',
    base: path.dirname(config),
    reader: createNodeModelReader(),
  });
  if (!plan) throw new Error(problems.map(({ message }) => message).join('\n'));
  return plan;
}

/** The plan's text as tokens, as a run reads it. */
export async function textOf(plan: Plan): Promise<TextData> {
  const tokenizer = textTokenizerOf(await new ComponentFiles(plan).tokenizer());
  return loadTextData(plan.config, plan.base, tokenizer, inMemory());
}

/** A component alone trains weights; a hybrid trains weights and α in every step. */
function configText(row: ModelRow, components: Scene['components'], threads: number): string {
  const { learningRate, weightDecay, clip, alphaLearningRate } = OPTIMISER;
  return stringify({
    manticore: 1,
    components: Object.fromEntries(
      components.map(({ name, folder }) => [name, { source: folder }]),
    ),
    hybrid: { blocks: row.blocks },
    data: {
      train: { text: './train.txt' },
      validation: { text: './valid.txt' },
      context: row.kind === 'training' ? row.context : 128,
    },
    search: {
      ...(components.length === 1
        ? { algorithm: 'fixed' }
        : { algorithm: 'darts', schedule: 'simultaneous', alphaLearningRate }),
      ...{ steps: 100_000, batch: row.batch, learningRate, weightDecay, clip },
      ...{ warmup: 0, decay: 'none', seed: SEED },
    },
    finetune: false,
    baselines: false,
    engine: { name: 'wasm', threads },
  });
}

/** The batches that the job of our side takes, in its order: the check of the losses would fail on others. */
function batchBytes(text: TextData, { kind, batch, context }: ModelRow): Uint8Array {
  if (kind === 'generation') return new Uint8Array();
  const stream = new TrainingBatches(text.searchTrain, context, SEED, 'search');
  const size = batch * context;
  const all = new Int32Array(2 * HANDED_BATCHES * size);
  for (let index = 0; index < HANDED_BATCHES; index++) {
    const { ids, targets } = stream.next(batch);
    all.set(ids, 2 * index * size);
    all.set(targets, (2 * index + 1) * size);
  }
  return new Uint8Array(all.buffer);
}

/** A component folder as `transformers` writes one, its weights drawn as the family draws them. */
async function writeModel(
  folder: string,
  model: Exclude<BenchModel, { example: string }>,
  examples: string,
): Promise<void> {
  const table = familyTable(model.family);
  const architecture = table.read(model.config).value!;
  const rows = architecture.vocabularyRows;
  await mkdir(folder, { recursive: true });
  const config = { ...table.write(architecture, rows), torch_dtype: 'float32' };
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  await writeSafetensors(
    path.join(folder, 'model.safetensors'),
    table.tensors(architecture, rows).map(({ fileName, shape, init }) => ({
      name: fileName,
      dtype: 'F32' as const,
      shape,
      data: () => initialValues(init, shape, RandomStream.named(SEED, `${model.name}/${fileName}`)),
    })),
  );
  await writeTokenizer(folder, path.join(examples, 'models', 'tiny-neox'), rows);
}

interface TokenizerJson {
  readonly model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** The quickstart's tokenizer with another number of ids: merges left out, or more of them made. */
async function writeTokenizer(folder: string, from: string, size: number): Promise<void> {
  const json = JSON.parse(
    await readFile(path.join(from, 'tokenizer.json'), 'utf8'),
  ) as TokenizerJson;
  Object.assign(json.model, resizedVocabulary(json.model, size));
  await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(json));
  const settings = 'tokenizer_config.json';
  await copyFile(path.join(from, settings), path.join(folder, settings));
}

/**
 * A byte-pair vocabulary of `size` ids: the first ones of a larger one, or all of a smaller one and joined pairs of
 * its tokens. Id k stands for the bytes, the special token, or one merge.
 */
export function resizedVocabulary(
  { vocab, merges }: TokenizerJson['model'],
  size: number,
): TokenizerJson['model'] {
  const kept = Object.entries(vocab).filter(([, id]) => id < size);
  const known = new Map(kept);
  const joined = merges.filter(([left, right]) => known.has(left + right));
  const pieces = kept.filter(([token]) => !token.startsWith('<|')).map(([token]) => token);
  for (let first = 0; first < pieces.length && known.size < size; first++) {
    for (let second = 0; second < pieces.length && known.size < size; second++) {
      const token = pieces[first]! + pieces[second]!;
      if (known.has(token)) continue;
      known.set(token, known.size);
      joined.push([pieces[first]!, pieces[second]!]);
    }
  }
  return { vocab: Object.fromEntries(known), merges: joined };
}
