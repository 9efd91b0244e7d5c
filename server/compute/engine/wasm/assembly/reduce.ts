/** Sums in a fixed order, row softmax and copies between strided arrays. */
import { COLUMN_CHUNK } from './opcodes';
import { bytes, int, pointer } from './layout';
import { exp1, exp4, maxLanes, pairSum, storePair, sumLanes } from './vector';

/** Job: 0 x [rows, columns], 1 out [rows], 2 rows, 3 columns, 4 rows a chunk. */
export function rowSumJob(chunk: i32): void {
  const width = bytes(int(3)),
    each = int(4),
    last = min(int(2), (chunk + 1) * each);
  for (let r = chunk * each; r < last; r++) {
    store<f32>(pointer(1) + bytes(r), rowSum(pointer(0) + <usize>r * width, width));
  }
}

export function rowSum(x: usize, width: usize): f32 {
  let s0 = f32x4.splat(0),
    s1 = s0,
    o: usize = 0;
  const whole = width & ~31;
  for (; o < whole; o += 32) {
    s0 = f32x4.add(s0, v128.load(x + o));
    s1 = f32x4.add(s1, v128.load(x + o, 16));
  }
  let sum = sumLanes(f32x4.add(s0, s1));
  for (; o < width; o += 4) sum += load<f32>(x + o);
  return sum;
}

/** Job: 0 x [rows, columns], 1 out [columns], 2 rows, 3 columns. Each column from the first row to the last. */
export function columnSumJob(chunk: i32): void {
  const rows = int(2),
    columns = int(3),
    last = min(columns, (chunk + 1) * COLUMN_CHUNK);
  const width = bytes(columns);
  let j = chunk * COLUMN_CHUNK;
  // A whole cache line of each row at once, and four sums that don't wait for each other.
  for (; j + 16 <= last; j += 16) {
    let at = pointer(0) + bytes(j),
      s0 = f32x4.splat(0),
      s1 = s0,
      s2 = s0,
      s3 = s0;
    for (let r = 0; r < rows; r++) {
      s0 = f32x4.add(s0, v128.load(at));
      s1 = f32x4.add(s1, v128.load(at, 16));
      s2 = f32x4.add(s2, v128.load(at, 32));
      s3 = f32x4.add(s3, v128.load(at, 48));
      at += width;
    }
    const to = pointer(1) + bytes(j);
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; j + 4 <= last; j += 4) {
    let at = pointer(0) + bytes(j),
      sum = f32x4.splat(0);
    for (let r = 0; r < rows; r++) {
      sum = f32x4.add(sum, v128.load(at));
      at += width;
    }
    v128.store(pointer(1) + bytes(j), sum);
  }
  for (; j < last; j++) {
    let at = pointer(0) + bytes(j),
      sum: f32 = 0;
    for (let r = 0; r < rows; r++) {
      sum += load<f32>(at);
      at += width;
    }
    store<f32>(pointer(1) + bytes(j), sum);
  }
}

/** Largest of a row. A NaN may be passed over: what it is the largest of for is a sum of eˣ, and that is NaN then. */
export function rowMax(x: usize, width: usize): f32 {
  let m0 = f32x4.splat(-Infinity),
    m1 = m0,
    o: usize = 0;
  const whole = width & ~31;
  for (; o < whole; o += 32) {
    m0 = f32x4.pmax(m0, v128.load(x + o));
    m1 = f32x4.pmax(m1, v128.load(x + o, 16));
  }
  let m = maxLanes(f32x4.pmax(m0, m1));
  for (; o < width; o += 4) m = max(m, load<f32>(x + o));
  return m;
}

