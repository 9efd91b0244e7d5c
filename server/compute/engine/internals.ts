/**
 * The one place that reaches into tfjs-core's private fields. They are those of tfjs-core 4.22.0 (`dist/engine.js`), whose
 * version is pinned; a version without them fails here by name rather than leaking.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TapeNode } from './tape';

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

export function internals(): EngineInternals {
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
    throw new Error('tfjs-core has changed inside: internals.ts was written for 4.22.0');
  }
  checked = engine as EngineInternals;
  return checked;
}

export const isRecording = ({ gradientDepth, kernelDepth }: EngineInternals['state']): boolean =>
  gradientDepth > 0 && kernelDepth === 0;

const kernels = new Map<string, tf.KernelConfig>();
let kernelsOf: string | undefined;

/** The current backend's kernel. tfjs joins its name and the backend's for every look, which these are kept from. */
export function kernelOf(name: string): tf.KernelConfig | undefined {
  const backend = tf.getBackend();
  if (backend !== kernelsOf) {
    kernels.clear();
    kernelsOf = backend;
  }
  const known = kernels.get(name);
  if (known) return known;
  // Typed as if it always found one.
  const found = tf.getKernel(name, backend) as tf.KernelConfig | undefined;
  if (found) kernels.set(name, found);
  return found;
}

/** Runs a kernel alone: what it runs inside is not recorded, nor is it. */
export function runAlone(
  { kernelFunc }: tf.KernelConfig,
  inputs: TapeNode['inputs'],
  attributes: object,
): tf.Tensor[] {
  const engine = internals();
  engine.state.kernelDepth += 1;
  try {
    const given = { inputs: inputs as tf.NamedTensorInfoMap, backend: engine.backend };
    const made = kernelFunc({ ...given, attrs: attributes as tf.NamedAttrMap });
    return (Array.isArray(made) ? made : [made]).map((info) =>
      'rank' in info ? (info as tf.Tensor) : engine.makeTensorFromTensorInfo(info),
    );
  } finally {
    engine.state.kernelDepth -= 1;
  }
}

/** The same values under an id of its own, owned by whoever asked. */
export function secondHandle(x: tf.Tensor): tf.Tensor {
  const engine = internals();
  const { kernelFunc } = kernelOf('Identity')!;
  const info = kernelFunc({ inputs: { x }, attrs: {}, backend: engine.backend });
  return tf.keep(engine.makeTensorFromTensorInfo(info as tf.TensorInfo));
}
