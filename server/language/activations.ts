/**
 * What a training step keeps of its activations, counted operation by operation, per token, from the families' block
 * functions (`server/compute/families`). `saved`: what fused operations keep for their gradients, which are their inputs.
 * `transient`: outputs that no gradient needs, which live until their layer, or their block, ends. Sums and single numbers
 * a token are left out.
 */
import type { Architecture } from '../models/architecture';
import { DECODER_LAYERS } from '../models/autoEncoder';
import type { ProjectorKind } from '../models/projector';
import { drops, layerActivations } from './layerActivations';

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

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Summands of a weighted sum are kept (for α's gradient) beside the sum; a single one is passed on as it is. */
const mixed = (summands: number) => (summands > 1 ? summands : 0);

export interface StepActivations {
  readonly embedding: Activations;
  readonly blocks: readonly Activations[];
  readonly head: Activations;
}

export function stepActivations(shape: TrainingShape): StepActivations {
  const { width, vocabulary, heads, autoEncoder } = shape;
  // The auto-encoder's decoder reads one position, and cuts that.
  const cut = autoEncoder
    ? heads.flatMap((own) => decoderActivations(own))
    : heads.filter((own) => own < width);
  // A classifier's head sees a few positions of a sequence: what it keeps is left out.
  const count = heads.length === 0 ? 0 : 1 + mixed(heads.length);
  const logits = Array.from({ length: count }, () => vocabulary);
  return {
    embedding: embeddingActivations(shape),
    blocks: shape.blocks.map((block) => blockActivations(block, shape)),
    head: { saved: [...cut, ...logits], transient: [] },
  };
}

/** State and positions; behind each norm its output, the layer's and its activation's; the last norm's. */
function decoderActivations(width: number): readonly number[] {
  return Array.from({ length: 2 + 3 * DECODER_LAYERS }, () => width);
}

function blockActivations(block: readonly ActiveGroup[], shape: TrainingShape): Activations {
  const parts: Activations[] = [];
  let largest: readonly number[] = [];
  for (const group of block) {
    const { architecture, first, end } = group;
    parts.push(gateActivations(group, shape, block.length > 1));
    if (first === 0) parts.push(entryActivations(architecture));
    for (let layer = first; layer < end; layer++) {
      const { saved, transient } = layerActivations(architecture, layer, shape);
      parts.push({ saved, transient: [] });
      if (sum(transient) > sum(largest)) largest = transient;
    }
    if (end === architecture.layers) parts.push({ saved: [architecture.width], transient: [] });
  }
  if (block.length > 1) parts.push({ saved: [shape.width], transient: [] });
  return {
    saved: parts.flatMap(({ saved }) => saved),
    transient: [...parts.flatMap(({ transient }) => transient), ...largest],
  };
}

/** Looked up in each table, mixed. A single one is the stream itself. */
function embeddingActivations({ embeddings, width }: TrainingShape): Activations {
  if (embeddings.length === 1) {
    const [own = width] = embeddings;
    return { saved: [width], transient: own < width ? [own] : [] };
  }
  return { saved: [...embeddings, width], transient: [] };
}

/**
 * Both gates of a (component, block). Blending keeps the projection and what it is blended with; a weight of 1 only cuts or
 * pads. The mixture blends too: it keeps the same.
 */
function gateActivations(
  group: ActiveGroup,
  { width, projectors }: TrainingShape,
  isMixed: boolean,
): Activations {
  const own = group.architecture.width;
  const fitted = own < width ? [own] : [];
  return {
    saved: [
      ...(group.projectsIn ? [...projection(projectors, width, own), own] : fitted),
      ...(group.projectsOut ? projection(projectors, own, width) : []),
      ...(group.projectsOut && !isMixed ? [width] : []),
    ],
    transient: !group.projectsOut && own < width && !isMixed ? [width] : [],
  };
}

/** Outputs of one projector. */
function projection(kind: ProjectorKind, from: number, to: number): readonly number[] {
  switch (kind) {
    case 'none':
      return [];
    case 'linear':
      return [to];
    case 'linear-skip':
      return [to, to];
    case 'mlp':
      return [from, from, to];
    case 'mlp-skip':
      return [from, from, to, to];
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
