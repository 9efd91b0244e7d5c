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

type Gradient = NonNullable<TapeNode['gradient']>;

interface EngineInternals {
  readonly state: {
    activeTape?: TapeNode[] | null;
    gradientDepth: number;
    kernelDepth: number;
    profiling: boolean;
  };
  readonly backend: tf.KernelBackend;
  startTape(): void;
  endTape(): void;
  addTapeNode(
    kernelName: string,
    inputs: TapeNode['inputs'],
    outputs: readonly tf.Tensor[],
    gradient: null,
    saved: readonly tf.Tensor[],
    attributes: object,
  ): void;
  makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor;
}

let checked: EngineInternals | undefined;

function internals(): EngineInternals {
  if (checked) return checked;
  const engine = tf.engine() as unknown as Partial<EngineInternals>;
  const { state } = engine;
  const known =
    typeof engine.startTape === 'function' &&
    typeof engine.endTape === 'function' &&
    typeof engine.addTapeNode === 'function' &&
    typeof engine.makeTensorFromTensorInfo === 'function' &&
    typeof state?.gradientDepth === 'number' &&
    typeof state.kernelDepth === 'number' &&
    typeof state.profiling === 'boolean';
  if (!known) {
    throw new Error('tfjs-core has changed inside: tape.ts was written for 4.22.0');
  }
  checked = engine as EngineInternals;
  return checked;
}

/**
 * Runs a registered kernel and records it, as tfjs's `runKernel` does, without what costs that more time than a small kernel
 * takes: what the gradient needs is held by a second handle, where tfjs runs an op of its own, which stands on the tape.
 * @throws Error when the current backend has no such kernel
 */
export function runRegistered(
  name: string,
  inputs: TapeNode['inputs'],
  attributes: object,
): tf.Tensor[] {
  const engine = internals();
  const { state, backend } = engine;
  // Typed as if it always found one.
  const kernel = tf.getKernel(name, tf.getBackend()) as tf.KernelConfig | undefined;
  if (!kernel || state.profiling) {
    const made: tf.Tensor | tf.Tensor[] = tf
      .engine()
      .runKernel(name, inputs, attributes as tf.NamedAttrMap);
    return Array.isArray(made) ? made : [made];
  }
  const recording = isRecording(state);
  let outputs: tf.Tensor[];
  let saved: tf.Tensor[] = [];
  // What a kernel runs inside is not recorded.
  state.kernelDepth += 1;
  try {
    const given = { inputs: inputs as tf.NamedTensorInfoMap, backend };
    const made = kernel.kernelFunc({ ...given, attrs: attributes as tf.NamedAttrMap });
    outputs = (Array.isArray(made) ? made : [made]).map((info) =>
      'rank' in info ? (info as tf.Tensor) : engine.makeTensorFromTensorInfo(info),
    );
    if (recording) saved = keptFor(name, inputs, outputs).map(secondHandle);
  } finally {
    state.kernelDepth -= 1;
  }
  if (recording) engine.addTapeNode(name, inputs, outputs, null, saved, attributes);
  return outputs;
}

/** Another shape of the same values, of whose input the tape keeps nothing. */
export function runReshape(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const { state } = internals();
  const recording = isRecording(state);
  state.kernelDepth += 1;
  let output: tf.Tensor;
  try {
    output = tf.reshape(x, [...shape]);
  } finally {
    state.kernelDepth -= 1;
  }
  if (recording) {
    const before = x.shape;
    // tfjs's own walk asks for the gradient of an output that nothing depends on.
    const gradient: Gradient = ([dy]) => ({
      x: () => (dy ? tf.reshape(dy, before) : tf.zeros(before)),
    });
    const node = { kernelName: 'Reshaped', inputs: { x }, outputs: [output], saved: [], gradient };
    state.activeTape?.push(node);
  }
  return output;
}

const isRecording = ({ gradientDepth, kernelDepth }: EngineInternals['state']): boolean =>
  gradientDepth > 0 && kernelDepth === 0;

/** Of a kernel's tensors those that its registered gradient asks for. */
function keptFor(
  name: string,
  inputs: TapeNode['inputs'],
  outputs: readonly tf.Tensor[],
): tf.Tensor[] {
  const config = tf.getGradient(name) as tf.GradConfig | undefined;
  if (!config) return [];
  const { saveAllInputs, inputsToSave = [], outputsToSave = [] } = config;
  const ofInputs = saveAllInputs
    ? Object.values(inputs)
    : inputsToSave.map((input) => inputs[input]!);
  return [...ofInputs, ...outputs.filter((_, index) => outputsToSave[index])];
}

/** The same values under an id of its own, owned by whoever asked. */
function secondHandle(x: tf.Tensor): tf.Tensor {
  const engine = internals();
  const { kernelFunc } = tf.getKernel('Identity', tf.getBackend());
  const info = kernelFunc({ inputs: { x }, attrs: {}, backend: engine.backend });
  return tf.keep(engine.makeTensorFromTensorInfo(info as tf.TensorInfo));
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
