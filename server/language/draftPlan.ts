/** Config and headers → what is known of one hybrid, before it is known which jobs train it. */
import type { ResolvedConfig } from '../contract/config';
import type { Plan, PlanBlock, PlanComponent } from '../contract/plan';
import type { Architecture } from '../models/architecture';
import { decoderParameters } from '../models/autoEncoder';
import { classifierParameters } from '../models/classifier';
import { bodyParameters, dropoutRates, layersFlops, parameterCount } from '../models/families';
import {
  gateFlops,
  groupFlops,
  headFlops,
  hybridFlops,
  SEARCHED,
  sharedHeadFlops,
  type HybridCostOptions,
} from '../models/hybridCost';
import { hybridTensors, isPretrained } from '../models/hybridTensors';
import { splitLayers } from '../models/split';
import { classifierOf, isTask, taskVocabulary } from '../models/tasks';
import type { TrainingShape } from './activations';
import type { Headers, ReadableComponent } from './headers';
import { readable } from './headers';
import { discretisedCost, subjectOf, tensorSum } from './planCosts';
import type { JobCosts } from './planJobs';
import { memoryJobs } from './planMemory';

/** A component with the architecture that it has in the hybrid. */
interface HybridComponent extends ReadableComponent {
  /** The architecture of its files. */
  readonly own: Architecture;
}

export interface PlanPlace {
  /** From the config's file name. */
  readonly name: string;
  /** Absolute folder of the config. */
  readonly base: string;
}

export interface PlanDraft {
  readonly plan: Omit<Plan, 'memory' | 'jobs' | 'subplans'>;
  readonly costs: Omit<JobCosts, 'programs' | 'others'>;
  /** Trainings that its memory is predicted from. */
  readonly memory: readonly TrainingShape[];
}

/**
 * @param config without errors of its own, `headers` those of its models
 * @returns `undefined` while a model can't be read or the components don't fit together (the checks say why)
 */
export function draftPlan(
  config: ResolvedConfig,
  headers: Headers,
  place: PlanPlace,
): PlanDraft | undefined {
  const components = headers.components.flatMap((component) => {
    const read = readable(component);
    return read ? [inHybrid(config, read)] : [];
  });
  const names = Object.keys(config.components);
  const tokens = tokensOf(config, headers);
  const { blocks } = config.hybrid;
  const isWhole =
    components.length === names.length &&
    names.length > 0 &&
    tokens !== undefined &&
    components.every(({ architecture }) => architecture.layers >= blocks) &&
    liveComponents(config, names).every((live) => live.length > 0);
  if (!isWhole) return undefined;

  const options: HybridCostOptions = {
    components: components.map(({ headers: { name }, architecture }) => ({
      name,
      architecture,
      groups: splitLayers(architecture.layers, blocks),
    })),
    live: liveComponents(config, names),
    width: Math.max(...components.map(({ architecture }) => architecture.width)),
    vocabulary: tokens.vocabulary,
    gate: config.hybrid.gate,
    head: config.hybrid.head,
    projectors: config.hybrid.projectors.kind,
    context: config.data.context,
    ...ownHead(config),
  };
  const tensors = hybridTensors(options);
  const planned = components.map((component, position) =>
    planComponent(config, options, component, position, tokens.tokenizer),
  );
  const blockPlans = options.live.map((live, block) =>
    planBlock(config, options, names, live, block),
  );
  const alphas = computedAlphas(blockPlans);
  const parameters = tensorSum(tensors);
  const flopsPerToken = hybridFlops(options, alphas);
  const uniform = options.live.map((live) => uniformRow(live, names.length));
  const { pretrain } = config.hybrid.projectors;
  const trained = tensors.filter((tensor) => pretrain && isPretrained(tensor, planned, pretrain));
  const costs: PlanDraft['costs'] = {
    ...(pretrain
      ? { pretrained: { name: 'hybrid', parameters: tensorSum(trained), flopsPerToken } }
      : {}),
    hybrid: { name: 'hybrid', parameters, flopsPerToken },
    discretised: discretisedCost(options, tensors, blockPlans, alphas),
    uniform: { name: 'uniform', parameters, flopsPerToken: hybridFlops(options, uniform) },
    components: planned.map(subjectOf),
  };
  return {
    plan: {
      version: 1,
      name: place.name,
      base: place.base,
      components: planned,
      blocks: blockPlans,
      width: options.width,
      vocabulary: tokens.vocabulary,
      tokenizer: tokens.tokenizer?.component,
      ...ownHead(config),
      context: config.data.context,
      tensors,
      parameters,
      flopsPerToken,
      config,
    },
    costs,
    memory: memoryJobs(config, options, tensors, alphas, trained),
  };
}

interface HybridTokens {
  readonly vocabulary: number;
  /** None where a synthetic task has tokens of its own. */
  readonly tokenizer:
    { readonly component: number; readonly path: string; readonly digest: string } | undefined;
}

/** What the hybrid reads; `undefined` while its tokenizer isn't there. */
function tokensOf(config: ResolvedConfig, headers: Headers): HybridTokens | undefined {
  const { train } = config.data;
  if (isTask(train)) return { vocabulary: taskVocabulary(train), tokenizer: undefined };
  const component = Object.keys(config.components).indexOf(config.hybrid.tokenizer);
  const chosen = headers.components[component]?.tokenizer;
  if (chosen?.kind !== 'found') return undefined;
  const { path, summary } = chosen;
  return {
    vocabulary: summary.size,
    tokenizer: { component, path, digest: summary.digest },
  };
}

