/**
 * A causal depthwise convolution whose filter is as long as the sequence, as in Hyena (Poli et al., arXiv 2302.10866):
 *
 *     y_t = Σ_{s ≤ t} h_s ∘ u_{t−s}
 *
 * Positions stand in blocks of q. What a block has of the one m blocks before it is a product with a Toeplitz matrix for
 * each channel, H_m[i, j] = h_{m·q + j − i} (0 where that lies before the filter's start), so nearly all of it is products of
 * matrices, which every engine is best at: 2·l²/2 operations a channel. Transforms of Fourier would take fewer for long
 * sequences; no engine here has them with gradients. Of matrices as many channels' are held at a time as `channelsAtATime` says.
 *
 * Symbols: b batch, l length, c channels, q positions a block, t blocks.
 */
import * as tf from '@tensorflow/tfjs-core';
import { blockLength, channelsAtATime, toeplitzRow } from '../../../models/hyena';

interface Sizes {
  readonly b: number;
  readonly l: number;
  readonly q: number;
  readonly t: number;
}

/**
 * u [b, l, c], h [l, c] → [b, l, c]. Keeps u and h for the gradients: du is the convolution backwards in time, dh_s the
 * products of dy_t and u_{t−s}, summed.
 * @param together channels whose matrices are held at a time
 */
export function longConv(
  u: tf.Tensor3D,
  h: tf.Tensor2D,
  together = channelsAtATime(u.shape[1], u.shape[2]),
): tf.Tensor3D {
  const [b, l, c] = u.shape;
  if (!tf.util.arraysEqual(h.shape, [l, c])) {
    throw new Error(`longConv: u [${u.shape.join(', ')}] does not fit h [${h.shape.join(', ')}]`);
  }
  if (u.size === 0) return tf.clone(u);
  const q = blockLength(l);
  const sizes = { b, l, q, t: Math.ceil(l / q) };
  const made = tf.customGrad((...given) => {
    const [own, filter, save] = given as [tf.Tensor3D, tf.Tensor2D, tf.GradSaveFunc];
    save([own, filter]);
    return {
      value: byChannels(together, [own, filter], (parts) => [convolved(parts, sizes)])[0]!,
      gradFunc: (dy, saved) =>
        byChannels(together, [dy, ...saved], (parts) => gradientsOf(parts, sizes)),
    };
  });
  return made(u, h) as tf.Tensor3D;
}

type Parts = readonly tf.Tensor[];

/** `work` on some of the channels (the last axis of all) at a time; its results side by side. */
function byChannels(each: number, whole: Parts, work: (parts: Parts) => tf.Tensor[]): tf.Tensor[] {
  const c = whole[0]!.shape.at(-1)!;
  if (each >= c) return tf.tidy(() => work(whole));
  const made: tf.Tensor[][] = [];
  for (let first = 0; first < c; first += each) {
    const count = Math.min(each, c - first);
    const cut = (x: tf.Tensor) => {
      const before = x.shape.slice(0, -1);
      return tf.slice(x, [...before.map(() => 0), first], [...before, count]);
    };
    made.push(tf.tidy(() => work(whole.map(cut))));
  }
  return made[0]!.map((_, i) => {
    const parts = made.map((outputs) => outputs[i]!);
    const joined = tf.concat(parts, -1);
    tf.dispose(parts);
    return joined;
  });
}

function convolved([u, h]: Parts, sizes: Sizes): tf.Tensor {
  const { b, q, t } = sizes;
  const blocks = toBlocks(u!, sizes); // [c, t·b, q]
  const matrices = toeplitz(h!, sizes); // [c, q, ≥ t·q]
  const c = blocks.shape[0];
  let y: tf.Tensor3D | undefined;
  for (let m = 0; m < t; m++) {
    y = tf.tidy(() => {
      const early = tf.slice(blocks, [0, 0, 0], [c, (t - m) * b, q]);
      const part: tf.Tensor3D = tf.matMul(early, matrixAt(matrices, m, q)); // [c, (t − m)·b, q]
      return sumBlocks(y, part, [m * b, 0]);
    });
  }
  return fromBlocks(y!, sizes);
}

