/**
 * Predicted peak of a training step on the `wasm` engine, before any tensor exists.
 *
 * A step holds, in float32: every parameter and AdamW's two moments of those that are computed (always), activations (from the forward pass
 * until the backward pass has used them), gradients of activations (a few at a time: the tape is freed as it is walked) and
 * gradients of parameters (all of them at the end of the backward pass). So
 *
 *     peak = 3·P + sums + the largest of the moments,   sums = P when micro-batches are accumulated
 *
 *     block i forward     saved[blocks up to i] + transient[i]
 *     head                saved[all blocks] + saved[head] + its gradients
 *     block i backward    saved[blocks up to i] + gradients[i] + the head's gradients
 *     end                 P
 *
 * With gradient checkpointing the forward pass keeps each block's input h alone, and the backward pass computes block i again
 * when the gradients of what comes after it are there:
 *
 *     block i forward     h of the blocks up to i + saved[i] + transient[i]
 *     head                every h + saved[head] + its gradients
 *     block i backward    h of the blocks up to i + saved[i] + max(transient[i], gradients[i]) + ∂L/∂h + gradients of the
 *                         parameters after i
 *     end                 P
 *
 * `saved`, `transient`, `gradients`: `activations.ts`, `layerActivations.ts`. Tensors are rounded up to the engine's blocks.
 */
import { stepActivations, type Activations, type TrainingShape } from './activations';
import { sum } from './layerActivations';

const BYTES = 4;
/** Value, first and second moment. */
const RESIDENT_COPIES = 3;

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
    const gradients = BYTES * shape.tokens * block.gradients;
    saved += size.saved;
    // Where the backward pass is in the block, the logits are gone.
    moments.push(saved + Math.max(size.transient, headGradients(shape) + gradients));
  }
  const last = sizeOf(head, shape.tokens);
  moments.push(saved + last.saved + Math.max(last.transient, headGradients(shape)));
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
    const at = inputs(block) + saved;
    const back = at + Math.max(transient, BYTES * tokens * part.gradients) + stream;
    return { forward: at + transient, back, gradients: gradientsAfter(shape, block) };
  });
  return [
    ...blocks.map(({ forward }) => ({ activations: forward + embedding.transient, gradients: 0 })),
    { activations: all + embedding.transient + head.saved + head.transient, gradients: 0 },
    { activations: all + head.saved + headGradients(shape), gradients: 0 },
    ...blocks.map(({ back, gradients }) => ({ activations: back, gradients })),
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
  const table = heads.length === 0 ? [] : [vocabulary * Math.max(...heads)];
  return bytesOf(table) + bytesOf([width], tokens);
}

/** Of tensors with so many numbers each, `times` over. */
const bytesOf = (numbers: readonly number[], times = 1) =>
  sum(numbers.map((count) => blockBytes(BYTES * count * times)));

const sizeOf = ({ saved, transient }: Activations, tokens: number) => ({
  saved: bytesOf(saved, tokens),
  transient: bytesOf(transient, tokens),
});
