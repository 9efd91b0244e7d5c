/** The gate, the mixture and the change of width of a Manticore block (arXiv 2406.00894). */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, widthOf } from './fused';

export const BLEND = 'ManticoreBlend';
export const FIT = 'ManticoreFit';
export const BLEND_GRAD_GATE = 'ManticoreBlendGradGate';
export const WEIGHTED_SUM = 'ManticoreWeightedSum';

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

/**
 * (1 − a) · fit(p) + a · fit(x), fit = zero-pad or cut the last axis to `width`.
 * x [b, l, dx], p [b, l, dp] (absent: a · fit(x) alone), a scalar → [b, l, width].
 */
export function blend(
  x: tf.Tensor,
  p: tf.Tensor | undefined,
  a: tf.Tensor,
  width: number,
): tf.Tensor3D {
  if (hasKernel(BLEND)) return runKernel(BLEND, p ? [x, a, p] : [x, a], { width }) as tf.Tensor3D;
  const skipped = tf.mul(fitTo(x, width), a);
  if (!p) return skipped as tf.Tensor3D;
  return tf.add(tf.mul(fitTo(p, width), tf.sub(1, a)), skipped);
}

/** Σ_m a_m · z_m, in the order given; zs of one shape, a scalars. */
export function weightedSum(zs: readonly tf.Tensor[], a: readonly tf.Tensor[]): tf.Tensor {
  if (zs.length === 0 || zs.length !== a.length) {
    throw new Error(`weightedSum: ${zs.length} tensors and ${a.length} weights`);
  }
  if (hasKernel(WEIGHTED_SUM)) {
    return runKernel(WEIGHTED_SUM, [...zs, ...a], {});
  }
  return zs.map((z, m) => tf.mul(z, a[m]!)).reduce((sum, term) => tf.add(sum, term));
}

tf.registerGradient({
  kernelName: BLEND,
  saveAllInputs: true,
  gradFunc: (dy, saved) => {
    const [x, a, p] = saved as [tf.Tensor, tf.Tensor, tf.Tensor | undefined];
    const g = dy as tf.Tensor;
    const fit = (like: tf.Tensor, complement: boolean) =>
      runKernel(FIT, { x: g, a }, { width: widthOf(like), complement });
    return {
      0: () => fit(x, false),
      1: () => runKernel(BLEND_GRAD_GATE, p ? [g, x, p] : [g, x], {}),
      2: () => fit(p!, true),
    };
  },
});

tf.registerGradient({
  kernelName: WEIGHTED_SUM,
  saveAllInputs: true,
  gradFunc: (dy, saved) => {
    const g = dy as tf.Tensor;
    const count = saved.length / 2;
    const grads: Record<string, () => tf.Tensor> = {};
    for (let m = 0; m < count; m++) {
      const z = saved[m]!;
      const a = saved[count + m]!;
      grads[m] = () => runKernel(FIT, { x: g, a }, { width: widthOf(z), complement: false });
      grads[count + m] = () => runKernel(BLEND_GRAD_GATE, [g, z], {});
    }
    return grads;
  },
});
