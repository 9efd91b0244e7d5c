/** Layer and root-mean-square normalisation of rows, and their gradients; see kernels/norms.ts. */
import { ROW_CHUNK } from './opcodes';
import { bytes, float, int, pointer } from './layout';
import { madd, sumLanes } from './vector';
import { rowSum } from './reduce';

/** Σ (x − mean)² */
function squaresAround(x: usize, width: usize, mean: f32): f32 {
  const means = f32x4.splat(mean), whole = width & ~31;
  let s0 = f32x4.splat(0), s1 = s0, o: usize = 0;
  for (; o < whole; o += 32) {
    const c0 = f32x4.sub(v128.load(x + o), means), c1 = f32x4.sub(v128.load(x + o, 16), means);
    s0 = madd(c0, c0, s0);
    s1 = madd(c1, c1, s1);
  }
  let sum = sumLanes(f32x4.add(s0, s1));
  for (; o < width; o += 4) {
    const centred = load<f32>(x + o) - mean;
    sum += centred * centred;
  }
  return sum;
}

@inline function inverseRoot(sum: f32, width: i32, epsilon: f32): f32 {
  return <f32>1 / sqrt<f32>(sum / <f32>width + epsilon);
}

/** Job: 0 x, 1 gain, 2 bias (0: root-mean-square), 3 out, 4 rows, 5 width; float 0 ε. */
export function normJob(chunk: i32): void {
  const d = int(5), width = bytes(d), whole = width & ~15, gain = pointer(1), bias = pointer(2);
  const last = min(int(4), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const x = pointer(0) + <usize>r * width, out = pointer(3) + <usize>r * width;
    const mean: f32 = bias == 0 ? 0 : rowSum(x, width) / <f32>d;
    const scale = inverseRoot(squaresAround(x, width, mean), d, float(0));
    const means = f32x4.splat(mean), scales = f32x4.splat(scale);
    let o: usize = 0;
    for (; o < whole; o += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + o), means), scales);
      const scaled = f32x4.mul(normal, v128.load(gain + o));
      v128.store(out + o, bias == 0 ? scaled : f32x4.add(scaled, v128.load(bias + o)));
    }
    for (; o < width; o += 4) {
      const scaled = (load<f32>(x + o) - mean) * scale * load<f32>(gain + o);
      store<f32>(out + o, bias == 0 ? scaled : scaled + load<f32>(bias + o));
    }
  }
}

/**
 * With x̂ the normalised row and g = dy·gain: dx = scale · (g − mean(g) − x̂·mean(g·x̂)) (no mean(g) for RMS);
 * each chunk leaves its sums of dy·x̂ and dy for dGain and dBias.
 * Job: 0 x, 1 gain, 2 whether centred, 3 dx, 4 rows, 5 width, 6 dy, 7 partial sums [chunks, 2, width]; float 0 ε.
 */
export function normGradJob(chunk: i32): void {
  const d = int(5), width = bytes(d), whole = width & ~15, gain = pointer(1), centred = int(2) != 0;
  const dGain = pointer(7) + <usize>chunk * 2 * width, dBias = dGain + width;
  memory.fill(dGain, 0, 2 * width);
  const last = min(int(4), (chunk + 1) * ROW_CHUNK);
  for (let r = chunk * ROW_CHUNK; r < last; r++) {
    const x = pointer(0) + <usize>r * width, dx = pointer(3) + <usize>r * width;
    const dy = pointer(6) + <usize>r * width;
    const mean: f32 = centred ? rowSum(x, width) / <f32>d : 0;
    const scale = inverseRoot(squaresAround(x, width, mean), d, float(0));
    const means = f32x4.splat(mean), scales = f32x4.splat(scale);
    let sums = f32x4.splat(0), products = f32x4.splat(0), o: usize = 0;
    for (; o < whole; o += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + o), means), scales), y = v128.load(dy + o);
      const g = f32x4.mul(y, v128.load(gain + o));
      sums = f32x4.add(sums, g);
      products = madd(g, normal, products);
      v128.store(dGain + o, madd(y, normal, v128.load(dGain + o)));
      v128.store(dBias + o, f32x4.add(y, v128.load(dBias + o)));
    }
    let sum = sumLanes(sums), product = sumLanes(products);
    for (; o < width; o += 4) {
      const normal = (load<f32>(x + o) - mean) * scale, y = load<f32>(dy + o), g = y * load<f32>(gain + o);
      sum += g;
      product += g * normal;
      store<f32>(dGain + o, load<f32>(dGain + o) + y * normal);
      store<f32>(dBias + o, load<f32>(dBias + o) + y);
    }
    sum = centred ? sum / <f32>d : 0;
    product /= <f32>d;
    for (o = 0; o < whole; o += 16) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + o), means), scales);
      const g = f32x4.mul(v128.load(dy + o), v128.load(gain + o));
      const rest = f32x4.sub(f32x4.sub(g, f32x4.splat(sum)), f32x4.mul(normal, f32x4.splat(product)));
      v128.store(dx + o, f32x4.mul(scales, rest));
    }
    for (; o < width; o += 4) {
      const normal = (load<f32>(x + o) - mean) * scale, g = load<f32>(dy + o) * load<f32>(gain + o);
      store<f32>(dx + o, scale * (g - sum - normal * product));
    }
  }
}
