/**
 * Causal attention, one (batch, head) a job: a block of query rows at a time, its scores in scratch, so that nothing of
 * size l × l exists; the backward job computes the probabilities of a block again. See kernels/attention.ts.
 */
import { bytes, float, FREE_SCRATCH, int, pointer, scratch, ZERO } from './layout';
import { product, rowCombination, rowProduct } from './gemm';
import { keep4, madd, pairSum, storePair, sumLanes } from './vector';
import { rowExp, rowMax, rowScale } from './reduce';

/** Floats of one score block (1 MiB); two such blocks lie in the free scratch. */
const BLOCK_FLOATS: i32 = 1 << 18;
const BLOCK_ROWS: i32 = 48;

// Arguments: 0 q, 1 k, 2 v, 3 y or dy, 4 row stride of q (of k and v the same), 5 head stride, 6 heads, 7 headDim, 8 lq,
// 9 lk, 10 window (0: none), 11 offset, 12 drop threshold (0: none), 13 key, 14 dq, 15 dk, 16 dv; strides in elements;
// floats 0 scale, 1 factor of what dropout keeps.

/** The first and one past the last key that the query rows from i on see, and where the block of rows ends. */
@inline function firstKey(i: i32): i32 {
  const window = int(10);
  return window == 0 ? 0 : max(0, int(11) + i - window + 1);
}

function rowsOfBlock(): i32 {
  const fitting = BLOCK_FLOATS / (int(9) + 8);
  return max(1, min(BLOCK_ROWS, fitting));
}

/** Entries of a row, from whole pairs of vectors to such. A call of memory.fill costs as much as a hundred of them. */
@inline function clear(row: usize, from: i32, to: i32): void {
  const zero = f32x4.splat(0);
  for (let o = bytes(from); o < bytes(to); o += 32) storePair(row + o, zero, zero);
}

@inline function fill(row: usize, from: i32, to: i32, value: f32): void {
  for (let j = from; j < to; j++) store<f32>(row + bytes(j), value);
}

/**
 * Probabilities of one row in place, from `ld` scores; entries it may not see become 0. Those beside what it sees that are in
 * one pair of vectors with it are −∞ for that, of which e is 0.
 */
function softmaxRow(row: usize, ld: usize, low: i32, high: i32): void {
  const from = low & ~7, to = (high + 7) & ~7, seen = row + bytes(from), width = bytes(to - from), scale = float(0);
  fill(row, from, low, -Infinity);
  fill(row, high, to, -Infinity);
  const largest = rowMax(seen, width) * scale;
  const sum = rowExp(seen, seen, width, scale, largest);
  rowScale(seen, width, <f32>1 / sum);
  clear(row, 0, from);
  clear(row, to, <i32>(ld >> 2));
}

/** Multiplies a row's entries by their dropout factors; entry j has counter `first` + j. */
function dropRow(row: usize, span: i32, first: i32): void {
  const key = i32x4.splat(int(13)), threshold = i32x4.splat(int(12)), factor = f32x4.splat(float(1));
  let counter = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  // Rows are padded to whole vectors; the padding is never read by the product.
  for (let o: usize = 0; o < bytes(span); o += 16) {
    v128.store(row + o, f32x4.mul(v128.load(row + o), keep4(key, counter, threshold, factor)));
    counter = i32x4.add(counter, i32x4.splat(4));
  }
}

/** S ← probabilities of query rows i … end over keys j0 … j1, without dropout. */
function probabilities(q: usize, k: usize, scores: usize, ld: usize, i: i32, end: i32, j0: i32, j1: i32): void {
  const row = bytes(int(4)), span = j1 - j0;
  const from = q + <usize>i * row, keys = k + <usize>j0 * row;
  // Of a lone query, as in decoding, each key is read once: packing them would cost more than the product.
  if (int(8) == 1) rowProduct(from, 4, keys, 4, row, scores, int(7), span, ZERO, 0);
  else product(from, row, 4, keys, 4, row, scores, ld, end - i, int(7), span, ZERO, 0);
  for (let r = i; r < end; r++) {
    softmaxRow(scores + <usize>(r - i) * ld, ld, firstKey(r) - j0, int(11) + r + 1 - j0);
  }
}

@inline function counterOf(chunk: i32, r: i32, j0: i32): i32 {
  return (chunk * int(8) + r) * int(9) + j0;
}

