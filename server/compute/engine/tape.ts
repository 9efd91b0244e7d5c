/**
 * The tape of a training step. tfjs-core's public `variableGrads` frees saved tensors and intermediate gradients only at the
 * end, which doubles the peak of a training step; the walk in `gradients.ts` frees as it goes.
 */
import * as tf from '@tensorflow/tfjs-core';
import { internals, isRecording, kernelOf, runAlone, secondHandle } from './internals';
import { Holding, Remade } from './remade';

/** One recorded kernel call, or one checkpointed part of the computation. */
export interface TapeNode {
  readonly kernelName: string;
  /** A map by name or an array by position. */
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
  /** Kept for the gradient; owned by the tape. */
  saved: tf.Tensor[];
  /** What is kept otherwise, perhaps with others. */
  holding?: Holding | undefined;
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

/** Whether the tape is one of `record`: tfjs's own walk frees what nodes save, and nothing else. */
let isOwn = false;

export interface RunOptions {
  /**
   * The output need not be kept for the gradients of those that take it (remade.ts). Of a kernel of one output, which costs
   * next to nothing.
   */
  readonly isCheap?: boolean;
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
  { isCheap = false }: RunOptions = {},
): tf.Tensor[] {
  const engine = internals();
  const { state } = engine;
  const kernel = kernelOf(name);
  if (!kernel || state.profiling) {
    const made: tf.Tensor | tf.Tensor[] = tf
      .engine()
      .runKernel(name, inputs, attributes as tf.NamedAttrMap);
    return Array.isArray(made) ? made : [made];
  }
  const outputs = runAlone(kernel, inputs, attributes);
  if (!isRecording(state)) return outputs;
  if (isOwn) {
    const node = nodeOf(kernel, inputs, outputs, attributes);
    state.activeTape!.push(node.node);
    if (isCheap && node.again) new Remade(outputs[0]!, node.node.holding!, node.again);
  } else {
    const saved = keptFor(name, inputs, outputs).map(secondHandle);
    engine.addTapeNode(name, inputs, outputs, null, saved, attributes);
  }
  return outputs;
}

/** The record of a kernel; `again` computes its first output from what the record keeps, where that is enough. */
function nodeOf(
  kernel: tf.KernelConfig,
  inputs: TapeNode['inputs'],
  outputs: tf.Tensor[],
  attributes: object,
): { node: TapeNode; again: (() => tf.Tensor) | undefined } {
  const { kernelName } = kernel;
  const values = new Map<tf.Tensor, () => tf.Tensor>();
  const [handles, remade]: [tf.Tensor[], Remade[]] = [[], []];
  const kept = keptFor(kernelName, inputs, outputs);
  for (const tensor of kept) {
    // Variables outlive the tape. What is given twice is held twice: no gradient may be written over it.
    if (tensor instanceof tf.Variable) continue;
    const again = Remade.take(tensor);
    if (again) {
      remade.push(again);
      values.set(tensor, () => again.value());
    } else {
      const handle = secondHandle(tensor);
      handles.push(handle);
      values.set(tensor, () => handle);
    }
  }
  const valueOf = (tensor: tf.Tensor) => values.get(tensor)?.() ?? tensor;
  const config = tf.getGradient(kernelName) as tf.GradConfig | undefined;
  const node: TapeNode = {
    ...{ kernelName, inputs, outputs, saved: [] },
    holding: new Holding(handles, remade),
    ...(config && {
      gradient: (dys) => {
        const given = dys.map((dy, i) => dy ?? tf.zeros(outputs[i]!.shape, outputs[i]!.dtype));
        const dy = given.length > 1 ? given : given[0]!;
        return config.gradFunc(dy, kept.map(valueOf), attributes as tf.NamedAttrMap);
      },
    }),
  };
  const names = Object.keys(inputs);
  const isEnough = names.every((name) => {
    const input = inputs[name]!;
    return input instanceof tf.Variable || values.has(input);
  });
  const again = () => {
    const given = Object.fromEntries(names.map((name) => [name, valueOf(inputs[name]!)]));
    return runAlone(kernel, given, attributes)[0]!;
  };
  return { node, again: isEnough ? again : undefined };
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

/**
 * Runs `f` with the tape on. The tape is the caller's: every `saved` tensor in it must be disposed (`dropSaved`).
 * @throws what `f` throws, after the tape is freed
 */
export function record<T extends tf.Tensor>(f: () => T): { value: T; tape: TapeNode[] } {
  const engine = internals();
  if (engine.state.gradientDepth !== 0) throw new Error('gradients: the tape is already on');
  engine.startTape();
  isOwn = true;
  let value: T;
  try {
    value = tf.tidy(f);
  } catch (error) {
    engine.state.activeTape?.forEach(dropSaved);
    engine.state.activeTape = null;
    throw error;
  } finally {
    isOwn = false;
    engine.endTape();
  }
  const tape = engine.state.activeTape;
  if (!tape) throw new Error('tfjs-core kept no tape: internals.ts was written for 4.22.0');
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
  node.holding?.release();
  node.holding = undefined;
}
