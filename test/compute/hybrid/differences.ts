/** A model's gradients beside finite differences of its loss. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../../server/compute/engine/gradients';
import type { ParameterStore } from '../../../server/compute/hybrid/parameters';

interface Differences {
  readonly loss: () => tf.Scalar;
  readonly store: ParameterStore;
  /** Of the store: what is looked at. */
  readonly parameters: ReturnType<ParameterStore['list']>;
  /** Change of an entry, up and down. */
  readonly step: number;
  /** Allowed beside 2 % of the gradient: float32 losses are subtracted. */
  readonly slack: number;
}

/** Compares the largest entry of each parameter's gradient, which must not be 0. */
export async function assertGradients(options: Differences): Promise<void> {
  const { loss, store, parameters, step, slack } = options;
  const { value, grads } = gradients(
    loss,
    parameters.map(({ variable }) => variable),
  );
  value.dispose();
  for (const [index, { name, variable }] of parameters.entries()) {
    const gradient = Array.from(await grads[index]!.data());
    const values = await variable.data<'float32'>();
    const largest = gradient.reduce(
      (most, g, i) => (Math.abs(g) > Math.abs(gradient[most]!) ? i : most),
      0,
    );
    const at = async (change: number) => {
      const moved = Float32Array.from(values);
      moved[largest]! += change;
      store.write(name, moved);
      const result = tf.tidy(loss);
      const [sum] = await result.data();
      result.dispose();
      return sum!;
    };
    const difference = ((await at(step)) - (await at(-step))) / (2 * step);
    store.write(name, Float32Array.from(values));
    const g = gradient[largest]!;
    assert.ok(g !== 0, `${name} has no gradient`);
    assert.ok(
      Math.abs(difference - g) <= 0.02 * Math.abs(g) + slack,
      `${name}: ${difference}, ${g}`,
    );
    grads[index]!.dispose();
  }
}
