/** One optimiser step: micro-batches → gradients of θ and α → updates. */
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../engine/gradients';
import { readScalars } from '../engine/read';
import { accumulateAll, type Pair } from '../engine/update';
import { hash32 } from '../../models/random';
import type { Batch } from '../tasks/batches';
import { constantRows } from './alphaTensors';
import type { AlphaTensors } from './alphaTensors';
import { drawAlphas } from './architecture';
import type { ArchitectureState } from './architecture';
import { parameterGradients, updateArchitecture } from './alphaUpdate';
import type { AlphaMoments } from './alphaUpdate';
import { gradientNotFinite, lossNotFinite, noScoredToken } from '../failure';
import type { TrainableModel } from './model';
import { globalNorm, updateWeights } from './optimiser';
import type { AdamwSettings, AdamwState, ParameterGradient } from './optimiser';
import type { StepPlan } from './schedule';
import { withCost, type SearchCost } from './searchCost';

export interface StepInput {
  readonly model: Pick<TrainableModel, 'parameters' | 'lossSum'>;
  readonly alphaTensors: AlphaTensors;
  readonly adamw: AdamwState;
  readonly architecture: ArchitectureState;
  readonly alphaMoments: AlphaMoments;
  readonly plan: Pick<StepPlan, 'weights' | 'alphas'>;
  readonly batches: readonly Batch[];
  readonly seed: number;
  readonly step: number;
  /** Names this job in the dropout stream and in messages. */
  readonly job: string;
  readonly weights: AdamwSettings;
  readonly alphaLearningRate: number;
  /** The cost term of a cost-aware search; the step's loss is without it. */
  readonly cost?: SearchCost | undefined;
}

export interface StepOutcome {
  /** Mean cross-entropy of the scored tokens, nats. */
  readonly loss: number;
  readonly scored: number;
  readonly architecture: ArchitectureState;
  readonly alphaMoments: AlphaMoments;
}

/**
 * The loss is the sum over all micro-batches divided by their scored tokens; so are the gradients. Until it is done, nothing
 * else may use the model or α.
 * @throws RunFailure `loss-not-finite`, `gradient-not-finite` before anything is updated, `no-scored-token`
 */
export async function trainingStep(input: StepInput): Promise<StepOutcome> {
  const { architecture, plan, batches, alphaTensors, step, job } = input;
  const scored = batches.reduce((sum, batch) => sum + batch.scored, 0);
  if (scored === 0) throw noScoredToken(`step ${step} (${job})`);
  const alphas = drawAlphas(architecture, input.seed, step);
  const rows = plan.alphas ? alphaTensors.rows(architecture, alphas) : constantRows(alphas);
  const alphaVariables = plan.alphas ? alphaTensors.variables : [];
  const parameters = plan.weights ? input.model.parameters() : [];
  const sums = sumGradients(input, rows, [
    ...alphaVariables,
    ...parameters.map(({ variable }) => variable),
  ]);
  try {
    const byParameter = parameters.flatMap((parameter, index): ParameterGradient[] => {
      const gradient = sums.gradients[alphaVariables.length + index];
      return gradient === undefined ? [] : [{ parameter, gradient }];
    });
    const read = await readSums(sums, alphaVariables.length, byParameter, scored);
    const loss = read.lossSum / scored;
    if (!Number.isFinite(loss)) throw lossNotFinite(job, step, loss);
    const alphaGradients = read.alphaGradients.map((gradient) => gradient / scored);
    if (!Number.isFinite(read.norm) || !alphaGradients.every(Number.isFinite)) {
      throw gradientNotFinite(job, step);
    }
    if (plan.weights) updateWeights(input.adamw, byParameter, scored, read.norm, input.weights);
    return { loss, scored, ...updatedAlphas(input, alphas, alphaGradients) };
  } finally {
    tf.dispose([...sums.losses]);
    for (const gradient of sums.gradients) gradient?.dispose();
  }
}

interface ReadSums {
  readonly lossSum: number;
  /** ∂(loss sum)/∂α by position of the α variables; 0 where the loss does not depend on one. */
  readonly alphaGradients: readonly number[];
  /** Of the mean gradient of the weights. */
  readonly norm: number;
}

/** All that a step reads of its tensors, asked for at once: on a device that is one wait. */
async function readSums(
  { losses, gradients: all }: GradientSums,
  alphaCount: number,
  byParameter: readonly ParameterGradient[],
  scored: number,
): Promise<ReadSums> {
  const ofAlpha = all.slice(0, alphaCount);
  const there = ofAlpha.filter((gradient) => gradient !== undefined);
  const [scalars, norm] = await Promise.all([
    readScalars([...losses, ...there]),
    globalNorm(byParameter, scored),
  ]);
  const lossSum = scalars.slice(0, losses.length).reduce((sum, loss) => sum + loss, 0);
  let next = losses.length;
  const alphaGradients = ofAlpha.map((gradient) => (gradient === undefined ? 0 : scalars[next++]!));
  return { lossSum, alphaGradients, norm };
}

function updatedAlphas(
  { architecture, alphaMoments, alphaTensors, plan, alphaLearningRate, cost }: StepInput,
  alphas: readonly (readonly number[])[],
  gradientsOfAlpha: readonly number[],
): Pick<StepOutcome, 'architecture' | 'alphaMoments'> {
  if (!plan.alphas) return { architecture, alphaMoments };
  const table = alphaTensors.spread(gradientsOfAlpha, alphas.length, alphas[0]!.length);
  const updated = updateArchitecture(
    architecture,
    alphaMoments,
    withCost(parameterGradients(architecture, alphas, table), architecture, cost),
    alphaLearningRate,
  );
  return { architecture: updated.state, alphaMoments: updated.moments };
}

interface GradientSums {
  /** Summed loss of each micro-batch. */
  readonly losses: readonly tf.Scalar[];
  readonly gradients: readonly (tf.Tensor | undefined)[];
}

/** Gradients of the summed loss over the micro-batches, by position of the variables; the caller disposes all of it. */
function sumGradients(
  { model, batches, seed, step, job }: StepInput,
  rows: Parameters<TrainableModel['lossSum']>[1],
  variables: readonly tf.Variable[],
): GradientSums {
  const losses: tf.Scalar[] = [];
  const sums = new Array<tf.Tensor | undefined>(variables.length).fill(undefined);
  try {
    for (const [index, batch] of batches.entries()) {
      const dropoutKey = hash32(`${seed}/dropout/${job}/${step}/${index}`);
      const loss = () => model.lossSum(batch, rows, { training: true, dropoutKey });
      if (variables.length === 0) {
        losses.push(tf.tidy(loss));
        continue;
      }
      const { value, grads } = gradients(loss, variables);
      losses.push(value);
      addTo(sums, grads);
    }
  } catch (error) {
    tf.dispose(losses);
    for (const sum of sums) sum?.dispose();
    throw error;
  }
  return { losses, gradients: sums };
}

/** Adds gradients to those that are there, by position. */
function addTo(sums: (tf.Tensor | undefined)[], grads: readonly (tf.Tensor | undefined)[]): void {
  const both: { readonly at: number; readonly pair: Pair }[] = [];
  for (const [at, gradient] of grads.entries()) {
    const before = sums[at];
    if (before === undefined) sums[at] = gradient;
    else if (gradient !== undefined) both.push({ at, pair: [before, gradient] });
  }
  const added = accumulateAll(both.map(({ pair }) => pair));
  for (const [index, { at }] of both.entries()) sums[at] = added[index];
}
