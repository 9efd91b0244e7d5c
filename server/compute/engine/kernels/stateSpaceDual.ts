/**
 * The state space of Mamba-2 (Dao & Gu, arXiv 2405.21060): a selective scan (`selectiveScan.ts`) whose A and Δ are one number a
 * head and whose B and C are shared by a group of heads,
 *
 *     h_t = exp(Δ_t · A) ∘ h_{t−1} + Δ_t · x_t · B_tᵀ ;  y_t = h_t · C_t + D · x_t
 *
 * computed as the paper's section 6 does: positions in chunks, inside a chunk as masked attention, between chunks by their
 * states, so that nearly all of it is products of matrices. As a scan it would take an exponential for each of the many
 * entries of a state, and the engines' products are far faster than their scans.
 *
 * Symbols: b batch, l length, h heads, p channels a head, g groups, r = h/g, n state size, q positions a chunk, t chunks.
 */
import * as tf from '@tensorflow/tfjs-core';
import { chunkLength } from '../../../models/mamba2';
import { reshaped } from './reshape';
import { addResidual } from './residual';

export interface DualInput {
  /** [b, l, h·p] */
  readonly x: tf.Tensor3D;
  /** Δ, positive: [b, l, h] */
  readonly delta: tf.Tensor3D;
  /** [h], negative */
  readonly A: tf.Tensor;
  /** [b, l, g·n] */
  readonly B: tf.Tensor3D;
  /** [b, l, g·n] */
  readonly C: tf.Tensor3D;
  /** [h] */
  readonly D: tf.Tensor;
  readonly groups: number;
  /** State before the first position, [b, h, p·n]; zeros when absent. */
  readonly initial?: tf.Tensor | undefined;
}

export type DualResult = Readonly<{
  /** [b, l, h·p] */
  y: tf.Tensor3D;
  /** State after the last position, [b, h, p·n]. */
  state: tf.Tensor3D;
}>;

interface Sizes {
  readonly b: number;
  readonly l: number;
  readonly h: number;
  readonly p: number;
  readonly g: number;
  readonly r: number;
  readonly n: number;
  readonly q: number;
  readonly t: number;
}

function sizesOf({ x, delta, A, B, C, D, groups: g }: DualInput): Sizes {
  const [b, l, channels] = x.shape;
  const h = delta.shape[2];
  const [p, r, n] = [channels / h, h / g, B.shape[2] / g];
  const fits = [p, r, n].every(Number.isInteger) && A.size === h && D.size === h;
  if (!fits || !tf.util.arraysEqual(B.shape, C.shape)) {
    const shapes = [x, delta, A, B, C, D].map((each) => `[${each.shape.join(', ')}]`).join(' ');
    throw new Error(`stateSpaceDual: ${shapes} do not fit ${g} groups`);
  }
  const q = Math.max(1, Math.min(l, chunkLength(n, p)));
  return { b, l, h, p, g, r, n, q, t: Math.ceil(l / q) };
}

/** → y [b, l, h·p], and the state after the last position. */
export function stateSpaceDual(input: DualInput): DualResult {
  const sizes = sizesOf(input);
  return tf.tidy(() => inChunks(input, sizes));
}

function inChunks(input: DualInput, sizes: Sizes): DualResult {
  const { b, l, h, p, n, t, q } = sizes;
  const { x, delta, A, D, initial } = input;
  if (b * l === 0) {
    return { y: tf.clone(x), state: (initial ?? tf.zeros([b, h, p * n])) as tf.Tensor3D };
  }
  // Padding has Δ = 0: it leaves the state as it is.
  const padded = (each: tf.Tensor3D) =>
    t * q === l
      ? each
      : tf.pad(each, [
          [0, 0],
          [0, t * q - l],
          [0, 0],
        ]); // [b, t·q, …]
  const steps = padded(delta);
  const driven = columns(
    reshaped(padded(x), [b * t * q, h, p]),
    reshaped(steps, [b * t * q, h, 1]),
  ); // Δ·x, [b·t·q, h, p]
  const elapsed = elapsedDecay(tf.mul(steps, A), sizes); // [b·t·h, q]
  const B = byGroup(padded(input.B), sizes); // [b·t·g, q, n]
  const C = byGroup(padded(input.C), sizes); // [b·t·g, q, n]

  const within = tf.tidy(() => insideChunks(driven, elapsed, B, C, sizes)); // [b·t·q, h, p]
  const { before, state } = tf.tidy(() => chunkStates(driven, elapsed, B, initial, sizes));
  const y = before
    ? addResidual(
        within,
        tf.tidy(() => fromStates(before, elapsed, C, sizes)),
      )
    : within;

  const own = reshaped(y, [b, t * q, h * p]);
  const kept = t * q === l ? own : tf.slice(own, [0, 0, 0], [b, l, h * p]);
  const skip = reshaped(tf.matMul(reshaped(D, [h, 1]), tf.ones([1, p])), [h * p]);
  return { y: addResidual(kept as tf.Tensor3D, tf.mul(x, skip)), state };
}

