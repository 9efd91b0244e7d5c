/** Fills in the defaults that depend on other keys. */
import type {
  ComponentSettings,
  DataSource,
  FinetuneSettings,
  LraSource,
  MadSource,
  MixtureSettings,
  OptimiserSettings,
  ProgramSettings,
  ProjectorSettings,
  ResolvedConfig,
  SearchSettings,
} from '../contract/config';
import { lraTable } from '../models/lraTasks';
import { madContext, madTable } from '../models/madTasks';
import { expandStack } from '../models/stack';
import type { Config } from './schema';

type WrittenSource = Config['data']['train'];
type WrittenTask = NonNullable<WrittenSource['mad']>;
type WrittenLra = NonNullable<WrittenSource['lra']>;

/** Pure; what contradicts itself (reported by the checks) is settled by the first key. */
export function resolveConfig(config: Config): ResolvedConfig {
  const names = Object.keys(config.components);
  const search = resolveSearch(config.search);
  return {
    manticore: 1,
    components: mapValues(config.components, resolveComponent),
    hybrid: {
      ...config.hybrid,
      tokenizer: config.hybrid.tokenizer ?? names[0] ?? '',
      projectors: resolveProjectors(config),
      mixture: resolveMixtures(config.hybrid),
    },
    data: resolveData(config.data),
    search,
    ...(config.program ? { program: resolveProgram(config.program) } : {}),
    finetune: config.finetune === false ? false : resolveFinetune(config.finetune, search),
    baselines: resolveBaselines(config.baselines),
    engine: resolveEngine(config.engine),
  };
}

function resolveComponent(written: Config['components'][string]): ComponentSettings {
  const { source, family, config, stack, tokenizer } = written;
  // A stack without its layers is a problem, which the checks name.
  const isWhole = config !== undefined && (family !== 'stack' || stack !== undefined);
  const layers = family === 'stack' && stack ? { layer_types: expandStack(stack) } : {};
  const scratch =
    source === undefined && family !== undefined && isWhole
      ? { family, config: { ...config, ...layers } }
      : undefined;
  return { source, scratch, tokenizer };
}

function resolveBaselines(written: Config['baselines']): ResolvedConfig['baselines'] {
  if (written === false) return false;
  if (written === true) return { components: true, match: 'steps', uniform: false };
  const { stacks, ...settings } = written;
  const whole = Object.entries(stacks ?? {}).flatMap(([name, { stack, config }]) =>
    // What is missing is a problem, which the checks name.
    stack && config ? [[name, { ...config, layer_types: expandStack(stack) }] as const] : [],
  );
  return whole.length > 0 ? { ...settings, stacks: Object.fromEntries(whole) } : settings;
}

/** `all` as an entry of each block that has none of its own. */
function resolveMixtures({
  blocks,
  mixture: { all, ...own },
}: Config['hybrid']): Record<string, MixtureSettings> {
  const shared = all && resolveMixture(all);
  const others = shared
    ? Array.from({ length: blocks }, (_, index) => [String(index + 1), shared] as const)
    : [];
  return { ...Object.fromEntries(others), ...mapValues(own, resolveMixture) };
}

function resolveProjectors({ components, hybrid }: Config): ProjectorSettings {
  const { kind, init, from, pretrain } = hybrid.projectors;
  const hasNone = hybrid.gate === 'none' || kind === 'none' || Object.keys(components).length < 2;
  return {
    kind,
    init,
    from,
    pretrain:
      pretrain === undefined || hasNone
        ? undefined
        : { ...pretrain, ...everyTenth(pretrain), data: resolveSource(pretrain.data) },
  };
}

function resolveMixture(written: Config['hybrid']['mixture'][string]): MixtureSettings {
  const { pin, prune, init } = written;
  return { pin: typeof pin === 'string' ? ofOne(pin) : pin, prune: prune ?? [], init };
}

const ofOne = (name: string): Record<string, number> => Object.fromEntries([[name, 1]]);

function resolveData(written: Config['data']): ResolvedConfig['data'] {
  const { train, validation, test, context } = written;
  if (train.mad !== undefined) {
    const task = resolveTask(train.mad);
    return { train: task, validation: task, test: task, context: madContext(task) };
  }
  if (train.lra !== undefined) {
    const task = resolveLra(train.lra);
    return { train: task, validation: task, test: task, context: task.length };
  }
  return {
    train: resolveSource(train),
    validation: typeof validation === 'number' ? validation : resolveSource(validation),
    test: test && resolveSource(test),
    // A text without a context is a problem, which the checks name.
    context: context ?? 1,
  };
}

function resolveTask(written: WrittenTask): MadSource {
  const knobs: Exclude<WrittenTask, string> =
    typeof written === 'string' ? { task: written } : written;
  return { kind: 'mad', task: knobs.task, ...filledIn(knobs, madTable(knobs.task).defaults) };
}

