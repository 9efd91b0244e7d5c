/**
 * The one place that reaches into tfjs-core's private fields. Its public `variableGrads` frees saved tensors and
 * intermediate gradients only at the end, which doubles the peak of a training step; this walk frees as it goes.
 * The fields are those of tfjs-core 4.22.0 (`dist/engine.js`), whose version is pinned; a version without them fails
 * here by name rather than leaking.
 */
import * as tf from '@tensorflow/tfjs-core';

/** One recorded kernel call. */
export interface TapeNode {
  readonly kernelName: string;
  /** A map by name or an array by position. */
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Kept for the gradient; owned by the tape. */
  saved: tf.Tensor[];
  readonly gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
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
export function record(f: () => tf.Scalar): { value: tf.Scalar; tape: TapeNode[] } {
  const engine = internals();
  if (engine.state.gradientDepth !== 0) throw new Error('gradients: the tape is already on');
  engine.startTape();
  let value: tf.Scalar;
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

/** Frees what a node kept for its gradient; safe to call twice. */
export function dropSaved(node: TapeNode): void {
  for (const tensor of node.saved) tensor.dispose();
  node.saved = [];
}