/** x times a number a row: [..., p] and [..., 1] → [..., p]. */
const columns = (x: tf.Tensor, factors: tf.Tensor): tf.Tensor => tf.mul(x, factors);

/** Sum of Δ·A from a chunk's start up to and with each position: rates [b, t·q, h] → [b·t·h, q]. */
function elapsedDecay(rates: tf.Tensor, { b, h, q, t }: Sizes): tf.Tensor2D {
  const turned = tf.transpose(reshaped(rates, [b * t, q, h]), [0, 2, 1]); // [b·t, h, q]
  return tf.matMul(reshaped(turned, [b * t * h, q]), upTo(q)); // [b·t·h, q]
}

/** [q, q]: 1 where the row is not after the column. */
function upTo(q: number): tf.Tensor2D {
  const values = Float32Array.from({ length: q * q }, (_, at) =>
    Math.floor(at / q) <= at % q ? 1 : 0,
  );
  return tf.tensor2d(values, [q, q]);
}

/** Below any exponent that matters; its exponential is 0. */
const HIDDEN = -1e30;

/** [q, q]: 0 where the column is not after the row, else what makes an exponential 0. */
function hiddenAfter(q: number): tf.Tensor2D {
  const values = Float32Array.from({ length: q * q }, (_, at) =>
    at % q <= Math.floor(at / q) ? 0 : HIDDEN,
  );
  return tf.tensor2d(values, [q, q]);
}

/** Channels of each group by position: x [b, t·q, g·w] → [b·t·g, q, w]. */
function byGroup(x: tf.Tensor, { b, g, q, t }: Sizes): tf.Tensor3D {
  const w = x.size / (b * t * q * g);
  if (g === 1) return reshaped(x, [b * t, q, w]);
  const turned = tf.transpose(reshaped(x, [b * t, q, g, w]), [0, 2, 1, 3]);
  return reshaped(turned, [b * t * g, q, w]);
}

/** The way back: [b·t·g, q, r·p] → [b·t·q, h, p]. */
function byPosition(x: tf.Tensor, { b, h, p, g, r, q, t }: Sizes): tf.Tensor3D {
  const turned = g === 1 ? x : tf.transpose(reshaped(x, [b * t, g, q, r * p]), [0, 2, 1, 3]);
  return reshaped(turned, [b * t * q, h, p]);
}

/** What each position has of those before it in its chunk, and of itself: → [b·t·q, h, p]. */
function insideChunks(
  driven: tf.Tensor,
  elapsed: tf.Tensor2D,
  B: tf.Tensor3D,
  C: tf.Tensor3D,
  sizes: Sizes,
): tf.Tensor {
  const { b, h, p, g, q, t } = sizes;
  const rows = b * t * h;
  const shared = reshaped(tf.matMul(C, B, false, true), [b * t * g, q * q]); // C_i · B_j
  const weights = pairWeights(elapsed, shared as tf.Tensor2D, sizes); // [b·t·h, q, q]
  const byHead = tf.transpose(reshaped(driven, [b * t, q, h, p]), [0, 2, 1, 3]); // [b·t, h, q, p]
  const y = tf.matMul(weights, reshaped(byHead, [rows, q, p])); // [b·t·h, q, p]
  const turned = tf.transpose(reshaped(y, [b * t, h, q, p]), [0, 2, 1, 3]);
  return reshaped(turned, [b * t * q, h, p]);
}

/**
 * C_i · B_j · exp(elapsed_i − elapsed_j) where j is not after i, else 0: elapsed [b·t·h, q], shared C_i · B_j [b·t·g, q·q] →
 * [b·t·h, q, q]. Its gradient needs the exponentials and what the groups share, and no other of the many pairs.
 */
