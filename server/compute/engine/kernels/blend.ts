/** The gate, the mixture and the change of width of a Manticore block (arXiv 2406.00894). */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, runKernels, widthOf } from './fused';

export const MIXTURE = 'ManticoreMixture';
export const MIXTURE_GRAD = 'ManticoreMixtureGrad';

/** Zero-pads or cuts the last axis to `width`: [..., d] → [..., width]. */
export function fitTo(x: tf.Tensor, width: number): tf.Tensor {
  const own = widthOf(x);
  if (own === width) return x;
  if (own > width) {
    return tf.slice(
      x,
      x.shape.map(() => 0),
      [...x.shape.slice(0, -1), width],
    );
  }
  const none: [number, number] = [0, 0];
  return tf.pad(
    x,
    x.shape.map((_, axis) => (axis === x.rank - 1 ? [0, width - own] : none)),
  );
}

/** Zero-pads the last axis to `width`, which is at least as long. */
export function padTo(x: tf.Tensor, width: number): tf.Tensor {
  if (widthOf(x) > width) throw new Error(`padTo: ${widthOf(x)} is wider than ${width}`);
  return fitTo(x, width);
}

/** Keeps the first `width` entries of the last axis. */
export function cutTo(x: tf.Tensor, width: number): tf.Tensor {
  if (widthOf(x) < width) throw new Error(`cutTo: ${widthOf(x)} is narrower than ${width}`);
  return fitTo(x, width);
}

/** One summand of a mixture. */
export interface MixtureTerm {
  /** [..., d_m] */
  readonly x: tf.Tensor;
  /** Scalar; 1 when absent. */
  readonly weight?: tf.Tensor | undefined;
  /** What passes `x` by: (1 − skip) · fit(projected) + skip · fit(x) stands for fit(x). */
  readonly gate?: { readonly skip: tf.Tensor; readonly projected: tf.Tensor } | undefined;
}

/**
 * Σ_m weight_m · ((1 − skip_m) · fit(projected_m) + skip_m · fit(x_m)), fit = zero-pad or cut the last axis to `width`: the
 * gates after a block's groups and its mixture, in one pass over memory; as one pass back for all of its gradients.
 * → [..., width]. @throws Error without terms
 */
export function mixture(terms: readonly MixtureTerm[], width: number): tf.Tensor {
  if (terms.length === 0) throw new Error('mixture: no terms');
  if (hasKernel(MIXTURE)) {
    const kinds = terms.map(({ weight, gate }) => (weight ? 1 : 0) + (gate ? 2 : 0)).join('');
    const inputs = terms.flatMap(({ x, weight, gate }) => [
      ...[x, ...(weight ? [weight] : [])],
      ...(gate ? [gate.skip, gate.projected] : []),
    ]);
    return runKernel(MIXTURE, inputs, { kinds, width });
  }
  return terms
    .map(({ x, weight, gate }) => {
      const term = gate ? gated(fitTo(x, width), gate, width) : fitTo(x, width);
      return weight ? tf.mul(term, weight) : term;
    })
    .reduce((sum, term) => tf.add(sum, term));
}

function gated(
  x: tf.Tensor,
  { skip, projected }: NonNullable<MixtureTerm['gate']>,
  width: number,
): tf.Tensor {
  return tf.add(tf.mul(fitTo(projected, width), tf.sub(1, skip)), tf.mul(x, skip));
}

/** Where a term's inputs stand among those of the kernel. */
export interface MixturePlaces {
  readonly x: number;
  readonly weight: number | undefined;
  readonly skip: number | undefined;
  readonly projected: number | undefined;
}

/** @param kinds the kernel's attribute: a digit a term, 1 for a weight and 2 for a gate */
export function mixturePlaces(kinds: string): MixturePlaces[] {
  let next = 0;
  return Array.from(kinds, (kind) => {
    const place = (is: boolean) => (is ? next++ : undefined);
    const isGated = Number(kind) >= 2;
    return {
      x: next++,
      weight: place(Number(kind) % 2 === 1),
      skip: place(isGated),
      projected: place(isGated),
    };
  });
}

/** (1 − a) · fit(p) + a · fit(x); without p: a · fit(x). x [..., dx], p [..., dp], a scalar → [..., width]. */
export function blend(
  x: tf.Tensor,
  p: tf.Tensor | undefined,
  a: tf.Tensor,
  width: number,
): tf.Tensor3D {
  const term = p ? { x, gate: { skip: a, projected: p } } : { x, weight: a };
  return mixture([term], width) as tf.Tensor3D;
}

/** Σ_m a_m · z_m, in the order given; zs of one shape, a scalars. */
export function weightedSum(zs: readonly tf.Tensor[], a: readonly tf.Tensor[]): tf.Tensor {
  if (zs.length === 0 || zs.length !== a.length) {
    throw new Error(`weightedSum: ${zs.length} tensors and ${a.length} weights`);
  }
  return mixture(
    zs.map((x, m) => ({ x, weight: a[m]! })),
    widthOf(zs[0]!),
  );
}

tf.registerGradient({
  kernelName: MIXTURE,
  saveAllInputs: true,
  gradFunc: (dy, saved, attributes) => {
    const grads = runKernels(MIXTURE_GRAD, [dy as tf.Tensor, ...saved], {
      kinds: attributes['kinds'] as string,
    });
    return Object.fromEntries(grads.map((grad, i) => [i, () => grad]));
  },
});