/** What a task has in the place of the components' heads, or before them. */
function ownHead({
  data: { train },
}: ResolvedConfig): Pick<HybridCostOptions, 'autoEncoder' | 'classifier'> {
  const classifier = classifierOf(train);
  if (classifier) return { classifier };
  return train.kind === 'mad' && train.task === 'compression' ? { autoEncoder: true } : {};
}

/**
 * With `embeddings: random` a pretrained component's embeddings start anew, and its head is tied to them, as
 * the research code does. One from scratch starts as its own config says in any case.
 */
function inHybrid(config: ResolvedConfig, component: ReadableComponent): HybridComponent {
  const { headers, architecture } = component;
  const isAnew = config.hybrid.embeddings === 'random' && headers.model?.kind === 'found';
  return {
    ...component,
    own: architecture,
    architecture: isAnew ? tied(architecture) : architecture,
  };
}

const tied = (architecture: Architecture): Architecture => ({ ...architecture, tiedHead: true });

function liveComponents(config: ResolvedConfig, names: readonly string[]): readonly number[][] {
  return Array.from({ length: config.hybrid.blocks }, (_, block) => {
    const pruned = config.hybrid.mixture[block + 1]?.prune ?? [];
    return names.flatMap((name, component) => (pruned.includes(name) ? [] : [component]));
  });
}

function planComponent(
  config: ResolvedConfig,
  options: HybridCostOptions,
  { headers, table, architecture, own: ownArchitecture }: HybridComponent,
  position: number,
  hybridTokenizer: HybridTokens['tokenizer'],
): PlanComponent {
  const { name, model, tokenizer } = headers;
  const found = model?.kind === 'found' ? model : undefined;
  const own = hybridTokenizer && tokenizer?.kind === 'found' ? tokenizer : undefined;
  const { groups } = options.components[position]!;
  const isSame = own === undefined || own.summary.digest === hybridTokenizer?.digest;
  const all = { first: 0, end: architecture.layers };
  const hubConfig = structuredClone(headers.config ?? {});
  const isAnew = found !== undefined && config.hybrid.embeddings === 'random';
  return {
    name,
    family: table.name,
    source: !found
      ? { kind: 'random' }
      : found.hub
        ? { kind: 'hub', ...found.hub, path: found.path }
        : { kind: 'folder', path: found.path },
    config:
      architecture.tiedHead === ownArchitecture.tiedHead
        ? hubConfig
        : table.write(architecture, architecture.vocabularyRows),
    tokenizerPath: hybridTokenizer && (own?.path ?? hybridTokenizer.path),
    // From scratch there is nothing to transplant: its rows start at random whatever the tokenizer.
    vocabulary: isAnew ? 'random' : isSame ? 'own' : found ? 'transplant' : 'random',
    // With another tokenizer there are no embeddings of its own for V: alone, it starts as it does in the hybrid.
    ...(isAnew && isSame ? { alone: { config: hubConfig, vocabulary: 'own' as const } } : {}),
    layers: architecture.layers,
    width: architecture.width,
    parameters: parametersAlone(options, isAnew && !isSame ? architecture : ownArchitecture),
    flopsPerToken:
      layersFlops(architecture, all, options.context) +
      headFlops(options, position) +
      sharedHeadFlops(options),
    groups,
    dropout: dropoutRates(architecture),
  };
}

/** Of a component alone: V rows, a tied table counted once, the head that its task gives it. */
function parametersAlone(
  { vocabulary, autoEncoder, classifier, width }: HybridCostOptions,
  architecture: Architecture,
): number {
  if (classifier) {
    return bodyParameters(architecture, vocabulary) + classifierParameters(classifier, width);
  }
  const decoder = autoEncoder ? decoderParameters(architecture.width) : 0;
  return parameterCount(architecture, vocabulary) + decoder;
}

function planBlock(
  config: ResolvedConfig,
  options: HybridCostOptions,
  names: readonly string[],
  live: readonly number[],
  block: number,
): PlanBlock {
  const mixture = config.hybrid.mixture[block + 1];
  const pinned = mixture?.pin && weightRow(mixture.pin, names);
  return {
    live,
    pinned,
    initial:
      pinned ?? (mixture?.init ? weightRow(mixture.init, names) : uniformRow(live, names.length)),
    flopsPerToken: names.map((_, component) =>
      live.includes(component)
        ? groupFlops(options, component, block) + 2 * gateFlops(options, component, block)
        : 0,
    ),
  };
}

function weightRow(weights: Readonly<Record<string, number>>, names: readonly string[]): number[] {
  const row = names.map((name) => (Object.hasOwn(weights, name) ? weights[name]! : 0));
  const sum = row.reduce((total, weight) => total + weight, 0);
  // Exact one-hots stay exact; other sums are 1 within the checks' tolerance.
  return sum === 1 || sum === 0 ? row : row.map((weight) => weight / sum);
}

function uniformRow(live: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, component) =>
    live.includes(component) ? 1 / live.length : 0,
  );
}

/** α as far as costs go: pins are constants, a component alone is 1, whatever is searched is neither 0 nor 1. */
function computedAlphas(blocks: readonly PlanBlock[]): number[][] {
  return blocks.map(({ live, pinned, initial }) =>
    initial.map((_, component) => {
      if (pinned) return pinned[component]!;
      if (!live.includes(component)) return 0;
      return live.length === 1 ? 1 : SEARCHED;
    }),
  );
}
