/**
 * The one place that reaches into tfjs-core's private fields. Its public `variableGrads` frees saved tensors and
 * intermediate gradients only at the end, which doubles the peak of a training step; this walk frees as it goes.
 * The fields are those of tfjs-core 4.22.0 (`dist/engine.js`), whose version is pinned; a version without them fails
 * here by name rather than leaking.
 */
import * as tf from '@tensorflow/tfjs-core';

/** One recorded kernel call, or one checkpointed part of the computation. */
export interface TapeNode {
  readonly kernelName: string;
  /** A map by name or an array by position. */
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Kept for the gradient; owned by the tape. */
  saved: tf.Tensor[];
  readonly gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
  /** Instead of a gradient: what `checkpoint` left off the tape. */
  readonly checkpoint?: Checkpoint;
}

/** A part of the computation of which the tape has only the input, to be recorded when the walk comes to it. */
export interface Checkpoint {
  readonly input: tf.Tensor;
  /** The input as the node saved it: the same values under an id of its own. */
  readonly kept: tf.Tensor;
  readonly again: (input: tf.Tensor) => tf.Tensor;
}

interface EngineInternals {
  readonly state: { activeTape?: TapeNode[] | null; gradientDepth: number };
  startTape(): void;
  endTape(): void;
}

function internals(): EngineInternals {
  const engine = tf.engine() as unknown as Partial<EngineInternals>;
  const { state } = engine;
  const known =
    typeof engine.startTape === 'function' &&
    typeof engine.endTape === 'function' &&
    state !== undefined &&
    typeof state.gradientDepth === 'number';
  if (!known) {
    throw new Error('tfjs-core has changed inside: tape.ts was written for 4.22.0');
  }
  return engine as EngineInternals;
}

/**
 * Runs `f` with the tape on. The tape is the caller's: every `saved` tensor in it must be disposed (`dropSaved`).
 * @throws what `f` throws, after the tape is freed
 */
export function record<T extends tf.Tensor>(f: () => T): { value: T; tape: TapeNode[] } {
  const engine = internals();
  if (engine.state.gradientDepth !== 0) throw new Error('gradients: the tape is already on');
  engine.startTape();
  let value: T;
  try {
    value = tf.tidy(f);
  } catch (error) {
    engine.state.activeTape?.forEach(dropSaved);
    engine.state.activeTape = null;
    throw error;
  } finally {
    engine.endTape();
  }
  const tape = engine.state.activeTape;
  if (!tape) throw new Error('tfjs-core kept no tape: tape.ts was written for 4.22.0');
  engine.state.activeTape = null;
  return { value, tape };
}

/**
 * `f(x)`, of which the tape keeps `x` alone (Chen et al., arXiv 1604.06174): the backward pass runs `f` again when it comes
 * to it. `f` makes a new tensor, the same one both times, and may use tensors from outside that outlive the tape (variables).
 * Without a tape it is `f(x)`, whose intermediate tensors are freed at once.
 */
export function checkpoint<T extends tf.Tensor, U extends tf.Tensor>(f: (x: T) => U, x: T): U {
  const { state } = internals();
  const outer = state.activeTape;
  if (state.gradientDepth === 0 || !outer) return tf.tidy(() => f(x));
  const inner: TapeNode[] = [];
  state.activeTape = inner;
  const kept = tf.keep(tf.clone(x));
  let output: U;
  try {
    output = tf.tidy(() => f(x));
  } catch (error) {
    kept.dispose();
    throw error;
  } finally {
    state.activeTape = outer;
    inner.forEach(dropSaved);
  }
  outer.push({
    kernelName: 'Checkpoint',
    inputs: inputsOf(x, inner),
    outputs: [output],
    saved: [kept],
    checkpoint: { input: x, kept, again: f as unknown as Checkpoint['again'] },
  });
  return output;
}

/** What a recorded part uses of what was there before it; `x` first. */
function inputsOf(x: tf.Tensor, tape: readonly TapeNode[]): Record<string, tf.Tensor> {
  const own = new Set(tape.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
  const used = new Map([[x.id, x]]);
  for (const input of tape.flatMap(({ inputs }) => Object.values(inputs))) {
    if (!own.has(input.id)) used.set(input.id, input);
  }
  return Object.fromEntries([...used.values()].entries());
}

/** Frees what a node kept for its gradient; safe to call twice. */
export function dropSaved(node: TapeNode): void {
  for (const tensor of node.saved) tensor.dispose();
  node.saved = [];
}
