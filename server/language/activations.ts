/**
 * What a training step keeps of its activations, counted operation by operation, per token, from the families' block
 * functions (`server/compute/families`). `saved`: what fused operations keep for their gradients, which are their inputs, but for
 * outputs of norms and activations, which are made again (`server/compute/engine/remade.ts`; tfjs's own operations keep those
 * too). `transient`: what else there is when there is most of it. Sums and single numbers a token are left out.
 */
import type { Architecture } from '../models/architecture';
import { DECODER_LAYERS } from '../models/autoEncoder';
import type { ProjectorKind } from '../models/projector';
import { drops, gradientsIn, layerActivations, sum } from './layerActivations';

/** Tensors, each as its numbers a token. */
export interface Activations {
  readonly saved: readonly number[];
  readonly transient: readonly number[];
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

export interface TrainedTensor {
  readonly numbers: number;
  /** Where the backward pass first has a gradient for it: a tied table's is the head. */
  readonly place: number | 'embedding' | 'head';
}

/** One training job, as memory sees it. */
export interface TrainingShape {
  /** Each tensor that a step trains. */
  readonly parameters: readonly TrainedTensor[];
  /** Numbers in each that is held without being computed: a pin keeps it out. */
  readonly idle: readonly number[];
  /** d. */
  readonly width: number;
  readonly vocabulary: number;
  readonly projectors: ProjectorKind;
  /** By block, those that are computed. */
  readonly blocks: readonly (readonly ActiveGroup[])[];
  /** Widths of the components whose embeddings, and whose heads, are computed: no head where a classifier stands. */
  readonly embeddings: readonly number[];
  readonly heads: readonly number[];
  /** Each head has the decoder of an auto-encoder before it. */
  readonly autoEncoder: boolean;
  /** Tokens of a micro-batch. */
  readonly tokens: number;
  /** Tokens of a sequence. */
  readonly context: number;
  readonly accumulate: number;
}

/** Summands of a weighted sum are kept (for α's gradient) beside the sum; a single one is passed on as it is. */
const mixed = (summands: number) => (summands > 1 ? summands : 0);

export interface BlockActivations extends Activations {
  /**
   * Numbers a token that the backward pass holds at most, less what the block saved: negative where much of that is freed
   * before.
   */
  readonly gradients: number;
}

export interface StepActivations {
  readonly embedding: Activations;
  readonly blocks: readonly BlockActivations[];
  readonly head: Activations;
}

export function stepActivations(shape: TrainingShape): StepActivations {
  const { width, vocabulary, heads, autoEncoder } = shape;
  // The auto-encoder's decoder reads one position, and cuts that.
  const decoded = (tensors: number) =>
    heads.flatMap((own) => Array.from({ length: tensors }, () => own));
  const cut = autoEncoder ? decoded(1 + DECODER_LAYERS) : heads.filter((own) => own < width);
  // What the decoder's norms and activations give is made again.
  const remade = autoEncoder ? decoded(1 + 2 * DECODER_LAYERS) : [];
  // A classifier's head sees a few positions of a sequence: what it keeps is left out.
  const count = heads.length === 0 ? 0 : 1 + mixed(heads.length);
  const logits = Array.from({ length: count }, () => vocabulary);
  return {
    embedding: embeddingActivations(shape),
    blocks: shape.blocks.map((block) => blockActivations(block, shape)),
    head: { saved: [...cut, ...logits], transient: remade },
  };
}

/** Operation by operation: what is there when most is, less what is saved at the end of the block. */
function blockActivations(block: readonly ActiveGroup[], shape: TrainingShape): BlockActivations {
  const saved: number[] = [];
  // Beside what is saved: until the block ends; in the forward pass, in the backward pass.
  let [standing, most, gradients] = [0, 0, 0];
  const add = (part: Activations, within = 0) => {
    saved.push(...part.saved);
    standing += sum(part.transient);
    most = Math.max(most, sum(saved) + standing + within);
  };
  for (const group of block) {
    const { architecture, first, end } = group;
    add(gateIn(group, shape));
    if (first === 0) add(entryActivations(architecture));
    for (let layer = first; layer < end; layer++) {
      const own = layerActivations(architecture, layer, shape);
      add({ saved: own.saved, transient: [] }, sum(own.transient));
      gradients = Math.max(gradients, sum(saved) + sum(gradientsIn(architecture, layer, shape)));
    }
    const isMixed = block.length > 1;
    if (end === architecture.layers) add(lastNorm(group, shape, isMixed));
    add(gateOut(group, shape, isMixed));
  }
  if (block.length > 1) add({ saved: [shape.width], transient: [] });
  return { saved, transient: [most - sum(saved)], gradients: gradients - sum(saved) };
}

/** Looked up in each table, mixed. A single one is the stream itself. */
function embeddingActivations({ embeddings, width }: TrainingShape): Activations {
  if (embeddings.length === 1) {
    const [own = width] = embeddings;
    return { saved: [width], transient: own < width ? [own] : [] };
  }
  return { saved: [...embeddings, width], transient: [] };
}

/** Its output is made again, unless tfjs pads it. Where nothing comes after it, the head counts it. */
function lastNorm(group: ActiveGroup, { width }: TrainingShape, isMixed: boolean): Activations {
  const own = group.architecture.width;
  if (isMixed || group.projectsOut) return { saved: [], transient: [own] };
  return { saved: own < width ? [own] : [], transient: [] };
}

/** A weight of 1 only cuts or pads, of which the tape keeps both sides; blending keeps what it blends. */
function gateIn(group: ActiveGroup, { width, projectors }: TrainingShape): Activations {
  const own = group.architecture.width;
  if (!group.projectsIn) return { saved: own < width ? [own] : [], transient: [] };
  const { saved, transient } = projection(projectors, width, own);
  return { saved: [...saved, own], transient };
}

/** As `gateIn`. A mixture blends too: it keeps the same. */
function gateOut(
  group: ActiveGroup,
  { width, projectors }: TrainingShape,
  isMixed: boolean,
): Activations {
  const own = group.architecture.width;
  if (!group.projectsOut) return { saved: own < width && !isMixed ? [width] : [], transient: [] };
  const { saved, transient } = projection(projectors, own, width);
  return { saved: [...saved, ...(isMixed ? [] : [width])], transient };
}

/** One projector. Saved: its output, and its hidden layer before the activation, which is made again. */
function projection(kind: ProjectorKind, from: number, to: number): Activations {
  const skipped = from === to ? [to] : [to, to];
  switch (kind) {
    case 'none':
      return { saved: [], transient: [] };
    case 'linear':
      return { saved: [to], transient: [] };
    case 'linear-skip':
      return { saved: [to], transient: skipped };
    case 'mlp':
      return { saved: [from, to], transient: [from] };
    case 'mlp-skip':
      return { saved: [from, to], transient: [from, ...skipped] };
  }
}

/** What a component adds to its own input before its first layer: positions, dropout. */
function entryActivations(architecture: Architecture): Activations {
  const { family, width } = architecture;
  const isPlaced = family === 'gpt2' || family === 'gptNeo';
  const isDropped = drops(architecture) && (isPlaced || family === 'gptNeox');
  return {
    saved: isDropped || isPlaced ? [width] : [],
    transient: isDropped && isPlaced ? [width] : [],
  };
}
