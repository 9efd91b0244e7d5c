/** Linear combinations of tensors that are padded or cut to one width; see kernels/blend.ts. */
import { bytes, int, pointer } from './layout';
import { madd, storePair } from './vector';

// Job: 0 table, a row of four words a term: x, its width, coefficient, dx; 1 terms, 2 out or dy, 3 rows, 4 width, 5 rows a
// chunk, 6 (gradient) one double a chunk and term.

/** out = Σ coefficient · fit(x). A row of out stays in the nearest cache from its first term to its last. */
export function combineJob(chunk: i32): void {
  const width = bytes(int(4)), each = int(5), last = min(int(3), (chunk + 1) * each);
  const ends = pointer(0) + ((<usize>int(1)) << 4);
  for (let r = chunk * each; r < last; r++) {
    const out = pointer(2) + <usize>r * width;
    for (let term = pointer(0); term < ends; term += 16) {
      const own = bytes(load<i32>(term, 4)), shared = min(own, width), whole = shared & ~31;
      const x = <usize>load<u32>(term) + <usize>r * own, factor = load<f32>(term, 8), factors = f32x4.splat(factor);
      let o: usize = 0;
      if (term == pointer(0)) {
        for (; o < whole; o += 32) storePair(out + o, f32x4.mul(v128.load(x + o), factors), f32x4.mul(v128.load(x + o, 16), factors));
        for (; o < shared; o += 4) store<f32>(out + o, load<f32>(x + o) * factor);
        memory.fill(out + shared, 0, width - shared);
      } else {
        for (; o < whole; o += 32) {
          const y0 = madd(v128.load(x + o), factors, v128.load(out + o));
          storePair(out + o, y0, madd(v128.load(x + o, 16), factors, v128.load(out + o, 16)));
        }
        for (; o < shared; o += 4) store<f32>(out + o, load<f32>(x + o) * factor + load<f32>(out + o));
      }
    }
  }
}

/** Of each term: dx = coefficient · dy, as wide as x; and a chunk's part of Σ dy · fit(x), in double precision. */
export function combineGradJob(chunk: i32): void {
  const terms = int(1), width = bytes(int(4)), each = int(5), last = min(int(3), (chunk + 1) * each);
  const sums = pointer(6) + ((<usize>chunk * <usize>terms) << 3);
  memory.fill(sums, 0, (<usize>terms) << 3);
  for (let r = chunk * each; r < last; r++) {
    const dy = pointer(2) + <usize>r * width;
    for (let t: usize = 0; t < <usize>terms; t++) {
      const term = pointer(0) + (t << 4), own = bytes(load<i32>(term, 4)), shared = min(own, width);
      const from = <usize>r * own, at = sums + (t << 3);
      const sum = gradRow(dy, <usize>load<u32>(term) + from, <usize>load<u32>(term, 12) + from, shared, load<f32>(term, 8));
      memory.fill(<usize>load<u32>(term, 12) + from + shared, 0, own - shared);
      store<f64>(at, load<f64>(at) + sum);
    }
  }
}

/** dx ← factor · dy; the sum of dy · x. */
function gradRow(dy: usize, x: usize, dx: usize, width: usize, factor: f32): f64 {
  const factors = f32x4.splat(factor), whole = width & ~15;
  let s0 = f64x2.splat(0), s1 = s0, o: usize = 0;
  for (; o < whole; o += 16) {
    const y = v128.load(dy + o), z = v128.load(x + o);
    v128.store(dx + o, f32x4.mul(y, factors));
    s0 = f64x2.add(s0, f64x2.mul(f64x2.promote_low_f32x4(y), f64x2.promote_low_f32x4(z)));
    const yh = v128.shuffle<i64>(y, y, 1, 0), zh = v128.shuffle<i64>(z, z, 1, 0);
    s1 = f64x2.add(s1, f64x2.mul(f64x2.promote_low_f32x4(yh), f64x2.promote_low_f32x4(zh)));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; o < width; o += 4) {
    const y = load<f32>(dy + o);
    sum += <f64>y * <f64>load<f32>(x + o);
    store<f32>(dx + o, y * factor);
  }
  return sum;
}