/** The counts of a task that is generated don't bound what files hold. */
function resolveLra(written: WrittenLra): LraSource {
  const knobs: Exclude<WrittenLra, string> =
    typeof written === 'string' ? { task: written } : written;
  const { task, folder } = knobs;
  const { defaults, knobs: own } = lraTable(task);
  const all = folder === undefined ? {} : { examples: undefined, testExamples: undefined };
  const source = filledIn(knobs, { ...defaults, ...all });
  const length = own.includes('length') ? source.length : defaults.length;
  return { kind: 'lra', task, folder, ...source, length };
}

function resolveSource(written: Omit<WrittenSource, 'mad' | 'lra'>): DataSource {
  const { text, jsonl, parquet, chat, field, prompt, input, response, template } = written;
  if (text !== undefined) return { kind: 'text', path: text };
  const templates = template === undefined ? {} : { template };
  const file = jsonl ?? parquet;
  if (file === undefined) {
    return chat === undefined
      ? { kind: 'text', path: '' }
      : { kind: 'chat', path: chat, field: field ?? 'messages', ...templates };
  }
  const kind = jsonl === undefined ? ('parquet' as const) : ('jsonl' as const);
  if (prompt === undefined && response === undefined) {
    return { kind, path: file, field: field ?? 'text' };
  }
  const pair = {
    prompt: prompt ?? '',
    ...(input === undefined ? {} : { input }),
    response: response ?? '',
  };
  return { kind, path: file, pair, ...templates };
}

function resolveSearch(written: Config['search']): SearchSettings {
  const { seed, seeds, alphaLearningRate, ...rest } = written;
  return {
    ...rest,
    ...everyTenth(written),
    alphaLearningRate: alphaLearningRate ?? (written.algorithm === 'gaea' ? 0.1 : 0.01),
    seeds: seeds ?? [seed ?? 1],
  };
}

/** Tasks of weight 0 are left out. Weights that say nothing (reported by the checks) count alike. */
function resolveProgram(written: NonNullable<Config['program']>): ProgramSettings {
  const { tasks, weights, width, layers, ...training } = written;
  const sum = weights?.reduce((total, weight) => total + weight, 0) ?? 0;
  const given = weights?.length === tasks.length && sum > 0 ? weights : tasks.map(() => 1);
  const total = given.reduce((all, weight) => all + weight, 0);
  const counted = tasks.flatMap((task, index) => {
    const weight = given[index]! / total;
    return weight > 0 ? [{ task: resolveTask(task), weight }] : [];
  });
  return {
    tasks: counted.map(({ task }) => task),
    weights: counted.map(({ weight }) => weight),
    ...{ width, layers },
    training: { ...training, ...everyTenth(training) },
  };
}

function resolveFinetune(
  written: Exclude<Config['finetune'], false>,
  search: OptimiserSettings,
): FinetuneSettings {
  const { batch, accumulate, learningRate, weightDecay, clip } = search;
  const { warmup, decay, finalLearningRate } = search;
  const { steps, alphas, weights } = written;
  return {
    steps,
    ...filledIn(written, { batch, accumulate, learningRate, weightDecay, clip }),
    ...filledIn(written, { warmup, decay, finalLearningRate }),
    ...everyTenth(written),
    alphas,
    weights,
  };
}

/** The values of `defaults`' keys: what was written, else the default. */
function filledIn<T extends object>(
  written: { readonly [K in keyof T]?: T[K] | undefined },
  defaults: T,
): T {
  const values = { ...defaults };
  for (const key of Object.keys(defaults) as (keyof T)[]) values[key] = written[key] ?? values[key];
  return values;
}

function everyTenth(written: {
  readonly steps: number;
  readonly evalEvery?: number | undefined;
  readonly checkpointEvery?: number | undefined;
}): { readonly evalEvery: number; readonly checkpointEvery: number } {
  const tenth = Math.max(1, Math.round(written.steps / 10));
  return filledIn(written, { evalEvery: tenth, checkpointEvery: tenth });
}

function resolveEngine(written: Config['engine']): ResolvedConfig['engine'] {
  if (typeof written === 'string') {
    return { name: written, threads: undefined, memoryLimit: undefined };
  }
  const { name, threads, memoryLimit } = written;
  return {
    name,
    threads,
    memoryLimit: typeof memoryLimit === 'string' ? parseBytes(memoryLimit) : memoryLimit,
  };
}

const units: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `4 GB` = 4·10⁹, `4 GiB` = 4·2³⁰; `undefined` for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B)$/.exec(text);
  const unit = match && units[match[2]!];
  return unit ? Math.floor(Number(match[1]) * unit) : undefined;
}

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  map: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
