/** Four floats at a time. `madd` is the one place where the tiers differ. */

/** a·b + c: fused where relaxed SIMD is enabled (one rounding), else a product and a sum. */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 1) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** NaN if any lane is. */
// @ts-ignore: decorator
@inline export function maxLanes(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/**
 * eˣ to 2 ulp: x = n·ln 2 + r, a degree-6 polynomial of r, then the exponent (Cephes' expf). Above 88.38 ∞, below
 * −87.33 (where the result would be subnormal) 0, NaN stays NaN: wasm's min and max pass it on.
 */
// @ts-ignore: decorator
@inline export function exp4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-87.33)), f32x4.splat(88.3762));
  const magic = f32x4.splat(12582912); // 1.5·2²³: adding it rounds to an integer in the low bits
  const shifted = f32x4.add(f32x4.mul(clamped, f32x4.splat(1.44269504)), magic);
  const n = f32x4.sub(shifted, magic);
  const r = madd(n, f32x4.splat(-1.42860677e-6), madd(n, f32x4.splat(-0.693145752), clamped));
  let p = madd(f32x4.splat(1.0 / 720.0), r, f32x4.splat(1.0 / 120.0));
  p = madd(p, r, f32x4.splat(1.0 / 24.0));
  p = madd(p, r, f32x4.splat(1.0 / 6.0));
  p = madd(p, r, f32x4.splat(0.5));
  p = madd(p, r, f32x4.splat(1));
  p = madd(p, r, f32x4.splat(1));
  const scale = i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000));
  const value = f32x4.mul(p, scale);
  const large = v128.bitselect(f32x4.splat(Infinity), value, f32x4.gt(x, f32x4.splat(88.3762)));
  return v128.andnot(large, f32x4.lt(x, f32x4.splat(-87.33)));
}

// @ts-ignore: decorator
@inline export function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

// @ts-ignore: decorator
@inline export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** log(1 + e) for e in [0, 1]: 2·artanh(e / (2 + e)) by its series, 1e-8 at e = 1. */
// @ts-ignore: decorator
@inline export function log1p4(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, f32x4.splat(2)));
  const q = f32x4.mul(s, s);
  let p = madd(q, f32x4.splat(1.0 / 15.0), f32x4.splat(1.0 / 13.0));
  p = madd(p, q, f32x4.splat(1.0 / 11.0));
  p = madd(p, q, f32x4.splat(1.0 / 9.0));
  p = madd(p, q, f32x4.splat(1.0 / 7.0));
  p = madd(p, q, f32x4.splat(1.0 / 5.0));
  p = madd(p, q, f32x4.splat(1.0 / 3.0));
  p = madd(p, q, f32x4.splat(1));
  return f32x4.mul(f32x4.add(s, s), p);
}

/** Φ(x), the normal distribution function, by Abramowitz & Stegun 7.1.26 (1.5e-7); `bell` = e^(−x²/2). */
// @ts-ignore: decorator
@inline export function normal4(x: v128, bell: v128): v128 {
  const one = f32x4.splat(1);
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678));
  const t = f32x4.div(one, madd(z, f32x4.splat(0.3275911), one));
  let p = madd(t, f32x4.splat(1.061405429), f32x4.splat(-1.453152027));
  p = madd(p, t, f32x4.splat(1.421413741));
  p = madd(p, t, f32x4.splat(-0.284496736));
  p = madd(p, t, f32x4.splat(0.254829592));
  const tail = f32x4.mul(f32x4.mul(f32x4.mul(p, t), bell), f32x4.splat(0.5));
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)));
}

/** e^(−x²/2). */
// @ts-ignore: decorator
@inline export function bell4(x: v128): v128 {
  return exp4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
}

/** MurmurHash3 x86_32 of the counters, seed = key; see kernels/dropout.ts. */
// @ts-ignore: decorator
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
// @ts-ignore: decorator
@inline export function keep4(key: v128, counter: v128, threshold: v128, factor: v128): v128 {
  return v128.and(factor, i32x4.ge_u(hash4(key, counter), threshold));
}
