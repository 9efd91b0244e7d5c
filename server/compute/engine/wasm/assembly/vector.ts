/**
 * Four floats at a time. `madd` is the one place where the tiers differ.
 *
 * V8 makes one 256-bit operation of two (--experimental-wasm-revectorize) where what is computed ends in two stores side by
 * side (`storePair`): all the way up both must be the same operations, on loads side by side or on one value for all lanes
 * (`load32_splat`, a splat), with no load between the two stores and no branch. So loops take two vectors a round.
 */
import { LANES, scratch } from './layout';

/** a·b + c: fused where relaxed SIMD is enabled (one rounding), else a product and a sum. */
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Both are computed before either is stored. */
@inline export function storePair(to: usize, first: v128, second: v128): void {
  v128.store(to, first);
  v128.store(to, second, 16);
}

/** first + second, by way of memory: it makes a pair of what two sums of a loop are. */
@inline export function pairSum(first: v128, second: v128): v128 {
  const lanes = scratch() + LANES;
  storePair(lanes, first, second);
  return f32x4.add(v128.load(lanes), v128.load(lanes, 16));
}

@inline export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 1) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** NaN if any lane is. */
@inline export function maxLanes(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** Constants: a load is cheaper than building a vector in the middle of a loop. */
const CONSTANTS: usize = memory.data<f32>([
  12582912, 12582912, 12582912, 12582912, // 1.5·2²³: adding it rounds to an integer in the low bits
  1, 1, 1, 1,
  1.44269504, 1.44269504, 1.44269504, 1.44269504, // 1/ln 2
  -0.693145752, -0.693145752, -0.693145752, -0.693145752, // −ln 2 in two parts
  -1.42860677e-6, -1.42860677e-6, -1.42860677e-6, -1.42860677e-6,
  88.6, 88.6, 88.6, 88.6, // beyond: e^x is ∞ and 0
  -88.1, -88.1, -88.1, -88.1,
  127.9, 127.9, 127.9, 127.9, // beyond: 2^x is ∞ and 0
  -127, -127, -127, -127,
  0.999999708, 0.999999708, 0.999999708, 0.999999708, // 9: (e^r − 1)/r for |r| ≤ ln 2/2
  0.499991496, 0.499991496, 0.499991496, 0.499991496,
  0.166676362, 0.166676362, 0.166676362, 0.166676362,
  0.0418979303, 0.0418979303, 0.0418979303, 0.0418979303,
  0.00829031465, 0.00829031465, 0.00829031465, 0.00829031465,
  0.693146978, 0.693146978, 0.693146978, 0.693146978, // 14: (2^r − 1)/r for |r| ≤ 1/2
  0.240222421, 0.240222421, 0.240222421, 0.240222421,
  0.0555073375, 0.0555073375, 0.0555073375, 0.0555073375,
  0.00967151286, 0.00967151286, 0.00967151286, 0.00967151286,
  0.00132647271, 0.00132647271, 0.00132647271, 0.00132647271,
  0.333333333, 0.333333333, 0.333333333, 0.333333333, // 19: artanh(s)/s − 1 by powers of s²
  0.2, 0.2, 0.2, 0.2,
  0.142857143, 0.142857143, 0.142857143, 0.142857143,
  0.111111111, 0.111111111, 0.111111111, 0.111111111,
  0.0909090909, 0.0909090909, 0.0909090909, 0.0909090909,
  0.0769230769, 0.0769230769, 0.0769230769, 0.0769230769,
  0.0666666667, 0.0666666667, 0.0666666667, 0.0666666667,
  0.70710678, 0.70710678, 0.70710678, 0.70710678, // 26: Abramowitz & Stegun 7.1.26: 1/√2, p, a₁ … a₅
  0.3275911, 0.3275911, 0.3275911, 0.3275911,
  0.254829592, 0.254829592, 0.254829592, 0.254829592,
  -0.284496736, -0.284496736, -0.284496736, -0.284496736,
  1.421413741, 1.421413741, 1.421413741, 1.421413741,
  -1.453152027, -1.453152027, -1.453152027, -1.453152027,
  1.061405429, 1.061405429, 1.061405429, 1.061405429,
  0.5, 0.5, 0.5, 0.5, // 33: ½, −½, 2, 1/√(2π)
  -0.5, -0.5, -0.5, -0.5,
  2, 2, 2, 2,
  0.3989422804, 0.3989422804, 0.3989422804, 0.3989422804,
  0.044715, 0.044715, 0.044715, 0.044715, // 37: GELU by tanh: 0.044715, three times that, 2√(2/π)
  0.134145, 0.134145, 0.134145, 0.134145,
  1.5957691216057308, 1.5957691216057308, 1.5957691216057308, 1.5957691216057308,
], 16);
const ONE_BITS: usize = memory.data<i32>([0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000], 16);

@inline export function constant(i: usize): v128 {
  return v128.load32_splat(CONSTANTS + (i << 4));
}

@inline export function one4(): v128 {
  return constant(1);
}

/** 1 + r·(c₀ + c₁r + … + c₄r⁴), scaled by 2ⁿ; n in the low bits of `shifted`. At n = −127 the scale is 0, at 128 ∞. */
@inline function scaledPolynomial(r: v128, shifted: v128, first: usize): v128 {
  let p = madd(constant(first + 4), r, constant(first + 3));
  p = madd(p, r, constant(first + 2));
  p = madd(p, r, constant(first + 1));
  p = madd(p, r, constant(first));
  p = madd(p, r, constant(1));
  return f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), v128.load32_splat(ONE_BITS)));
}

