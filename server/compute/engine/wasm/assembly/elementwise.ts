/**
 * Kernels over flat arrays. Blocks end with at least 16 spare bytes, so the last vector may reach past the end: what
 * it reads there is not used, what it writes there is not read.
 */
import { Activation, Binary, BroadcastMode, FLAT_CHUNK, Unary } from './opcodes';
import { bytes, float, int, pointer } from './layout';
import { bell4, constant, exp4, keep4, log1p4, madd, normal4, one4, sigmoid4, storePair } from './vector';

@inline function combine(kind: i32, x: v128, y: v128): v128 {
  switch (kind) {
    case Binary.Add: return f32x4.add(x, y);
    case Binary.Subtract: return f32x4.sub(x, y);
    case Binary.Multiply: return f32x4.mul(x, y);
    case Binary.Divide: return f32x4.div(x, y);
    case Binary.ReverseSubtract: return f32x4.sub(y, x);
    default: return f32x4.div(y, x);
  }
}

@inline function flatStart(chunk: i32): usize {
  return bytes(chunk * FLAT_CHUNK);
}

@inline function flatEnd(chunk: i32, count: i32): usize {
  return bytes(min(count, (chunk + 1) * FLAT_CHUNK));
}

/** Job: 0 a, 1 b, 2 out, 3 count, 4 kind. */
export function binaryJob(chunk: i32): void {
  const a = pointer(0), b = pointer(1), out = pointer(2), kind = int(4);
  const from = flatStart(chunk), to = flatEnd(chunk, int(3));
  if (kind == Binary.Add) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, f32x4.add(v128.load(a + o), v128.load(b + o)), f32x4.add(v128.load(a + o, 16), v128.load(b + o, 16)));
    }
  } else if (kind == Binary.Multiply) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, f32x4.mul(v128.load(a + o), v128.load(b + o)), f32x4.mul(v128.load(a + o, 16), v128.load(b + o, 16)));
    }
  } else {
    for (let o = from; o < to; o += 16) v128.store(out + o, combine(kind, v128.load(a + o), v128.load(b + o)));
  }
}

/** Job: 0 a [rows, columns], 1 b, 2 out, 3 rows, 4 columns, 5 rows a chunk, 6 kind, 7 mode. */
export function broadcastJob(chunk: i32): void {
  const b = pointer(1), columns = int(4), each = int(5), kind = int(6), mode = int(7);
  const width = bytes(columns), whole = width & ~15, last = min(int(3), (chunk + 1) * each);
  for (let r = chunk * each; r < last; r++) {
    const a = pointer(0) + <usize>r * width, out = pointer(2) + <usize>r * width;
    const fixed = v128.load32_splat(mode == BroadcastMode.Column ? b + bytes(r) : b);
    const byRow = mode == BroadcastMode.Row;
    let o: usize = 0;
    for (; o < whole; o += 16) {
      v128.store(out + o, combine(kind, v128.load(a + o), byRow ? v128.load(b + o) : fixed));
    }
    for (; o < width; o += 4) {
      const x = v128.load32_splat(a + o), y = byRow ? v128.load32_splat(b + o) : fixed;
      store<f32>(out + o, f32x4.extract_lane(combine(kind, x, y), 0));
    }
  }
}

@inline function square4(x: v128): v128 {
  return f32x4.mul(x, x);
}

/** Job: 0 x, 1 out, 2 count, 3 kind. */
export function unaryJob(chunk: i32): void {
  const x = pointer(0), out = pointer(1), kind = int(3);
  const from = flatStart(chunk), to = flatEnd(chunk, int(2));
  if (kind == Unary.Exp) {
    for (let o = from; o < to; o += 32) storePair(out + o, exp4(v128.load(x + o)), exp4(v128.load(x + o, 16)));
  } else if (kind == Unary.Negate) {
    for (let o = from; o < to; o += 32) storePair(out + o, f32x4.neg(v128.load(x + o)), f32x4.neg(v128.load(x + o, 16)));
  } else {
    for (let o = from; o < to; o += 32) storePair(out + o, square4(v128.load(x + o)), square4(v128.load(x + o, 16)));
  }
}

/** 2√(2/π)·(x + 0.044715x³): the tanh form of GELU is x·σ of it. */
@inline function tanhArgument(x: v128): v128 {
  const cubic = madd(f32x4.mul(x, x), constant(37), one4());
  return f32x4.mul(f32x4.mul(x, cubic), constant(39));
}

@inline export function activate(kind: i32, x: v128): v128 {
  switch (kind) {
    case Activation.GeluErf: return f32x4.mul(x, normal4(x, bell4(x)));
    case Activation.GeluTanh: return f32x4.mul(x, sigmoid4(tanhArgument(x)));
    case Activation.Silu: return f32x4.mul(x, sigmoid4(x));
    default: {
      const zero = f32x4.splat(0);
      return f32x4.add(f32x4.max(x, zero), log1p4(exp4(f32x4.neg(f32x4.abs(x)))));
    }
  }
}