function pairWeights(elapsed: tf.Tensor2D, shared: tf.Tensor2D, sizes: Sizes): tf.Tensor3D {
  const { b, g, r, q, t } = sizes;
  const rows = elapsed.shape[0];
  const groups = b * t * g;
  const pairs = (x: tf.Tensor) => tf.reshape<tf.Rank.R3>(x, [rows, q, q]);
  const made = tf.customGrad((...given) => {
    const [own, products, save] = given as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
    const differences = outerDifference(own, own); // [b·t·h, q, q]
    const decays = tf.exp(tf.add(differences, hiddenAfter(q)));
    save([decays, products]);
    return {
      value: tf.mul(pairs(repeated(products, r)), decays),
      gradFunc: (dy, saved) => {
        const [kept, common] = saved as [tf.Tensor3D, tf.Tensor2D];
        const grad = tf.mul(dy, kept);
        const dExponents = tf.mul(grad, pairs(repeated(common, r)));
        const arriving = tf.sum(dExponents, -1); // [b·t·h, q]
        const leaving = tf.matMul(tf.ones([1, 1, q]), dExponents); // [b·t·h, 1, q]
        const ofGroups = tf.reshape(grad, [groups, r, q * q]);
        const dProducts = r === 1 ? ofGroups : tf.matMul(tf.ones([1, 1, r]), ofGroups);
        return [
          tf.sub(arriving, tf.reshape(leaving, [rows, q])),
          tf.reshape(dProducts, [groups, q * q]),
        ];
      },
    };
  });
  return made(elapsed, shared) as tf.Tensor3D;
}

/** left_i − right_j, as a product: no engine has to subtract a row from a column. [rows, i] and [rows, j] → [rows, i, j]. */
function outerDifference(left: tf.Tensor2D, right: tf.Tensor2D): tf.Tensor3D {
  const [rows, i] = left.shape;
  const j = right.shape[1];
  const column = reshaped(left, [rows, i, 1]);
  const row = reshaped(tf.neg(right), [rows, 1, j]);
  const columns = tf.concat([column, tf.ones([rows, i, 1])], 2) as tf.Tensor3D; // [rows, i, 2]
  return tf.matMul(columns, tf.concat([tf.ones([rows, 1, j]), row], 1));
}

/** Each row r times, one behind the other: [rows, w] → [rows·r, w]. */
function repeated(x: tf.Tensor, r: number): tf.Tensor {
  const [rows, w] = x.shape as [number, number];
  const copies =
    r === 1
      ? x
      : tf.concat(
          Array.from({ length: r }, () => x),
          1,
        );
  return reshaped(copies, [rows * r, w]);
}

/** A number a head and position, where channels stand by position: [b·t·h, q] → [b·t·q, h, 1]. */
function factorsByPosition(factors: tf.Tensor, { b, h, q, t }: Sizes): tf.Tensor {
  const turned = tf.transpose(reshaped(factors, [b * t, h, q]), [0, 2, 1]);
  return reshaped(turned, [b * t * q, h, 1]);
}

/** The state before each chunk, [b·t·g, r·p, n], where any is not 0, and the one after the last, [b, h, p·n]. */
function chunkStates(
  driven: tf.Tensor,
  elapsed: tf.Tensor2D,
  B: tf.Tensor3D,
  initial: tf.Tensor | undefined,
  sizes: Sizes,
): { before: tf.Tensor | undefined; state: tf.Tensor3D } {
  const { b, h, p, g, r, n, q, t } = sizes;
  const rows = b * t * h;
  const whole = tf.slice(elapsed, [0, q - 1], [rows, 1]); // [b·t·h, 1]
  // What is left of a position's input at its chunk's end.
  const rest = tf.exp(outerDifference(whole, elapsed)); // [b·t·h, 1, q]
  const left = factorsByPosition(rest, sizes); // [b·t·q, h, 1]
  const weighed = byGroup(columns(driven, left), sizes); // [b·t·g, q, r·p]
  const added = tf.matMul(weighed, B, true, false); // [b·t·g, r·p, n]
  const each = tf.split(reshaped(added, [b, t, h * p * n]), t, 1);
  const decays = tf.split(reshaped(tf.exp(whole), [b, t, h]), t, 1);
  const states: tf.Tensor[] = [initial ?? tf.zeros([b, h, p * n])];
  for (let chunk = 0; chunk < t; chunk++) {
    const own = reshaped(each[chunk]!, [b, h, p * n]);
    // The first one's zeros need no decay.
    if (chunk === 0 && !initial) states.push(own);
    else {
      const decay = reshaped(decays[chunk]!, [b, h, 1]);
      states.push(addResidual(columns(states[chunk]!, decay), own));
    }
  }
  const state = states[t] as tf.Tensor3D;
  if (t === 1 && !initial) return { before: undefined, state };
  const flat = states.slice(0, t).map((each) => reshaped(each, [b, 1, h * p * n]));
  const before = reshaped(tf.concat(flat, 1), [b * t * g, r * p, n]);
  return { before, state };
}

/** What each position has of its chunk's first state: → [b·t·q, h, p]. */
function fromStates(
  before: tf.Tensor,
  elapsed: tf.Tensor2D,
  C: tf.Tensor3D,
  sizes: Sizes,
): tf.Tensor {
  const read = byPosition(tf.matMul(C, before, false, true), sizes); // [b·t·q, h, p]
  return columns(read, factorsByPosition(tf.exp(elapsed), sizes));
}
