/**
 * Dropout by counter: whether entry i is kept depends on (key, i) alone, so every engine, thread count and backward
 * pass draws the same mask. The hash is MurmurHash3 x86_32 (Appleby) of the four little-endian bytes of i, seed = key.
 */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel } from './fused';

export const DROPOUT = 'ManticoreDropout';

export interface DropoutOptions {
  /** Share of entries dropped, in [0, 1). */
  readonly rate: number;
  /** Any integer; its low 32 bits are the hash's seed. */
  readonly key: number;
}

/** MurmurHash3 x86_32 of one 32-bit counter, unsigned. */
export function hash32(key: number, counter: number): number {
  let block = Math.imul(counter, 0xcc9e2d51);
  block = (block << 15) | (block >>> 17);
  let hash = key ^ Math.imul(block, 0x1b873593);
  hash = (hash << 13) | (hash >>> 19);
  hash = (Math.imul(hash, 5) + 0xe6546b64) ^ 4;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Entries whose hash is below this are dropped. @throws RangeError when the rate is not in [0, 1) */
export function dropThreshold(rate: number): number {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`dropout: rate ${rate} is not in [0, 1)`);
  return Math.floor(rate * 2 ** 32);
}

/** The factors of `count` entries: 0 or 1/(1 − rate). */
export function dropoutMask(count: number, { rate, key }: DropoutOptions): Float32Array {
  const threshold = dropThreshold(rate);
  const kept = Math.fround(1 / (1 - rate));
  return Float32Array.from({ length: count }, (_, i) => (hash32(key, i) >= threshold ? kept : 0));
}

/** x scaled by 1/(1 − rate) where kept, 0 where dropped; same shape. Gradient: the same mask on dy. */
export function dropout(x: tf.Tensor, options: DropoutOptions): tf.Tensor {
  if (dropThreshold(options.rate) === 0) return x;
  if (hasKernel(DROPOUT)) {
    return runKernel(DROPOUT, { x }, { rate: options.rate, key: options.key | 0 });
  }
  return tf.mul(x, tf.tensor(dropoutMask(x.size, options), x.shape, 'float32'));
}

tf.registerGradient({
  kernelName: DROPOUT,
  gradFunc: (dy, _saved, attributes) => ({
    x: () =>
      runKernel(
        DROPOUT,
        { x: dy as tf.Tensor },
        { rate: attributes['rate'] as number, key: attributes['key'] as number },
      ),
  }),
});