/**
 * eˣ to 2e-7: x = n·ln 2 + r, a minimax polynomial of r (1e-7), then the exponent. Above 88.38 ∞, below −87.68 0,
 * NaN stays NaN: pmin and pmax keep their first operand unless the second is smaller or larger.
 */
@inline export function exp4(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, constant(6)), constant(5));
  const shifted = f32x4.add(f32x4.mul(clamped, constant(2)), constant(0));
  const n = f32x4.sub(shifted, constant(0));
  const r = madd(n, constant(4), madd(n, constant(3), clamped));
  return scaledPolynomial(r, shifted, 9);
}

/** 2ˣ, as `exp4`: ∞ above 127.5, 0 below −126.5. */
@inline export function pow2(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, constant(8)), constant(7));
  const shifted = f32x4.add(clamped, constant(0));
  return scaledPolynomial(f32x4.sub(clamped, f32x4.sub(shifted, constant(0))), shifted, 14);
}

@inline export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

@inline export function sigmoid4(x: v128): v128 {
  return f32x4.div(constant(1), f32x4.add(constant(1), exp4(f32x4.neg(x))));
}

/** log(1 + e) for e in [0, 1]: 2·artanh(e / (2 + e)) by its series, 1e-8 at e = 1. */
@inline export function log1p4(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, constant(35)));
  const q = f32x4.mul(s, s);
  let p = madd(q, constant(25), constant(24));
  p = madd(p, q, constant(23));
  p = madd(p, q, constant(22));
  p = madd(p, q, constant(21));
  p = madd(p, q, constant(20));
  p = madd(p, q, constant(19));
  p = madd(p, q, one4());
  return f32x4.mul(f32x4.add(s, s), p);
}

/** Φ(x), the normal distribution function, by Abramowitz & Stegun 7.1.26 (1.5e-7); `bell` = e^(−x²/2). */
@inline export function normal4(x: v128, bell: v128): v128 {
  const z = f32x4.mul(f32x4.abs(x), constant(26));
  const t = f32x4.div(one4(), madd(z, constant(27), one4()));
  let p = madd(t, constant(32), constant(31));
  p = madd(p, t, constant(30));
  p = madd(p, t, constant(29));
  p = madd(p, t, constant(28));
  const tail = f32x4.mul(f32x4.mul(f32x4.mul(p, t), bell), constant(33));
  return v128.bitselect(tail, f32x4.sub(one4(), tail), f32x4.lt(x, f32x4.splat(0)));
}

/** e^(−x²/2). */
@inline export function bell4(x: v128): v128 {
  return exp4(f32x4.mul(f32x4.mul(x, x), constant(34)));
}

/** MurmurHash3 x86_32 of the counters, seed = key; see kernels/dropout.ts. */
@inline export function hash4(key: v128, counter: v128): v128 {
  let block = i32x4.mul(counter, i32x4.splat(0xcc9e2d51));
  block = v128.or(i32x4.shl(block, 15), i32x4.shr_u(block, 17));
  let hash = v128.xor(key, i32x4.mul(block, i32x4.splat(0x1b873593)));
  hash = v128.or(i32x4.shl(hash, 13), i32x4.shr_u(hash, 19));
  hash = i32x4.add(i32x4.mul(hash, i32x4.splat(5)), i32x4.splat(0xe6546b64));
  hash = v128.xor(hash, i32x4.splat(4));
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 16)), i32x4.splat(0x85ebca6b));
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 13)), i32x4.splat(0xc2b2ae35));
  return v128.xor(hash, i32x4.shr_u(hash, 16));
}

/** `factor` where the hash of the counter is at least `threshold`, else 0. */
@inline export function keep4(key: v128, counter: v128, threshold: v128, factor: v128): v128 {
  return v128.and(factor, i32x4.ge_u(hash4(key, counter), threshold));
}
