/**
 * What a training step keeps of its activations, counted operation by operation, per token, from the families' block
 * functions (`server/compute/families`). `saved`: what fused operations keep for their gradients, which are their inputs.
 * `transient`: outputs that no gradient needs, which live until their layer, or their block, ends. Sums and single numbers
 * a token are left out.
 */
import type { Architecture } from '../models/architecture';
import { DECODER_LAYERS } from '../models/autoEncoder';
import { dropoutRates } from '../models/families';
import { gpt2Settings } from '../models/gpt2';
import { gptNeoSettings } from '../models/gptNeo';
import { gptNeoxSettings } from '../models/gptNeox';
import { llamaSettings } from '../models/llama';
import { mambaSettings } from '../models/mamba';
import { chunkLength, convolvedChannels, mamba2Settings } from '../models/mamba2';
import { stackSettings } from '../models/stack';
import type { ProjectorKind } from '../models/projector';

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
      const { saved, transient } = layerActivations(architecture, layer, shape.context);
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

function drops(architecture: Architecture): boolean {
  return Object.values(dropoutRates(architecture)).some((rate) => rate > 0);
}

/** One layer of a component. */
function layerActivations(architecture: Architecture, layer: number, context: number): Activations {
  switch (architecture.family) {
    case 'gpt2':
      return transformerLayer(architecture, gpt2Settings(architecture).inner, 'fused');
    case 'gptNeo':
      return transformerLayer(architecture, gptNeoSettings(architecture).inner, 'apart');
    case 'gptNeox': {
      const { inner, rotaryDims, parallelResidual } = gptNeoxSettings(architecture);
      const queries = rotaryDims > 0 ? 'turned' : 'fused';
      return transformerLayer(architecture, inner, queries, parallelResidual ? 1 : 2);
    }
    case 'llama':
      return llamaLayer(architecture);
    case 'mamba':
      return mambaLayer(architecture);
    case 'mamba2':
      return mamba2Layer(architecture, context);
    case 'stack':
      return stackLayer(architecture, layer);
  }
}

/** Saved: both norms' outputs, q, k, v, attention's output, what each norm took, the inner layer before and after its activation. */
function transformerLayer(
  architecture: Architecture,
  inner: number,
  queries: 'fused' | 'apart' | 'turned',
  residuals = 2,
): Activations {
  const { width } = architecture;
  const qkv = queries === 'apart' ? [width, width, width] : [3 * width];
  return {
    saved: [
      ...[width, width, ...qkv, width, inner, inner],
      ...Array.from({ length: residuals }, () => width),
    ],
    // Rotation needs only its angles; the outputs of both last linear maps (and their dropout) go into sums.
    transient: [
      ...(queries === 'turned' ? [3 * width] : []),
      ...Array.from({ length: drops(architecture) ? 4 : 2 }, () => width),
    ],
  };
}

/** Saved: both norms' outputs, q, k and v as attention has them, its output, gate, up and their product, both residuals. */
function llamaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { heads, keyHeads, headDim, inner, activation } = llamaSettings(architecture);
  const [queries, keys] = [heads * headDim, keyHeads * headDim];
  const activated = activation === 'silu' ? [] : [inner];
  return {
    saved: [width, queries, queries, queries, queries, width, width, inner, inner, inner].concat(
      ...[activated, [width]],
    ),
    // q and k before they turn, k and v before they are repeated, and the outputs of both last linear maps.
    transient: [queries, keys, ...(keyHeads < heads ? [keys, keys] : []), width, width],
  };
}

/** Saved: the norm's output, x and z, the convolution's output, Δ's low rank, Δ before and after softplus, B, C, y, its product with silu(z), the residual. */
function mambaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { inner, state, dtRank } = mambaSettings(architecture);
  const channels = Array.from({ length: 7 }, () => inner);
  return {
    saved: [width, width, ...channels, dtRank, state, state],
    // in_proj and x_proj before they are split; out_proj.
    transient: [2 * inner, dtRank + 2 * state, width],
  };
}

/**
 * Saved: the norm's output, z, what is convolved, x, B, C; Δ·x as it is, by head, and what a chunk's end has of it; of pairs of
 * positions the decay, C·B, and both; each chunk's state, alone and beside the others, and what is read of it; y, its product
 * with silu(z), that normed (twice where groups are), the residual; small ones of Δ·A.
 */
function mamba2Layer(architecture: Architecture, context: number): Activations {
  const { width } = architecture;
  const settings = mamba2Settings(architecture);
  const { inner, heads, headDim, groups, state } = settings;
  const convolved = convolvedChannels(settings);
  const chunk = Math.min(context, chunkLength(state, headDim));
  const chunks = Math.ceil(context / chunk);
  const padded = (chunks * chunk) / context;
  const pairs = heads * chunk * padded;
  const states = (inner * state * chunks) / context;
  const shared = groups * state;
  return {
    saved: [
      ...[width, width, convolved, shared, shared, pairs, pairs, groups * chunk * padded],
      ...Array.from({ length: groups > 1 ? 10 : 9 }, () => inner),
      ...(chunks > 1 ? [states, states] : []),
      ...Array.from({ length: 13 }, () => heads),
    ],
    // in_proj before it is split, the convolution's output, out_proj. Inside the scan, which frees its own: y in parts and their
    // sum, or states before they are added, less what is saved after it.
    transient: [
      ...[inner + convolved + heads, convolved, width, inner],
      Math.max(inner, 3 * states - 4 * inner),
    ],
  };
}

/** Saved: the norm's output, what its kind keeps, the residual. */
function stackLayer(architecture: Architecture, layer: number): Activations {
  const { width } = architecture;
  const { layerTypes, feedForward } = stackSettings(architecture);
  switch (layerTypes[layer]!) {
    case 'attention':
      return { saved: [width, 3 * width, width, width], transient: [3 * width, width] };
    case 'mamba':
      return mambaLayer(architecture);
    case 'mlp':
      return { saved: [width, feedForward, feedForward, width], transient: [width] };
    case 'swiglu':
      return {
        saved: [width, feedForward, feedForward, feedForward, width],
        transient: [width],
      };
  }
}

/** Transformers: of what goes into the last linear map, of its output and of the residual; Mamba: of y, u and Δ. */
export function gradientsIn(architecture: Architecture): readonly number[] {
  const { width } = architecture;
  switch (architecture.family) {
    case 'gpt2':
      return [gpt2Settings(architecture).inner, width, width];
    case 'gptNeo':
      return [gptNeoSettings(architecture).inner, width, width];
    case 'gptNeox':
      return [gptNeoxSettings(architecture).inner, width, width];
    case 'llama': {
      const { inner } = llamaSettings(architecture);
      return [inner, inner, inner];
    }
    case 'mamba2': {
      const { inner } = mamba2Settings(architecture);
      return [inner, inner, inner];
    }
    case 'mamba': {
      const { inner } = mambaSettings(architecture);
      return [inner, inner, inner];
    }
    case 'stack': {
      const { layerTypes, inner, feedForward } = stackSettings(architecture);
      const widest = (kind: string) =>
        kind === 'mamba' ? inner : kind === 'attention' ? width : feedForward;
      const most = Math.max(...layerTypes.map(widest));
      return [most, most, most];
    }
  }
}
