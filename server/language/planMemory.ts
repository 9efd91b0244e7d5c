/** The largest predicted peak among a run's jobs, and whether gradient checkpointing is to lower it. */
import type { OptimiserSettings, ResolvedConfig } from '../contract/config';
import type { PlanMemory, PlanTensor } from '../contract/plan';
import {
  headRowOf,
  projectingGates,
  type AlphaTable,
  type HybridCostOptions,
} from '../models/hybridCost';
import { hybridTensors } from '../models/hybridTensors';
import { sequencesOf } from '../models/tasks';
import type { TrainedTensor, TrainingShape } from './activations';
import { predictMemory } from './memory';
import { memoryLimit } from './memoryLimit';

/** What is trained of one hybrid, and how. */
export function memoryJobs(
  config: ResolvedConfig,
  options: HybridCostOptions,
  tensors: readonly PlanTensor[],
  alphas: AlphaTable,
  pretrained: readonly PlanTensor[],
): TrainingShape[] {
  const { search, finetune } = config;
  const { pretrain } = config.hybrid.projectors;
  const isSame =
    !finetune || (finetune.batch === search.batch && finetune.accumulate === search.accumulate);
  const stages =
    search.steps === 0 ? (finetune ? [finetune] : []) : isSame ? [search] : [search, finetune];
  const hybrid = trainingShape(options, alphas, tensors);
  const shapes = [hybrid];
  if (config.baselines && config.baselines.uniform) {
    const uniform = options.live.map((live) =>
      alphas[0]!.map((_, component) => (live.includes(component) ? 1 / live.length : 0)),
    );
    shapes.push(trainingShape(options, uniform, tensors));
  }
  if (config.baselines && config.baselines.components) {
    shapes.push(...options.components.map((_, component) => alone(options, component)));
  }
  const jobs: { shape: ShapeOfStep; stage: OptimiserSettings }[] = shapes.flatMap((shape) =>
    stages.map((stage) => ({ shape, stage })),
  );
  if (pretrain) {
    const shape = trainingShape(options, alphas, tensors, new Set(pretrained));
    jobs.push({ shape, stage: pretrain });
  }
  const { context, train } = config.data;
  const tokens = sequencesOf(train) * context;
  return jobs.map(({ shape, stage: { batch, accumulate } }) => ({
    ...shape,
    tokens: batch * tokens,
    context,
    accumulate,
  }));
}

/** @param jobs all of the run's: one way for all of them */
export function settleMemory(config: ResolvedConfig, jobs: readonly TrainingShape[]): PlanMemory {
  const largest = (checkpointing: boolean) =>
    jobs
      .map((job) => predictMemory(job, checkpointing))
      .reduce((most, next) => (next.peak > most.peak ? next : most));
  const [without, checkpointed] = [largest(false), largest(true)];
  return decides(config, without.peak, checkpointed.peak)
    ? { ...checkpointed, checkpointing: true, otherPeak: without.peak }
    : { ...without, checkpointing: false, otherPeak: checkpointed.peak };
}

/** `auto`: where the run fits the memory with checkpointing alone. */
function decides(config: ResolvedConfig, without: number, checkpointed: number): boolean {
  const { checkpointing } = config.search;
  if (checkpointing !== 'auto') return checkpointing === 'on';
  const { bytes } = memoryLimit(config);
  return without > bytes && checkpointed <= bytes;
}

type ShapeOfStep = Omit<TrainingShape, 'tokens' | 'context' | 'accumulate'>;

function trainingShape(
  options: HybridCostOptions,
  alphas: AlphaTable,
  tensors: readonly PlanTensor[],
  /** The others are frozen: held, without gradients and moments. */
  trained?: ReadonlySet<PlanTensor>,
): ShapeOfStep {
  const { components, width, vocabulary, projectors, autoEncoder = false } = options;
  const computed = (row: readonly number[]) =>
    components.flatMap((_, component) => (row[component] === 0 ? [] : [component]));
  const widths = (row: readonly number[]) =>
    computed(row).map((component) => components[component]!.architecture.width);
  const isTrained = (tensor: PlanTensor) =>
    isComputed(options, alphas, tensor) && (trained?.has(tensor) ?? true);
  return {
    parameters: tensors.filter(isTrained).map((tensor) => ({
      numbers: numbersIn(tensor),
      place: firstGradient(options, alphas, tensor),
    })),
    idle: tensors.filter((tensor) => !isTrained(tensor)).map(numbersIn),
    width,
    vocabulary,
    projectors,
    autoEncoder,
    blocks: alphas.map((row, block) =>
      computed(row).map((component) => {
        const { architecture, groups } = components[component]!;
        const gates = projectingGates(options, alphas, component, block);
        const { first, end } = groups[block]!;
        return { architecture, first, end, projectsIn: gates.input, projectsOut: gates.output };
      }),
    ),
    embeddings: widths(alphas[0]!),
    heads: options.classifier ? [] : widths(headRowOf(options, alphas)),
  };
}

/** Whether a step's forward pass reaches the tensor at these α. */
function isComputed(options: HybridCostOptions, alphas: AlphaTable, tensor: PlanTensor): boolean {
  const { name, component, place } = tensor;
  if (component === undefined) return true;
  const inHead = headRowOf(options, alphas)[component] !== 0;
  if (place === 'head') return inHead;
  if (place === 'embedding') {
    return alphas[0]![component] !== 0 || (hasTiedHead(options, component) && inHead);
  }
  if (alphas[place]![component] === 0) return false;
  if (!name.startsWith('projectors/')) return true;
  const { input, output } = projectingGates(options, alphas, component, place);
  return name.split('/').at(-1)!.startsWith('in.') ? input : output;
}

/** A tied table has its first gradient from the head, where that is computed. */
function firstGradient(
  options: HybridCostOptions,
  alphas: AlphaTable,
  { component, place }: PlanTensor,
): TrainedTensor['place'] {
  if (component === undefined) return place;
  const inHead = headRowOf(options, alphas)[component] !== 0;
  return place === 'embedding' && hasTiedHead(options, component) && inHead ? 'head' : place;
}

/** Whether a component has a head, and it is its embedding table. */
function hasTiedHead({ components, classifier }: HybridCostOptions, component: number): boolean {
  return components[component]!.architecture.tiedHead && !classifier;
}

/** A component trained as its own baseline: its groups in the hybrid's blocks, with nothing between them. */
function alone(options: HybridCostOptions, component: number): ShapeOfStep {
  const own = options.components[component]!;
  const only: HybridCostOptions = {
    ...options,
    components: [own],
    live: own.groups.map(() => [0]),
    projectors: 'none',
  };
  const alphas = own.groups.map(() => [1]);
  return trainingShape(only, alphas, hybridTensors(only));
}

function numbersIn({ shape }: { readonly shape: readonly number[] }): number {
  return shape.reduce((size, extent) => size * extent, 1);
}
