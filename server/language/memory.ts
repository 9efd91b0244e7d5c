/**
 * Predicted peak of a training step on the `wasm` engine, before any tensor exists.
 *
 * A step holds, in float32: every parameter and AdamW's two moments of those that are computed (always), activations (from the forward pass
 * until the backward pass has used them), gradients of activations (a few at a time: the tape is freed as it is walked) and
 * gradients of parameters (all of them at the end of the backward pass). So
 *
 *     peak = 3·P + sums + max(saved + transient, saved + head gradients, P),   sums = P when micro-batches are accumulated
 *
 * With gradient checkpointing the forward pass keeps each block's input h alone, and the backward pass computes block i again
 * when the gradients of what comes after it are there. The largest of these moments then stands in for the `max` above:
 *
 *     block i forward     h of the blocks up to i + saved[i] + transient[i]
 *     head                every h + saved[head] + its gradients
 *     block i backward    h of the blocks up to i + saved[i] + transient[i] + ∂L/∂h + gradients of the parameters after i
 *     end                 P
 *
 * `saved`: what fused operations keep for their gradients, which are their inputs. `transient`: outputs that no gradient
 * needs, which live until their layer, or their block, ends. Both are counted here operation by operation, per token, from the families'
 * block functions; sums and single numbers a token are left out. Each tensor is rounded up to the engine's blocks.
 */
import type { Architecture } from '../models/architecture';
import { DECODER_LAYERS } from '../models/autoEncoder';
import { dropoutRates } from '../models/families';
import { gpt2Settings } from '../models/gpt2';
import { gptNeoSettings } from '../models/gptNeo';
import { gptNeoxSettings } from '../models/gptNeox';
import { mambaSettings } from '../models/mamba';
import type { ProjectorKind } from '../models/projector';

const BYTES = 4;
/** Value, first and second moment. */
const RESIDENT_COPIES = 3;

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
  /** Widths of the components whose embeddings, and whose heads, are computed. */
  readonly embeddings: readonly number[];
  readonly heads: readonly number[];
  /** Each head has the decoder of an auto-encoder before it. */
  readonly autoEncoder: boolean;
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

/** Bytes of the block that holds a tensor: whole cache lines, with room for a vector past the end. */
export function blockBytes(bytes: number): number {
  return Math.ceil((bytes + 32) / 64) * 64;
}

export function predictMemory(shape: TrainingShape, checkpointing: boolean): PredictedMemory {
  const parameters = bytesOf(shape.parameters.map(({ numbers }) => numbers));
  const idle = bytesOf(shape.idle);
  const moments = checkpointing ? checkpointedMoments(shape) : plainMoments(shape);
  const most = (of: (moment: Moment) => number) => Math.max(...moments.map(of));
  const sums = shape.accumulate > 1 ? parameters : 0;
  const moving = Math.max(
    parameters,
    most((moment) => moment.activations + moment.gradients),
  );
  return {
    parameters: parameters + idle,
    gradients: parameters,
    moments: 2 * parameters,
    activations: most(({ activations }) => activations),
    peak: RESIDENT_COPIES * parameters + idle + sums + moving,
  };
}

/** What a step holds at one moment, beside what it always holds, bytes. */
interface Moment {
  readonly activations: number;
  /** Of parameters. */
  readonly gradients: number;
}

function plainMoments(shape: TrainingShape): Moment[] {
  const { embedding, blocks, head } = stepActivations(shape);
  const start = sizeOf(embedding, shape.tokens);
  const moments: number[] = [];
  let saved = start.saved + start.transient;
  for (const block of blocks) {
    const size = sizeOf(block, shape.tokens);
    saved += size.saved;
    moments.push(saved + size.transient);
  }
  moments.push(saved + sizeOf(head, shape.tokens).saved + headGradients(shape));
  // The logits are gone, and nothing of the last layer is yet.
  moments.push(saved + headGradients(shape) + lastLayerGradients(shape));
  // Other parameters' gradients take the place of activations that the walk has freed.
  return moments.map((activations) => ({ activations, gradients: 0 }));
}