/** out ← e^(scale·x − shift), in place where out = x; returns the sum. */
export function rowExp(x: usize, out: usize, width: usize, scale: f32, shift: f32): f32 {
  const scales = f32x4.splat(scale),
    shifts = f32x4.splat(shift),
    whole = width & ~31;
  let s0 = f32x4.splat(0),
    s1 = s0,
    o: usize = 0;
  for (; o < whole; o += 32) {
    const e0 = exp4(f32x4.sub(f32x4.mul(v128.load(x + o), scales), shifts));
    const e1 = exp4(f32x4.sub(f32x4.mul(v128.load(x + o, 16), scales), shifts));
    storePair(out + o, e0, e1);
    s0 = f32x4.add(s0, e0);
    s1 = f32x4.add(s1, e1);
  }
  let sum = sumLanes(pairSum(s0, s1));
  for (; o < width; o += 4) {
    const e = exp1(load<f32>(x + o) * scale - shift);
    store<f32>(out + o, e);
    sum += e;
  }
  return sum;
}

export function rowScale(x: usize, width: usize, factor: f32): void {
  const factors = f32x4.splat(factor),
    whole = width & ~31;
  let o: usize = 0;
  for (; o < whole; o += 32) {
    storePair(x + o, f32x4.mul(v128.load(x + o), factors), f32x4.mul(v128.load(x + o, 16), factors));
  }
  for (; o < width; o += 4) store<f32>(x + o, load<f32>(x + o) * factor);
}

/** Job: 0 x [rows, columns], 1 out, 2 rows, 3 columns, 4 rows a chunk. */
export function softmaxJob(chunk: i32): void {
  const width = bytes(int(3)),
    each = int(4),
    last = min(int(2), (chunk + 1) * each);
  for (let r = chunk * each; r < last; r++) {
    const x = pointer(0) + <usize>r * width,
      out = pointer(1) + <usize>r * width;
    const sum = rowExp(x, out, width, 1, rowMax(x, width));
    rowScale(out, width, <f32>1 / sum);
  }
}

/** Job: 0 table of chunks, two words each: entries, count; 1 out (one double a chunk). Squares summed in double precision. */
export function squaredNormJob(chunk: i32): void {
  const row = pointer(0) + ((<usize>chunk) << 3),
    x = <usize>load<u32>(row),
    to = bytes(load<i32>(row, 4)),
    whole = to & ~15;
  let s0 = f64x2.splat(0),
    s1 = s0,
    o: usize = 0;
  for (; o < whole; o += 16) {
    const v = v128.load(x + o);
    const low = f64x2.promote_low_f32x4(v),
      high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
    s0 = f64x2.add(s0, f64x2.mul(low, low));
    s1 = f64x2.add(s1, f64x2.mul(high, high));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; o < to; o += 4) sum += <f64>load<f32>(x + o) * <f64>load<f32>(x + o);
  store<f64>(pointer(1) + ((<usize>chunk) << 3), sum);
}

/**
 * Copies a 4-D array of 4-byte entries between strided places: transposes, slices, concatenations, paddings.
 * Job: 0 from, 1 to, 2 … 5 sizes, 6 … 9 strides of from, 10 … 13 strides of to, in elements. A chunk is one index of
 * the first axis.
 */
export function stridedCopyJob(chunk: i32): void {
  const n1 = int(3),
    n2 = int(4),
    n3 = int(5);
  const f1 = bytes(int(7)),
    f2 = bytes(int(8)),
    f3 = bytes(int(9));
  const t1 = bytes(int(11)),
    t2 = bytes(int(12)),
    t3 = bytes(int(13));
  const from = pointer(0) + <usize>chunk * bytes(int(6)),
    to = pointer(1) + <usize>chunk * bytes(int(10));
  for (let i = 0; i < n1; i++) {
    for (let j = 0; j < n2; j++) {
      let x = from + <usize>i * f1 + <usize>j * f2,
        y = to + <usize>i * t1 + <usize>j * t2;
      if (f3 == 4 && t3 == 4) memory.copy(y, x, bytes(n3));
      else {
        for (let k = 0; k < n3; k++) {
          store<f32>(y, load<f32>(x));
          x += f3;
          y += t3;
        }
      }
    }
  }
}
