/**
 * Where a step's time goes: every kernel of the current backend is wrapped, for this process, by a clock that stops while
 * a kernel inside it runs; compiled jobs that run outside of any kernel (AdamW, norms of gradients) have lines of their own.
 */
import * as tf from '@tensorflow/tfjs-core';
import { Op } from '../../../server/compute/engine/wasm/assembly/opcodes';
import { WasmBackend } from '../../../server/compute/engine/wasm/backend';
import type { Profile } from './protocol';

interface Spent {
  milliseconds: number;
  calls: number;
}

/** Milliseconds by name, of a stack of things that run inside each other. */
class Clock {
  readonly spent = new Map<string, Spent>();
  private readonly stack: string[] = [];
  private last = 0;

  get depth(): number {
    return this.stack.length;
  }

  around<T>(name: string, run: () => T): T {
    this.stop();
    this.stack.push(name);
    try {
      return run();
    } finally {
      this.stop();
      this.stack.pop();
      this.entry(name).calls += 1;
    }
  }

  /** Puts what passed since the last call down to what runs now. */
  private stop(): void {
    const now = performance.now();
    const running = this.stack.at(-1);
    if (running !== undefined) this.entry(running).milliseconds += now - this.last;
    this.last = now;
  }

  private entry(name: string): Spent {
    let entry = this.spent.get(name);
    if (entry === undefined) this.spent.set(name, (entry = { milliseconds: 0, calls: 0 }));
    return entry;
  }
}

/** @param count steps that `run` makes */
export async function profiled(run: () => Promise<void>, count: number): Promise<Profile> {
  const clock = new Clock();
  const unwrap = [wrapKernels(clock), wrapJobs(clock)];
  try {
    const begun = performance.now();
    await run();
    const total = (performance.now() - begun) / count;
    const lines = [...clock.spent]
      .map(([name, { milliseconds, calls }]) => ({
        name,
        milliseconds: milliseconds / count,
        calls: calls / count,
      }))
      .sort((left, right) => right.milliseconds - left.milliseconds);
    const known = lines.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const rest = { name: 'tape, dispatch, JavaScript', milliseconds: total - known, calls: 1 };
    return { total, lines: [...lines, rest] };
  } finally {
    unwrap.forEach((undo) => undo());
  }
}

/** What is registered stays: the engine knows its kernels by heart. */
function wrapKernels(clock: Clock): () => void {
  const undo = tf.getKernelsForBackend(tf.getBackend()).map((kernel) => {
    const { kernelFunc } = kernel;
    kernel.kernelFunc = (call) => clock.around(nameOf(kernel, call), () => kernelFunc(call));
    return () => (kernel.kernelFunc = kernelFunc);
  });
  return () => undo.forEach((each) => each());
}

/** Matrix products by their shapes: one line for all of them would say nothing. */
function nameOf({ kernelName }: tf.KernelConfig, { inputs }: Parameters<tf.KernelFunc>[0]): string {
  if (!/MatMul|Linear/.test(kernelName)) return kernelName;
  const shapes = Object.values(inputs)
    .flat()
    .flatMap((input) => {
      // A missing bias is among the inputs too.
      const { shape = [] } = (input ?? {}) as Partial<tf.TensorInfo>;
      return shape.length > 1 ? [shape.join('×')] : [];
    });
  return `${kernelName} ${shapes.join(' · ')}`;
}

function wrapJobs(clock: Clock): () => void {
  const backend = tf.backend();
  if (!(backend instanceof WasmBackend)) return () => undefined;
  const { kernels } = backend;
  const own = kernels.run.bind(kernels);
  kernels.run = (op, ...rest) => {
    if (clock.depth > 0) own(op, ...rest);
    else clock.around(Op[op], () => own(op, ...rest));
  };
  // The class's own method shows again.
  return () => void Reflect.deleteProperty(kernels, 'run');
}