function checkpointedMoments(shape: TrainingShape): Moment[] {
  const { tokens, width } = shape;
  const parts = stepActivations(shape);
  const embedding = sizeOf(parts.embedding, tokens);
  const head = sizeOf(parts.head, tokens);
  const stream = bytesOf([width], tokens);
  // The first block's input is the embedding's output.
  const inputs = (block: number) => embedding.saved + block * stream;
  const all = inputs(parts.blocks.length);
  const blocks = parts.blocks.map((part, block) => {
    const { saved, transient } = sizeOf(part, tokens);
    return { at: inputs(block) + saved + transient, gradients: gradientsAfter(shape, block) };
  });
  return [
    ...blocks.map(({ at }) => ({ activations: at + embedding.transient, gradients: 0 })),
    { activations: all + embedding.transient + head.saved, gradients: 0 },
    { activations: all + head.saved + headGradients(shape), gradients: 0 },
    ...blocks.map(({ at, gradients }) => ({ activations: at + stream, gradients })),
  ];
}

/** Of the parameters that the backward pass meets before it comes to this block. */
function gradientsAfter({ parameters }: TrainingShape, block: number): number {
  const met = parameters.filter(
    ({ place }) => place === 'head' || (place !== 'embedding' && place > block),
  );
  return bytesOf(met.map(({ numbers }) => numbers));
}

/** The logits' gradients lie over what the forward pass kept of them; a table's is there before they go. */
function headGradients({ heads, vocabulary, width, tokens }: TrainingShape): number {
  return bytesOf([vocabulary * Math.max(...heads)]) + bytesOf([width], tokens);
}

/** Of activations, where the backward pass enters the last block. */
function lastLayerGradients({ blocks, tokens }: TrainingShape): number {
  const groups = blocks.at(-1) ?? [];
  return Math.max(
    0,
    ...groups.map(({ architecture }) => bytesOf(gradientsIn(architecture), tokens)),
  );
}

/** Transformers: of what goes into the last linear map, of its output and of the residual; Mamba: of y, u and Δ. */
function gradientsIn(architecture: Architecture): readonly number[] {
  const { width } = architecture;
  switch (architecture.family) {
    case 'gpt2':
      return [gpt2Settings(architecture).inner, width, width];
    case 'gptNeo':
      return [gptNeoSettings(architecture).inner, width, width];
    case 'gptNeox':
      return [gptNeoxSettings(architecture).inner, width, width];
    case 'mamba': {
      const { inner } = mambaSettings(architecture);
      return [inner, inner, inner];
    }
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Of tensors with so many numbers each, `times` over. */
const bytesOf = (numbers: readonly number[], times = 1) =>
  sum(numbers.map((count) => blockBytes(BYTES * count * times)));

const sizeOf = ({ saved, transient }: Activations, tokens: number) => ({
  saved: bytesOf(saved, tokens),
  transient: bytesOf(transient, tokens),
});

/** Summands of a weighted sum are kept (for α's gradient) beside the sum; a single one is passed on as it is. */
const mixed = (summands: number) => (summands > 1 ? summands : 0);

interface StepActivations {
  readonly embedding: Activations;
  readonly blocks: readonly Activations[];
  readonly head: Activations;
}

function stepActivations(shape: TrainingShape): StepActivations {
  const { width, vocabulary, heads, autoEncoder } = shape;
  // The auto-encoder's decoder reads one position, and cuts that.
  const cut = autoEncoder
    ? heads.flatMap((own) => decoderActivations(own))
    : heads.filter((own) => own < width);
  const logits = Array.from({ length: 1 + mixed(heads.length) }, () => vocabulary);
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
    const { saved, transient } = layerActivations(architecture);
    for (let times = first; times < end; times++) parts.push({ saved, transient: [] });
    if (end > first && sum(transient) > sum(largest)) largest = transient;
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
  const isDropped = drops(architecture) && family !== 'mamba';
  return {
    saved: isDropped || isPlaced ? [width] : [],
    transient: isDropped && isPlaced ? [width] : [],
  };
}

function drops(architecture: Architecture): boolean {
  return Object.values(dropoutRates(architecture)).some((rate) => rate > 0);
}

/** One layer of a component. */
function layerActivations(architecture: Architecture): Activations {
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
    case 'mamba':
      return mambaLayer(architecture);
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