@inline export function slope(kind: i32, x: v128): v128 {
  const one = one4();
  switch (kind) {
    case Activation.GeluErf: {
      const bell = bell4(x);
      return madd(f32x4.mul(x, constant(36)), bell, normal4(x, bell));
    }
    case Activation.GeluTanh: {
      const s = sigmoid4(tanhArgument(x));
      const inner = madd(f32x4.mul(x, x), constant(38), one);
      const change = f32x4.mul(f32x4.mul(x, constant(39)), inner);
      return f32x4.mul(s, madd(change, f32x4.sub(one, s), one));
    }
    case Activation.Silu: {
      const s = sigmoid4(x);
      return f32x4.mul(s, madd(x, f32x4.sub(one, s), one));
    }
    default: return sigmoid4(x);
  }
}

@inline function gradient(kind: i32, x: v128, dy: v128): v128 {
  return f32x4.mul(dy, slope(kind, x));
}

/** Job: 0 x, 1 out, 2 count, 3 kind. */
export function activationJob(chunk: i32): void {
  const x = pointer(0), out = pointer(1), kind = int(3);
  const from = flatStart(chunk), to = flatEnd(chunk, int(2));
  if (kind == Activation.GeluErf) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, activate(Activation.GeluErf, v128.load(x + o)), activate(Activation.GeluErf, v128.load(x + o, 16)));
    }
  } else if (kind == Activation.GeluTanh) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, activate(Activation.GeluTanh, v128.load(x + o)), activate(Activation.GeluTanh, v128.load(x + o, 16)));
    }
  } else if (kind == Activation.Silu) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, activate(Activation.Silu, v128.load(x + o)), activate(Activation.Silu, v128.load(x + o, 16)));
    }
  } else {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, activate(Activation.Softplus, v128.load(x + o)), activate(Activation.Softplus, v128.load(x + o, 16)));
    }
  }
}

/** Job: 0 x, 1 out, 2 count, 3 kind, 4 dy. */
export function activationGradJob(chunk: i32): void {
  const x = pointer(0), out = pointer(1), kind = int(3), dy = pointer(4);
  const from = flatStart(chunk), to = flatEnd(chunk, int(2));
  if (kind == Activation.GeluErf) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, gradient(Activation.GeluErf, v128.load(x + o), v128.load(dy + o)), gradient(Activation.GeluErf, v128.load(x + o, 16), v128.load(dy + o, 16)));
    }
  } else if (kind == Activation.GeluTanh) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, gradient(Activation.GeluTanh, v128.load(x + o), v128.load(dy + o)), gradient(Activation.GeluTanh, v128.load(x + o, 16), v128.load(dy + o, 16)));
    }
  } else if (kind == Activation.Silu) {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, gradient(Activation.Silu, v128.load(x + o), v128.load(dy + o)), gradient(Activation.Silu, v128.load(x + o, 16), v128.load(dy + o, 16)));
    }
  } else {
    for (let o = from; o < to; o += 32) {
      storePair(out + o, gradient(Activation.Softplus, v128.load(x + o), v128.load(dy + o)), gradient(Activation.Softplus, v128.load(x + o, 16), v128.load(dy + o, 16)));
    }
  }
}

/** Job: 0 gate, 1 up, 2 out, 3 count. */
export function swigluJob(chunk: i32): void {
  const gate = pointer(0), up = pointer(1), out = pointer(2), to = flatEnd(chunk, int(3));
  for (let o = flatStart(chunk); o < to; o += 32) {
    const s0 = activate(Activation.Silu, v128.load(gate + o)), s1 = activate(Activation.Silu, v128.load(gate + o, 16));
    storePair(out + o, f32x4.mul(s0, v128.load(up + o)), f32x4.mul(s1, v128.load(up + o, 16)));
  }
}

/** Job: 0 gate, 1 up, 2 dy, 3 count, 4 dGate, 5 dUp (may be dy). */
export function swigluGradJob(chunk: i32): void {
  const gate = pointer(0), up = pointer(1), dy = pointer(2), dGate = pointer(4), dUp = pointer(5);
  const to = flatEnd(chunk, int(3));
  for (let o = flatStart(chunk); o < to; o += 32) {
    const x0 = v128.load(gate + o), x1 = v128.load(gate + o, 16), s0 = sigmoid4(x0), s1 = sigmoid4(x1);
    const silu0 = f32x4.mul(x0, s0), silu1 = f32x4.mul(x1, s1), y0 = v128.load(dy + o), y1 = v128.load(dy + o, 16);
    // silu' = s + silu·(1 − s)
    const slope0 = madd(silu0, f32x4.sub(one4(), s0), s0), slope1 = madd(silu1, f32x4.sub(one4(), s1), s1);
    const g0 = f32x4.mul(f32x4.mul(y0, v128.load(up + o)), slope0), g1 = f32x4.mul(f32x4.mul(y1, v128.load(up + o, 16)), slope1);
    const u0 = f32x4.mul(y0, silu0), u1 = f32x4.mul(y1, silu1);
    storePair(dGate + o, g0, g1);
    storePair(dUp + o, u0, u1);
  }
}

