/** The selective scan alone, forward and backward, over the same number of tokens at every length. */
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../../server/compute/engine/gradients';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import type { Work } from './ours';

export interface ScanScene {
  readonly kind: 'scan';
  readonly lengths: readonly number[];
  readonly channels: number;
  readonly state: number;
  readonly threads: number;
}

/** The same numbers on both sides: a sine of the position, between two bounds. */
function wave(shape: number[], speed: number, low: number, high: number): tf.Variable {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const values = Float32Array.from(
    { length: count },
    (_, index) => (low + high) / 2 + ((high - low) / 2) * Math.sin(speed * index),
  );
  const initial = tf.tensor(values, shape);
  const variable = tf.variable(initial);
  initial.dispose();
  return variable;
}

/** u, Δ, A, B, C, D. */
function inputsOf({ channels: c, state: n }: ScanScene, length: number) {
  return {
    u: wave([1, length, c], 0.7, -1, 1),
    delta: wave([1, length, c], 0.3, 0.001, 0.1),
    A: wave([c, n], 0.9, -16, -1),
    B: wave([1, length, n], 1.1, -1, 1),
    C: wave([1, length, n], 1.3, -1, 1),
    D: wave([c], 0.5, 0.5, 1.5),
  };
}

type Inputs = ReturnType<typeof inputsOf>;

/** Σ y and its gradients; waits until they are there. */
async function pass(inputs: Inputs): Promise<{ sum: number; grads: tf.Tensor[] }> {
  const { value, grads } = gradients(() => tf.sum(selectiveScan(inputs)), Object.values(inputs));
  const [sum] = await value.data<'float32'>();
  value.dispose();
  return { sum: sum!, grads: grads as tf.Tensor[] };
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

export function scanWork(scene: ScanScene): Work {
  const withInputs = async <T>(length: number, use: (inputs: Inputs) => Promise<T>): Promise<T> => {
    const inputs = inputsOf(scene, length);
    const result = await use(inputs);
    Object.values(inputs).forEach((input) => input.dispose());
    return result;
  };
  const passes = async (inputs: Inputs, count: number) => {
    for (let each = 0; each < count; each++) tf.dispose((await pass(inputs)).grads);
  };
  return {
    check: () =>
      withInputs(scene.lengths[0]!, async (inputs) => {
        const { sum, grads } = await pass(inputs);
        const norms = [];
        for (const grad of grads) norms.push(norm(await grad.data<'float32'>()));
        tf.dispose(grads);
        return [sum, ...norms];
      }),
    repeat: async (count) => {
      for (const length of scene.lengths)
        await withInputs(length, (inputs) => passes(inputs, count));
    },
    /** Microseconds a token at each length, after a pass that takes the memory. */
    turn: async () => {
      const tokens = Math.max(...scene.lengths);
      const times: number[] = [];
      for (const length of scene.lengths) {
        times.push(
          await withInputs(length, async (inputs) => {
            await passes(inputs, 1);
            const begun = performance.now();
            await passes(inputs, tokens / length);
            return ((performance.now() - begun) * 1000) / tokens;
          }),
        );
      }
      return times;
    },
  };
}
