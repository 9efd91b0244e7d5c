/**
 * float16 and bfloat16 ↔ float32, exact one way, rounded to nearest, ties to even, the other (IEEE 754). NaNs keep the
 * payload bits that fit, so 16 → 32 → 16 bits gives every pattern back. Bits travel as integers: a NaN that passes
 * through a JavaScript number may lose its payload.
 */

let float16Table: Uint32Array | undefined;

/** float32 bits of one float16 pattern. */
function widenFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // Subnormal: mantissa · 2^-24; its leading bit becomes the hidden one.
  const shift = Math.clz32(mantissa) - 21;
  const normal = (mantissa << shift) & 0x3ff;
  return (sign | ((113 - shift) << 23) | (normal << 13)) >>> 0;
}

/** All 65,536 patterns: one look-up an element is several times faster than the arithmetic. */
function float16Bits(): Uint32Array {
  if (float16Table === undefined) {
    float16Table = new Uint32Array(65536);
    for (let half = 0; half < 65536; half++) float16Table[half] = widenFloat16(half);
  }
  return float16Table;
}

/** Widens `halves` into `target`'s bits from element `offset` on. */
export function float16ToFloat32(halves: Uint16Array, target: Uint32Array, offset: number): void {
  const table = float16Bits();
  for (let i = 0; i < halves.length; i++) target[offset + i] = table[halves[i]!]!;
}

/** Widens `halves` into `target`'s bits from element `offset` on. */
export function bfloat16ToFloat32(halves: Uint16Array, target: Uint32Array, offset: number): void {
  for (let i = 0; i < halves.length; i++) target[offset + i] = halves[i]! << 16;
}

/** float16 bits nearest to a float32 pattern. */
function narrowToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    // A NaN whose payload lies wholly below must not turn into an infinity.
    const payload = (magnitude >>> 13) & 0x3ff;
    return sign | 0x7c00 | (payload === 0 ? 0x200 : payload);
  }
  // 65520, half-way between the largest float16 and the next power of two, rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
  }
  // 2^-25, half of the smallest subnormal, and all below is zero (the tie goes to the even 0).
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** bfloat16 bits nearest to a float32 pattern. */
function narrowToBfloat16(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    const upper = bits >>> 16;
    return (upper & 0x7f) === 0 ? upper | 0x40 : upper;
  }
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function float32ToFloat16(source: Uint32Array, target: Uint16Array): void {
  for (let i = 0; i < source.length; i++) target[i] = narrowToFloat16(source[i]!);
}

export function float32ToBfloat16(source: Uint32Array, target: Uint16Array): void {
  for (let i = 0; i < source.length; i++) target[i] = narrowToBfloat16(source[i]!);
}
