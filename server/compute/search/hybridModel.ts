/** The hybrid as the search sees it: a loss over batches, parameters by name, parts that can be parked. */
import * as tf from '@tensorflow/tfjs-core';
import type { Plan, PlanTensor } from '../../contract/plan';
import { flopsTable, parametersTable } from '../../models/expectedCost';
import { hybridFlops } from '../../models/hybridCost';
import type { HybridCostOptions } from '../../models/hybridCost';
import { hybridTensors, isPretrained } from '../../models/hybridTensors';
import { countCorrect, crossEntropy } from '../engine/kernels/crossEntropy';
import { reshaped } from '../engine/kernels/reshape';
import { readScalars } from '../engine/read';
import { architectureOf, buildHybrid, designOf } from '../hybrid/build';
import type { BuildOptions, BuiltHybrid, ComponentSource } from '../hybrid/build';
import { classify } from '../hybrid/classifier';
import { forward } from '../hybrid/hybrid';
import type { ForwardContext, Hybrid } from '../hybrid/hybrid';
import type { MixtureRow } from '../hybrid/mixture';
import { IGNORED } from '../tasks/batches';
import type { Batch } from '../tasks/batches';
import { constantRows } from './alphaTensors';
import type { BatchScore, LiveTable, TrainableModel } from './model';
import type { CostTable } from './services';

export interface HybridModel extends TrainableModel {
  readonly hybrid: BuiltHybrid;
}

/**
 * Builds the plan's hybrid with the (block, component) pairs of `live`, which may be others than the plan's: fewer after
 * discretising, all of one component's for a baseline.
 * @throws HybridError when the files don't fit the plan
 */
export async function buildHybridModel(
  plan: Plan,
  live: LiveTable,
  seed: number,
  loadComponent: (component: number) => Promise<ComponentSource>,
  options: BuildOptions = {},
): Promise<HybridModel> {
  const hybrid = await buildHybrid(planWith(plan, live), loadComponent, seed, options);
  const { checkpointing } = plan.memory;
  return {
    hybrid,
    parameters: () => hybrid.parameters.list(),
    lossSum: (batch, rows, context) => lossSum(hybrid, batch, rows, { ...context, checkpointing }),
    score: (batch, alphas) => scoreHybrid(hybrid, batch, alphas),
    park: (component, block) => hybrid.parameters.park(component, block),
    restore: (component, block, parked) => hybrid.parameters.restore(component, block, parked),
    dispose: () => hybrid.parameters.dispose(),
  };
}

/** The plan's hybrid at given α: what an α of 0 leaves out costs nothing. */
export function planCosts(plan: Plan): CostTable {
  const optionsAt = (
    alphas: readonly (readonly number[])[],
    alone?: number,
  ): HybridCostOptions => ({
    ...costOptions(alone === undefined ? plan : planAlone(plan, alone)),
    live: alphas.map((row) => row.flatMap((alpha, m) => (alpha > 0 ? [m] : []))),
  });
  return {
    ofPairs: (kind) => {
      const options = { ...costOptions(plan), live: plan.blocks.map(({ live }) => live) };
      return kind === 'flops' ? flopsTable(options) : parametersTable(options, plan.tensors);
    },
    savedByFreezing: (alphas) => savedByFreezing(plan, alphas),
    flopsPerToken: (alphas) => hybridFlops(optionsAt(alphas), alphas),
    parameters: (alphas, alone) =>
      hybridTensors(optionsAt(alphas, alone)).reduce(
        (sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1),
        0,
      ),
  };
}

/**
 * The plan under which a component is trained alone, as a baseline: with the embeddings and head of its own files even
 * where the hybrid starts them anew (`embeddings: random`), and without what `projectors.from` lends a hybrid.
 */
export function planAlone(plan: Plan, component: number): Plan {
  const components = plan.components.map((each, m) =>
    m === component ? { ...each, ...each.alone } : each,
  );
  return { ...plan, components };
}

/** What the plan's pretraining of the projectors trains; the other tensors are frozen in it. */
export function pretrainedTensors(plan: Plan): PlanTensor[] {
  const { pretrain } = plan.config.hybrid.projectors;
  return plan.tensors.filter(
    (tensor) => pretrain && isPretrained(tensor, plan.components, pretrain),
  );
}

/**
 * FLOPs a token that a backward pass saves because the frozen matrices need no gradients of their own: two for each of
 * their numbers. An embedding table counts where it is the head too.
 */
function savedByFreezing(plan: Plan, alphas: readonly (readonly number[])[]): number {
  const trained = new Set(pretrainedTensors(plan));
  const { components, head } = designOf(plan, plan.components.map(architectureOf));
  const inHead = (m: number) => alphas[head === 'first' ? 0 : alphas.length - 1]![m]! > 0;
  return plan.tensors.reduce((sum, tensor) => {
    const { component: m, place, decay, shape } = tensor;
    if (m === undefined || trained.has(tensor) || !decay) return sum;
    const { tiedHead } = components[m]!.architecture;
    const isUsed =
      typeof place === 'number'
        ? alphas[place]![m]! > 0
        : inHead(m) && (place === 'head' || tiedHead);
    return isUsed ? sum + 2 * shape.reduce((size, extent) => size * extent, 1) : sum;
  }, 0);
}

function planWith(plan: Plan, live: LiveTable): Plan {
  const lists = live.map((row) => row.flatMap((alive, m) => (alive ? [m] : [])));
  const blocks = plan.blocks.map((block, i) => ({ ...block, live: lists[i]! }));
  return { ...plan, blocks, tensors: hybridTensors({ ...costOptions(plan), live: lists }) };
}

function costOptions(plan: Plan): Omit<HybridCostOptions, 'live'> {
  const design = designOf(plan, plan.components.map(architectureOf));
  return { ...design, context: plan.context };
}

/** Σ over scored positions of −log p(target): a scalar. */
function lossSum(
  hybrid: Hybrid,
  batch: Batch,
  rows: readonly MixtureRow[],
  context: ForwardContext,
): tf.Scalar {
  const logits = scoredLogits(hybrid, batch, rows, context);
  return crossEntropy(logits, tf.tensor1d(batch.targets, 'int32'), { ignore: IGNORED }).loss;
}

/** A batch's loss and hits at fixed α, without dropout and without a tape. */
export async function scoreHybrid(
  hybrid: Hybrid,
  batch: Batch,
  alphas: readonly (readonly number[])[],
): Promise<BatchScore> {
  const scores = tf.tidy(() => {
    const context = { training: false, dropoutKey: 0, checkpointing: true };
    const logits = scoredLogits(hybrid, batch, constantRows(alphas), context);
    const targets = tf.tensor1d(batch.targets, 'int32');
    const { loss } = crossEntropy(logits, targets, { ignore: IGNORED });
    return [loss, countCorrect(logits, targets, { ignore: IGNORED })];
  });
  try {
    const [lossSum, correct] = (await readScalars(scores)) as [number, number];
    return { lossSum, correct };
  } finally {
    tf.dispose(scores);
  }
}

/** A row for each target: [b·l, V], or [n, c] where sequences are classified. */
function scoredLogits(
  hybrid: Hybrid,
  { ids, sequences, length, lasts }: Batch,
  rows: readonly MixtureRow[],
  context: ForwardContext,
): tf.Tensor2D {
  const tokens = tf.tensor2d(ids, [sequences, length], 'int32');
  if (lasts) return classify(hybrid, tokens, lasts, rows, context);
  const logits = forward(hybrid, tokens, rows, context); // [b, l, V]
  return reshaped(logits, [sequences * length, hybrid.design.vocabulary]); // [b·l, V]
}
