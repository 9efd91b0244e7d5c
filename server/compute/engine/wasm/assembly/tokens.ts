/** What reads or writes by token: embedding, rotary positions, cross-entropy. */
import { ROW_CHUNK } from './opcodes';
import { bytes, float, int, pointer } from './layout';
import { exp1, exp4, storePair } from './vector';
import { rowMax } from './reduce';

/** Job: 0 table, 1 ids, 2 out, 3 rows, 4 width. */
export function embeddingJob(chunk: i32): void {
  const width = bytes(int(4)),
    last = min(int(3), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const id = load<i32>(pointer(1) + bytes(r));
    memory.copy(pointer(2) + <usize>r * width, pointer(0) + <usize>id * width, width);
  }
}

/**
 * Scatter-add in the order of the ids: one chunk, so that rows that share an id are added in one order.
 * Job: 0 dTable, 1 ids, 2 dy, 3 rows, 4 width, 5 rows of the table.
 */
export function embeddingGradJob(_chunk: i32): void {
  const rows = int(3),
    width = bytes(int(4)),
    whole = width & ~15;
  memory.fill(pointer(0), 0, <usize>int(5) * width);
  for (let r = 0; r < rows; r++) {
    const to = pointer(0) + <usize>load<i32>(pointer(1) + bytes(r)) * width;
    const from = pointer(2) + <usize>r * width;
    let o: usize = 0;
    for (; o < whole; o += 16)
      v128.store(to + o, f32x4.add(v128.load(to + o), v128.load(from + o)));
    for (; o < width; o += 4) store<f32>(to + o, load<f32>(to + o) + load<f32>(from + o));
  }
}

/**
 * Job: 0 x [rows, width], 1 out (x itself, or none of it), 2 rows, 3 width, 4 length l, 5 heads, 6 head stride, 7 offset of
 * the second part in a head's row, 8 parts turned (1 or 2), 9 dims/2, 10 cos [l, dims/2], 11 sin; float 0: −1 turns back.
 */
export function rotaryJob(chunk: i32): void {
  const width = bytes(int(3)),
    heads = int(5),
    stride = bytes(int(6)),
    second = bytes(int(7));
  const parts = int(8),
    half = int(9),
    size = bytes(half),
    whole = size & ~15,
    sign = float(0);
  const last = min(int(2), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const x = pointer(0) + <usize>r * width,
      out = pointer(1) + <usize>r * width;
    const cos = pointer(10) + <usize>(r % int(4)) * size,
      sin = pointer(11) + <usize>(r % int(4)) * size;
    if (out != x) memory.copy(out, x, width);
    for (let part = 0; part < parts; part++) {
      for (let h = 0; h < heads; h++) {
        const at = out + <usize>h * stride + <usize>part * second,
          other = at + size;
        let o: usize = 0;
        for (; o < whole; o += 16) {
          const a = v128.load(at + o),
            b = v128.load(other + o);
          const c = v128.load(cos + o),
            s = f32x4.mul(v128.load(sin + o), f32x4.splat(sign));
          v128.store(at + o, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
          v128.store(other + o, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
        }
        for (; o < size; o += 4) {
          const a = load<f32>(at + o),
            b = load<f32>(other + o);
          const c = load<f32>(cos + o),
            s = load<f32>(sin + o) * sign;
          store<f32>(at + o, a * c - b * s);
          store<f32>(other + o, b * c + a * s);
        }
      }
    }
  }
}

/** Σ e^(x − shift), without storing the exponentials. */
function sumExp(x: usize, width: usize, shift: f32): f64 {
  const shifts = f32x4.splat(shift),
    whole = width & ~15;
  let s0 = f64x2.splat(0),
    s1 = s0,
    o: usize = 0;
  for (; o < whole; o += 16) {
    const e = exp4(f32x4.sub(v128.load(x + o), shifts));
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(e));
    s1 = f64x2.add(s1, f64x2.promote_low_f32x4(v128.shuffle<i64>(e, e, 1, 0)));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; o < width; o += 4) sum += <f64>exp1(load<f32>(x + o) - shift);
  return sum;
}

/** Job: 0 logits, 1 targets, 2 loss a row (double), 3 log-sum-exp a row, 4 rows, 5 vocabulary, 6 target not scored. */
export function crossEntropyJob(chunk: i32): void {
  const width = bytes(int(5)),
    last = min(int(4), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const x = pointer(0) + <usize>r * width,
      target = load<i32>(pointer(1) + bytes(r));
    let logSum: f64 = 0,
      loss: f64 = 0;
    if (target != int(6)) {
      const largest = rowMax(x, width);
      logSum = <f64>largest + Math.log(sumExp(x, width, largest));
      loss = logSum - <f64>load<f32>(x + bytes(target));
    }
    store<f32>(pointer(3) + bytes(r), <f32>logSum);
    store<f64>(pointer(2) + ((<usize>r) << 3), loss);
  }
}

/** Job: 0 logits, 1 targets, 2 dLogits, 3 log-sum-exp, 4 rows, 5 vocabulary, 6 target not scored; float 0 dy. */
export function crossEntropyGradJob(chunk: i32): void {
  const width = bytes(int(5)),
    whole = width & ~31,
    dy = float(0),
    factor = f32x4.splat(dy);
  const last = min(int(4), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const x = pointer(0) + <usize>r * width,
      out = pointer(2) + <usize>r * width;
    const target = load<i32>(pointer(1) + bytes(r));
    if (target == int(6)) {
      memory.fill(out, 0, width);
      continue;
    }
    const logSum = load<f32>(pointer(3) + bytes(r)),
      logSums = f32x4.splat(logSum);
    let o: usize = 0;
    for (; o < whole; o += 32) {
      const e0 = exp4(f32x4.sub(v128.load(x + o), logSums)), e1 = exp4(f32x4.sub(v128.load(x + o, 16), logSums));
      storePair(out + o, f32x4.mul(factor, e0), f32x4.mul(factor, e1));
    }
    for (; o < width; o += 4) store<f32>(out + o, dy * exp1(load<f32>(x + o) - logSum));
    const at = out + bytes(target);
    store<f32>(at, load<f32>(at) - dy);
  }
}
