/**
 * Predicted peak of a training step on the `wasm` engine, before any tensor exists.
 *
 * A step holds, in float32: every parameter and AdamW's two moments of it (always), activations (from the forward pass
 * until the backward pass has used them), gradients of activations (a few at a time: the tape is freed as it is walked) and
 * gradients of parameters (all of them at the end of the backward pass). So
 *
 *     peak = 3·P + sums + max(saved + transient, saved + head gradients, P),   sums = P when micro-batches are accumulated
 *
 * `saved`: what fused operations keep for their gradients, which are their inputs. `transient`: outputs that no gradient
 * needs, which live until the forward pass ends. Both are counted here operation by operation, per token, from the families'
 * block functions; sums and single numbers a token are left out.
 */
import type { Architecture } from '../models/architecture';
import { dropoutRates } from '../models/families';
import { gpt2Settings } from '../models/gpt2';
import { gptNeoSettings } from '../models/gptNeo';
import { gptNeoxSettings } from '../models/gptNeox';
import { mambaSettings } from '../models/mamba';
import type { ProjectorKind } from '../models/projector';

const BYTES = 4;
/** Value, first and second moment. */
const RESIDENT_COPIES = 3;
/** Room that size classes and padding of the engine's allocator take beyond what was asked for. */
export const ALLOCATION_OVERHEAD = 1.05;

/** Numbers a token. */
export interface Activations {
  readonly saved: number;
  readonly transient: number;
}

/** What one (component, block) pair computes in a step. */
export interface ActiveGroup {
  readonly architecture: Architecture;
  readonly first: number;
  readonly end: number;
  /** Whether each gate projects (its weight isn't the constant 1). */
  readonly projectsIn: boolean;
  readonly projectsOut: boolean;
}

/** One training job, as memory sees it. */
export interface TrainingShape {
  readonly parameters: number;
  /** d. */
  readonly width: number;
  readonly vocabulary: number;
  readonly projectors: ProjectorKind;
  /** By block, those that are computed. */
  readonly blocks: readonly (readonly ActiveGroup[])[];
  /** Widths of the components whose embeddings, and whose heads, are computed. */
  readonly embeddings: readonly number[];
  readonly heads: readonly number[];
  /** Tokens of a micro-batch. */
  readonly tokens: number;
  readonly accumulate: number;
}

export interface PredictedMemory {
  /** Bytes, all of them. */
  readonly parameters: number;
  readonly gradients: number;
  readonly moments: number;
  readonly activations: number;
  readonly peak: number;
}

export function predictMemory(shape: TrainingShape): PredictedMemory {
  const { parameters, tokens } = shape;
  const { saved, transient } = stepActivations(shape);
  const headGradients = (1 + mixed(shape.heads.length)) * shape.vocabulary * tokens;
  const sums = shape.accumulate > 1 ? parameters : 0;
  const moving = Math.max(saved + transient, saved + headGradients, parameters);
  const numbers = RESIDENT_COPIES * parameters + sums + moving;
  return {
    parameters: BYTES * parameters,
    gradients: BYTES * parameters,
    moments: BYTES * 2 * parameters,
    activations: BYTES * Math.max(saved + transient, saved + headGradients),
    peak: Math.ceil(BYTES * numbers * ALLOCATION_OVERHEAD),
  };
}

/** Summands of a weighted sum are kept (for α's gradient) beside the sum; a single one is passed on as it is. */
const mixed = (summands: number) => (summands > 1 ? summands : 0);

/** Numbers of a whole micro-batch. */
function stepActivations(shape: TrainingShape): Activations {
  const { width, vocabulary, tokens } = shape;
  let saved = 0;
  let transient = 0;
  const count = (numbers: Activations) => {
    saved += numbers.saved;
    transient += numbers.transient;
  };
  for (const embedded of shape.embeddings) {
    count({ saved: mixed(shape.embeddings.length) > 0 ? width : 0, transient: embedded });
  }
  count({ saved: width, transient: 0 });
  for (const block of shape.blocks) {
    for (const group of block) {
      count(gateActivations(group, shape));
      for (let layer = group.first; layer < group.end; layer++) {
        count(layerActivations(group.architecture));
      }
      if (group.end === group.architecture.layers) {
        count({ saved: group.architecture.width, transient: 0 });
      }
    }
    if (block.length > 1) count({ saved: (block.length + 1) * width, transient: 0 });
  }
  for (const headWidth of shape.heads) {
    count({ saved: headWidth < width ? headWidth : 0, transient: 0 });
  }
  count({ saved: (1 + mixed(shape.heads.length)) * vocabulary, transient: 0 });
  return { saved: saved * tokens, transient: transient * tokens };
}

/** Both gates of a (component, block): the projection and what it is blended into; padding or cutting where it isn't. */
function gateActivations(group: ActiveGroup, { width, projectors }: TrainingShape): Activations {
  const own = group.architecture.width;
  const input = group.projectsIn ? projection(projectors, width, own) + own : 0;
  const output = group.projectsOut ? projection(projectors, own, width) : 0;
  const fitted = own < width ? (group.projectsIn ? 0 : own) + (group.projectsOut ? 0 : width) : 0;
  return { saved: input + output, transient: fitted };
}

/** Outputs of one projector. */
function projection(kind: ProjectorKind, from: number, to: number): number {
  switch (kind) {
    case 'none':
      return 0;
    case 'linear':
      return to;
    case 'linear-skip':
      return 2 * to;
    case 'mlp':
      return 2 * from + to;
    case 'mlp-skip':
      return 2 * from + 2 * to;
  }
}

/** One layer of a component. */
export function layerActivations(architecture: Architecture): Activations {
  switch (architecture.family) {
    case 'gpt2':
      return transformerLayer(architecture, gpt2Settings(architecture).inner, false);
    case 'gptNeo':
      return transformerLayer(architecture, gptNeoSettings(architecture).inner, false);
    case 'gptNeox': {
      const { inner, rotaryDims } = gptNeoxSettings(architecture);
      return transformerLayer(architecture, inner, rotaryDims > 0);
    }
    case 'mamba':
      return mambaLayer(architecture);
  }
}

/** Saved: both norms' outputs, q, k, v, attention's output, both residuals, the inner layer before and after its activation. */
function transformerLayer(architecture: Architecture, inner: number, turned: boolean): Activations {
  const { width } = architecture;
  const norms = 2 * width;
  const attention = 3 * width + width;
  const residuals = 2 * width;
  const feedForward = 2 * inner;
  // Rotation needs only its angles; the outputs of both last linear maps (and their dropout) go into sums.
  const unturned = turned ? 3 * width : 0;
  const drops = Object.values(dropoutRates(architecture)).some((rate) => rate > 0);
  return {
    saved: norms + attention + residuals + feedForward,
    transient: unturned + (drops ? 4 : 2) * width,
  };
}

/** Saved: the norm's output, x and z, the convolution's output, Δ's low rank, Δ before and after softplus, B, C, y, silu(z), their product, the residual. */
function mambaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { inner, state, dtRank } = mambaSettings(architecture);
  return {
    saved: 2 * width + 8 * inner + dtRank + 2 * state,
    // in_proj and x_proj before they are split; out_proj.
    transient: 2 * inner + dtRank + 2 * state + width,
  };
}