/** du and dh, of dy, u and h. */
function gradientsOf([dy, u, h]: Parts, sizes: Sizes): tf.Tensor[] {
  const { b, q, t } = sizes;
  const [given, blocks] = [toBlocks(dy!, sizes), toBlocks(u!, sizes)]; // [c, t·b, q]
  const matrices = toeplitz(h!, sizes);
  const c = blocks.shape[0];
  const dMatrices: tf.Tensor3D[] = [];
  let du: tf.Tensor3D | undefined;
  for (let m = 0; m < t; m++) {
    const [sum, own] = tf.tidy((): [tf.Tensor3D, tf.Tensor3D] => {
      const count = (t - m) * b;
      const late = tf.slice(given, [0, m * b, 0], [c, count, q]);
      const early = tf.slice(blocks, [0, 0, 0], [c, count, q]);
      const part: tf.Tensor3D = tf.matMul(late, matrixAt(matrices, m, q), false, true);
      return [sumBlocks(du, part, [0, m * b]), tf.matMul(early, late, true, false)];
    });
    du = sum;
    dMatrices.push(own); // [c, q, q]
  }
  return [fromBlocks(du!, sizes), diagonalSums(dMatrices, sizes)];
}

/** A sum and a part of it that begins or ends so many rows later or earlier. Frees the old sum. */
function sumBlocks(
  sum: tf.Tensor3D | undefined,
  part: tf.Tensor3D,
  around: [number, number],
): tf.Tensor3D {
  if (!sum) return part;
  const whole = tf.pad(part, [[0, 0], around, [0, 0]]);
  const both: tf.Tensor3D = tf.add(sum, whole);
  sum.dispose();
  return both;
}

const matrixAt = (matrices: tf.Tensor3D, m: number, q: number): tf.Tensor3D =>
  tf.slice(matrices, [0, 0, m * q], [matrices.shape[0], q, q]);

/** x [b, l, c] → [c, t·b, q], block by block, zeros at the end. */
function toBlocks(x: tf.Tensor, { b, l, q, t }: Sizes): tf.Tensor3D {
  return tf.tidy(() => {
    const c = x.shape.at(-1)!;
    const behind: [number, number][] = [
      [0, 0],
      [0, t * q - l],
      [0, 0],
    ];
    const padded = t * q === l ? x : tf.pad(x, behind);
    const turned = tf.transpose(tf.reshape(padded, [b, t, q, c]), [3, 1, 0, 2]); // [c, t, b, q]
    return tf.reshape(turned, [c, t * b, q]);
  });
}

/** The way back: [c, t·b, q] → [b, l, c]. */
function fromBlocks(x: tf.Tensor3D, { b, l, q, t }: Sizes): tf.Tensor {
  const c = x.shape[0];
  const turned = tf.transpose(tf.reshape(x, [c, t, b, q]), [2, 1, 3, 0]); // [b, t, q, c]
  const whole = tf.reshape(turned, [b, t * q, c]);
  return t * q === l ? whole : tf.slice(whole, [0, 0, 0], [b, l, c]);
}

/**
 * H_0 … H_{t−1} side by side, [c, q, t·q + q − 1]. A filter with at least q − 1 zeros behind it, repeated, and cut into rows that
 * are one shorter than it, stands one further to the right in each row.
 */
function toeplitz(h: tf.Tensor, { l, q, t }: Sizes): tf.Tensor3D {
  return tf.tidy(() => {
    const c = h.shape[1]!;
    const row = toeplitzRow(q, t);
    const padded = tf.pad(tf.transpose(h), [
      [0, 0],
      [0, row + 1 - l],
    ]); // [c, row + 1]
    const copies = tf.concat(
      Array.from({ length: q }, () => padded),
      1,
    ); // [c, q·(row + 1)]
    return tf.reshape<tf.Rank.R3>(tf.slice(copies, [0, 0], [c, q * row]), [c, q, row]);
  });
}

/** Gradients of H_0 … H_{t−1}, [c, q, q] each, summed along the diagonals on which h_s stands: → [l, c]. */
function diagonalSums(dMatrices: readonly tf.Tensor3D[], { l, q, t }: Sizes): tf.Tensor {
  return tf.tidy(() => {
    const c = dMatrices[0]!.shape[0];
    const row = toeplitzRow(q, t);
    const padded = tf.pad(tf.concat([...dMatrices], 2), [
      [0, 0],
      [0, 0],
      [0, q - 1],
    ]); // [c, q, row]
    const flat = tf.pad(tf.reshape(padded, [c, q * row]), [
      [0, 0],
      [0, q],
    ]);
    const turned = tf.reshape(flat, [c, q, row + 1]);
    const sums = tf.matMul(tf.ones([1, 1, q]), turned); // [c, 1, row + 1]
    return tf.transpose(tf.slice(tf.reshape(sums, [c, row + 1]), [0, 0], [c, l])); // [l, c]
  });
}
