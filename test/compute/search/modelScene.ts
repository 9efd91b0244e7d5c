/**
 * Tiny models and texts on disk, and runs of configs over them by the way that a user's take: text → check → plan → files
 * → hybrid → jobs. Six families, three widths and depths, three tokenizers.
 */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { exportHybrid } from '../../../server/compute/hybrid/export';
import { initialValues } from '../../../server/compute/hybrid/initialize';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import type { RunOutcome } from '../../../server/compute/search/runJobs';
import { loadTextData } from '../../../server/compute/tasks/text';
import { textTokenizerOf } from '../../../server/compute/tasks/tokens';
import type { RunEvent } from '../../../server/contract/events';
import type { Plan } from '../../../server/contract/plan';
import { checkConfig } from '../../../server/language/checkConfig';
import type { FamilyName } from '../../../server/models/architecture';
import { familyTable } from '../../../server/models/families';
import { RandomStream } from '../../../server/models/random';
import { createNodeModelReader } from '../../../server/weights/nodeModelReader';
import { writeSafetensors } from '../../../server/weights/writeSafetensors';
import { tinyConfig } from '../hybrid/tinyHybrid';
import { inMemory } from '../tasks/loading';
import { RunBench, type RunHooks } from './runHarness';

type Tokenizer = 'byteLevel' | 'split' | 'sentencepiece';

interface ModelOnDisk {
  readonly name: string;
  readonly family: FamilyName;
  readonly layers: number;
  readonly width: number;
  readonly tokenizer: Tokenizer;
  readonly config?: Record<string, unknown>;
}

/** Rows of every table: more than any of the tokenizers has ids. */
const ROWS = 408;

const MODELS: readonly ModelOnDisk[] = [
  { name: 'neox', family: 'gptNeox', layers: 3, width: 8, tokenizer: 'byteLevel' },
  { name: 'mamba', family: 'mamba', layers: 2, width: 12, tokenizer: 'split' },
  { name: 'gpt', family: 'gpt2', layers: 5, width: 4, tokenizer: 'sentencepiece' },
  { name: 'llama', family: 'llama', layers: 2, width: 8, tokenizer: 'split' },
  { name: 'mamba2', family: 'mamba2', layers: 4, width: 4, tokenizer: 'sentencepiece' },
  { name: 'kin', family: 'gptNeo', layers: 3, width: 8, tokenizer: 'byteLevel' },
];

export type Section = Readonly<Record<string, unknown>>;

export interface SceneConfig {
  readonly components: readonly string[];
  readonly hybrid: Section;
  readonly search?: Section;
  readonly finetune?: Section | false;
  readonly baselines?: Section | boolean;
}

export interface SceneRun {
  readonly plan: Plan;
  readonly outcome: RunOutcome | 'cut';
  readonly events: readonly RunEvent[];
}

export class ModelScene {
  private constructor(readonly folder: string) {}

  static async make(): Promise<ModelScene> {
    const folder = await mkdtemp(path.join(tmpdir(), 'manticore-models-'));
    for (const model of MODELS) await writeModel(path.join(folder, model.name), model);
    await writeFile(path.join(folder, 'train.txt'), sentences(60, 1));
    await writeFile(path.join(folder, 'valid.txt'), sentences(6, 2));
    return new ModelScene(folder);
  }

  async plan(config: SceneConfig): Promise<Plan> {
    const { plan, problems } = await checkConfig(textOf(config), {
      name: 'scene',
      base: this.folder,
      reader: createNodeModelReader(),
    });
    assert.ok(plan, JSON.stringify(problems));
    return plan;
  }

  async run(config: SceneConfig, hooks: RunHooks = {}): Promise<SceneRun> {
    const plan = await this.plan(config);
    const files = new ComponentFiles(plan);
    const bench = await RunBench.make(plan);
    try {
      const tokenizer = await files.tokenizer();
      const text = textTokenizerOf(tokenizer);
      const data = await loadTextData(plan.config, plan.base, text, inMemory());
      const outcome = await bench.run({
        data,
        buildModel: (live, seed, start) => files.build(live, seed, start),
        ...hooks,
      });
      return { plan, outcome, events: await bench.events() };
    } finally {
      await files.close();
      await bench.remove();
    }
  }

  /** Writes the hybrid of a config, untrained, as a run's result would be. */
  async exportTo(name: string, config: SceneConfig): Promise<void> {
    const plan = await this.plan(config);
    const files = new ComponentFiles(plan);
    const live = plan.blocks.map(() => plan.components.map(() => true));
    const { hybrid, dispose } = await files.build(live, 11);
    const folder = path.join(this.folder, name);
    await mkdir(folder);
    await exportHybrid(folder, {
      hybrid,
      tokenizer: plan.components[plan.tokenizer!]!.tokenizerPath,
      dtype: 'F32',
      alphas: plan.blocks.map(({ initial }) => initial),
      configs: plan.components.map((component) => component.config),
    });
    dispose();
    await files.close();
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

function textOf({ components, hybrid, search, finetune, baselines }: SceneConfig): string {
  return stringify({
    manticore: 1,
    components: Object.fromEntries(components.map((name) => [name, { source: `./${name}` }])),
    hybrid,
    data: { train: { text: 'train.txt' }, validation: { text: 'valid.txt' }, context: 8 },
    search: {
      algorithm: 'darts',
      steps: 4,
      batch: 2,
      learningRate: 0.01,
      alphaLearningRate: 0.05,
      evalEvery: 4,
      checkpointEvery: 4,
      seed: 3,
      ...search,
    },
    finetune: finetune ?? false,
    baselines: baselines ?? false,
  });
}

/** Drawn as the family draws, biases and norms moved from their neutral start. */
async function writeModel(folder: string, model: ModelOnDisk): Promise<void> {
  const { name, family, layers, width, tokenizer } = model;
  const table = familyTable(family);
  const config = { ...tinyConfig(family, layers, width), vocab_size: ROWS, ...model.config };
  const architecture = table.read(config).value!;
  const tensors = table.tensors(architecture, ROWS).map(({ fileName, shape, init }) => {
    const stream = RandomStream.named(7, `${name}/${fileName}`);
    const data = initialValues(init, shape, stream).map((value) => value + 0.1 * stream.normal());
    return { name: fileName, dtype: 'F32' as const, shape, data };
  });
  await mkdir(folder);
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  await writeSafetensors(path.join(folder, 'model.safetensors'), tensors);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    const golden = path.resolve('test/weights/golden', tokenizer, file);
    await copyFile(golden, path.join(folder, file));
  }
}

const WORDS =
  'Alice was very tired of sitting by her sister on the bank and had nothing to do'.split(' ');

function sentences(count: number, seed: number): string {
  const stream = RandomStream.named(seed, 'words');
  const sentence = () =>
    Array.from({ length: 8 }, () => WORDS[stream.below(WORDS.length)]!).join(' ');
  return Array.from({ length: count }, () => `${sentence()}.\n`).join('');
}