export function attentionJob(chunk: i32): void {
  const heads = int(6), headDim = int(7), lq = int(8), row = bytes(int(4)), each = rowsOfBlock();
  const batch = chunk / heads, head = chunk % heads, at = <usize>head * bytes(int(5));
  const q = pointer(0) + <usize>batch * <usize>lq * row + at;
  const k = pointer(1) + <usize>batch * <usize>int(9) * row + at;
  const v = pointer(2) + <usize>batch * <usize>int(9) * row + at;
  const width = bytes(heads * headDim);
  const y = pointer(3) + <usize>batch * <usize>lq * width + bytes(head * headDim);
  const scores = scratch() + FREE_SCRATCH;
  for (let i = 0; i < lq; i += each) {
    const end = min(lq, i + each), j0 = firstKey(i), j1 = int(11) + end, ld = bytes((j1 - j0 + 7) & ~7);
    probabilities(q, k, scores, ld, i, end, j0, j1);
    if (int(12) != 0) {
      for (let r = i; r < end; r++) dropRow(scores + <usize>(r - i) * ld, j1 - j0, counterOf(chunk, r, j0));
    }
    const to = y + <usize>i * width, values = v + <usize>j0 * row;
    if (lq == 1) rowCombination(scores, values, row, to, j1 - j0, headDim, ZERO, 0);
    else product(scores, ld, 4, values, row, 4, to, width, end - i, j1 - j0, headDim, ZERO, 0);
  }
}

/** dS = scale · P ∘ (dP − Σ P∘dP) in place of dP; `width` is whole pairs of vectors, the padding of both rows 0. */
function softmaxGradRow(p: usize, dp: usize, width: usize): void {
  let s0 = f32x4.splat(0), s1 = s0;
  for (let o: usize = 0; o < width; o += 32) {
    s0 = madd(v128.load(p + o), v128.load(dp + o), s0);
    s1 = madd(v128.load(p + o, 16), v128.load(dp + o, 16), s1);
  }
  const sum = f32x4.splat(sumLanes(pairSum(s0, s1))), scale = f32x4.splat(float(0));
  for (let o: usize = 0; o < width; o += 32) {
    const c0 = f32x4.sub(v128.load(dp + o), sum), c1 = f32x4.sub(v128.load(dp + o, 16), sum);
    const p0 = f32x4.mul(v128.load(p + o), scale), p1 = f32x4.mul(v128.load(p + o, 16), scale);
    storePair(dp + o, f32x4.mul(p0, c0), f32x4.mul(p1, c1));
  }
}

function clearRows(at: usize, rows: i32, row: usize, width: usize): void {
  for (let i = 0; i < rows; i++) memory.fill(at + <usize>i * row, 0, width);
}

/** Entries of a row of `ld` bytes outside of low … high ← 0, whatever they are. */
function clearBeyond(row: usize, ld: usize, low: i32, high: i32): void {
  const from = low & ~7, to = (high + 7) & ~7;
  clear(row, 0, from);
  fill(row, from, low, 0);
  fill(row, high, to, 0);
  clear(row, to, <i32>(ld >> 2));
}

export function attentionGradJob(chunk: i32): void {
  const heads = int(6), headDim = int(7), lq = int(8), lk = int(9), row = bytes(int(4)), each = rowsOfBlock();
  const batch = chunk / heads, head = chunk % heads, at = <usize>head * bytes(int(5));
  const forQ = <usize>batch * <usize>lq * row + at, forK = <usize>batch * <usize>lk * row + at;
  const q = pointer(0) + forQ, k = pointer(1) + forK, v = pointer(2) + forK;
  const dq = pointer(14) + forQ, dk = pointer(15) + forK, dv = pointer(16) + forK;
  const width = bytes(heads * headDim);
  const dy = pointer(3) + <usize>batch * <usize>lq * width + bytes(head * headDim);
  const p = scratch() + FREE_SCRATCH, dp = p + bytes(BLOCK_FLOATS);
  clearRows(dk, lk, row, bytes(headDim));
  clearRows(dv, lk, row, bytes(headDim));
  for (let i = 0; i < lq; i += each) {
    const end = min(lq, i + each), m = end - i, j0 = firstKey(i), j1 = int(11) + end, span = j1 - j0;
    const ld = bytes((span + 7) & ~7), dyi = dy + <usize>i * width, shift = <usize>j0 * row;
    probabilities(q, k, p, ld, i, end, j0, j1);
    product(dyi, width, 4, v + shift, 4, row, dp, ld, m, headDim, span, ZERO, 0);
    for (let r = i; r < end; r++) {
      const own = <usize>(r - i) * ld, high = int(11) + r + 1 - j0, counter = counterOf(chunk, r, j0);
      if (int(12) != 0) dropRow(dp + own, span, counter);
      clearBeyond(dp + own, ld, firstKey(r) - j0, high);
      softmaxGradRow(p + own, dp + own, ld);
      if (int(12) != 0) dropRow(p + own, span, counter);
    }
    product(p, 4, ld, dyi, width, 4, dv + shift, row, span, m, headDim, dv + shift, row);
    product(dp, ld, 4, k + shift, row, 4, dq + <usize>i * row, row, m, span, headDim, ZERO, 0);
    product(dp, 4, ld, q + <usize>i * row, row, 4, dk + shift, row, span, m, headDim, dk + shift, row);
  }
}