/** Job: 0 x, 1 out, 2 count, 3 key, 4 threshold; float 0 the factor of what is kept. */
export function dropoutJob(chunk: i32): void {
  const x = pointer(0), out = pointer(1);
  const key = i32x4.splat(int(3)), threshold = i32x4.splat(int(4)), factor = f32x4.splat(float(0));
  const first = chunk * FLAT_CHUNK, to = flatEnd(chunk, int(2));
  let c0 = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3)), c1 = i32x4.add(i32x4.splat(first), i32x4(4, 5, 6, 7));
  for (let o = bytes(first); o < to; o += 32) {
    const k0 = keep4(key, c0, threshold, factor), k1 = keep4(key, c1, threshold, factor);
    storePair(out + o, f32x4.mul(v128.load(x + o), k0), f32x4.mul(v128.load(x + o, 16), k1));
    c0 = i32x4.add(c0, i32x4.splat(8));
    c1 = i32x4.add(c1, i32x4.splat(8));
  }
}

/**
 * out [rows, width] = factor · (x [rows, own], zero-padded or cut) (+ out).
 * Job: 0 x, 1 out, 2 rows, 3 own, 4 width, 5 rows a chunk, 6 whether out is added to; float 0 the factor.
 */
export function fitScaleJob(chunk: i32): void {
  const own = bytes(int(3)), width = bytes(int(4)), each = int(5), add = int(6) != 0;
  const factor = f32x4.splat(float(0)), shared = min(own, width), whole = shared & ~15;
  const last = min(int(2), (chunk + 1) * each);
  for (let r = chunk * each; r < last; r++) {
    const x = pointer(0) + <usize>r * own, out = pointer(1) + <usize>r * width;
    let o: usize = 0;
    if (add) {
      for (; o < whole; o += 16) v128.store(out + o, f32x4.add(f32x4.mul(v128.load(x + o), factor), v128.load(out + o)));
      for (; o < shared; o += 4) store<f32>(out + o, load<f32>(x + o) * float(0) + load<f32>(out + o));
    } else {
      for (; o < whole; o += 16) v128.store(out + o, f32x4.mul(v128.load(x + o), factor));
      for (; o < shared; o += 4) store<f32>(out + o, load<f32>(x + o) * float(0));
      memory.fill(out + shared, 0, width - shared);
    }
  }
}

/** a ← a + b of many arrays. Job: 0 table of chunks, three words each: a, b, count. */
export function accumulateAllJob(chunk: i32): void {
  const row = pointer(0) + <usize>chunk * 12, a = <usize>load<u32>(row), b = <usize>load<u32>(row, 4);
  const size = bytes(load<i32>(row, 8));
  for (let o: usize = 0; o < size; o += 16) v128.store(a + o, f32x4.add(v128.load(a + o), v128.load(b + o)));
}

/**
 * Parameters, gradients and moments in one pass; torch.optim.AdamW's arithmetic.
 * Job: 0 table of chunks, five words each: value, gradient, m, v, count; floats 0 β₁, 1 β₂, 2 ε, 3 gradient scale;
 * 1 table of floats, three a chunk: step size, 1/√(1 − β₂ᵗ), 1 − rate·decay.
 */
export function adamwJob(chunk: i32): void {
  const row = pointer(0) + <usize>chunk * 20, own = pointer(1) + <usize>chunk * 12;
  const p = <usize>load<u32>(row), g = <usize>load<u32>(row, 4), m = <usize>load<u32>(row, 8);
  const v = <usize>load<u32>(row, 12), size = bytes(load<i32>(row, 16));
  const beta1 = f32x4.splat(float(0)), beta2 = f32x4.splat(float(1)), epsilon = f32x4.splat(float(2));
  const rest1 = f32x4.splat(float(4)), rest2 = f32x4.splat(float(5)), gradScale = f32x4.splat(float(3));
  const step = v128.load32_splat(own), secondScale = v128.load32_splat(own, 4), keep = v128.load32_splat(own, 8);
  for (let o: usize = 0; o < size; o += 16) {
    const grad = f32x4.mul(v128.load(g + o), gradScale);
    const first = madd(beta1, v128.load(m + o), f32x4.mul(rest1, grad));
    const second = madd(beta2, v128.load(v + o), f32x4.mul(rest2, f32x4.mul(grad, grad)));
    v128.store(m + o, first);
    v128.store(v + o, second);
    const denominator = madd(f32x4.sqrt(second), secondScale, epsilon);
    const change = f32x4.div(f32x4.mul(step, first), denominator);
    v128.store(p + o, f32x4.sub(f32x4.mul(v128.load(p + o), keep), change));
  }
}
