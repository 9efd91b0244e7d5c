/** Mamba's causal convolution and its gradients; see kernels/causalConv.ts. */
import { Activation, CHANNEL_CHUNK } from './opcodes';
import { bytes, int, pointer } from './layout';
import { activate, slope } from './elementwise';
import { madd } from './vector';

// Convolution arguments: 0 x, 1 w [c, k], 2 bias (0: none), 3 out, 4 l, 5 c, 6 k, 7 whether SiLU, 8 batch, 9 dy or g,
// 10 dw, 11 dBias (0: none). A chunk is one sequence of the batch (forward, dx) or 16 channels (dw).

/** Bias and taps before the activation, for one position and channel. */
// @ts-ignore: decorator
@inline function taps(x: usize, t: i32, j: i32, c: i32, k: i32): f32 {
  const w = pointer(1) + bytes(j * k), bias = pointer(2);
  let sum: f32 = bias == 0 ? 0 : load<f32>(bias + bytes(j));
  for (let q = max(0, k - 1 - t); q < k; q++) {
    sum += load<f32>(w + bytes(q)) * load<f32>(x + bytes((t - k + 1 + q) * c + j));
  }
  return sum;
}

/** Four channels at once; the taps of four channels are gathered (w is [c, k]). */
// @ts-ignore: decorator
@inline function taps4(x: usize, t: i32, j: i32, c: i32, k: i32): v128 {
  const w = pointer(1) + bytes(j * k), bias = pointer(2), step = bytes(k);
  let sum = bias == 0 ? f32x4.splat(0) : v128.load(bias + bytes(j));
  for (let q = max(0, k - 1 - t); q < k; q++) {
    sum = madd(gather4(w + bytes(q), step), v128.load(x + bytes((t - k + 1 + q) * c + j)), sum);
  }
  return sum;
}

// @ts-ignore: decorator
@inline function gather4(at: usize, step: usize): v128 {
  let v = v128.load32_zero(at);
  v = v128.load_lane<f32>(at + step, v, 1);
  v = v128.load_lane<f32>(at + 2 * step, v, 2);
  return v128.load_lane<f32>(at + 3 * step, v, 3);
}

/** Forward; with `dy` (9) not 0, out is instead dy times the activation's slope. */
export function convJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), silu = int(7) != 0, dy = pointer(9);
  const start = <usize>chunk * <usize>l * bytes(c), x = pointer(0) + start;
  for (let t = 0; t < l; t++) {
    const at = start + <usize>t * bytes(c), out = pointer(3) + at;
    let j = 0;
    for (; j + 4 <= c; j += 4) {
      let y = taps4(x, t, j, c, k);
      if (dy != 0) y = f32x4.mul(v128.load(dy + at + bytes(j)), slope(Activation.Silu, y));
      else if (silu) y = activate(Activation.Silu, y);
      v128.store(out + bytes(j), y);
    }
    for (; j < c; j++) {
      let y = f32x4.splat(taps(x, t, j, c, k));
      if (dy != 0) y = f32x4.mul(v128.load32_splat(dy + at + bytes(j)), slope(Activation.Silu, y));
      else if (silu) y = activate(Activation.Silu, y);
      store<f32>(out + bytes(j), f32x4.extract_lane(y, 0));
    }
  }
}

/** dx[s] = Σ_q w[q] · g[s + k − 1 − q]; g (9) is the gradient before the activation. */
export function convGradInputJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), step = bytes(k);
  const start = <usize>chunk * <usize>l * bytes(c), g = pointer(9) + start, out = pointer(3) + start;
  for (let s = 0; s < l; s++) {
    const first = max(0, k - l + s), row = out + <usize>s * bytes(c);
    let j = 0;
    for (; j + 4 <= c; j += 4) {
      let sum = f32x4.splat(0);
      for (let q = first; q < k; q++) {
        const w = gather4(pointer(1) + bytes(j * k + q), step);
        sum = madd(w, v128.load(g + bytes((s + k - 1 - q) * c + j)), sum);
      }
      v128.store(row + bytes(j), sum);
    }
    for (; j < c; j++) {
      let sum: f32 = 0;
      for (let q = first; q < k; q++) {
        sum += load<f32>(pointer(1) + bytes(j * k + q)) * load<f32>(g + bytes((s + k - 1 - q) * c + j));
      }
      store<f32>(row + bytes(j), sum);
    }
  }
}

/** dw[c, q] = Σ over batch and time of g[t] · x[t − (k−1) + q]; dBias = Σ g. */
export function convGradWeightJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), batches = int(8), dBias = pointer(11);
  const last = min(c, (chunk + 1) * CHANNEL_CHUNK);
  for (let j = chunk * CHANNEL_CHUNK; j < last; j += 4) {
    const lanes = min(4, last - j);
    // Tap k stands for the bias: its input is 1.
    for (let q = 0; q <= k; q++) {
      const lag = q == k ? 0 : k - 1 - q;
      let sum = f32x4.splat(0);
      for (let b = 0; b < batches; b++) {
        const start = <usize>b * <usize>l * bytes(c) + bytes(j);
        const x = pointer(0) + start, g = pointer(9) + start;
        for (let t = lag; t < l; t++) {
          const own = v128.load(g + <usize>t * bytes(c));
          sum = q == k ? f32x4.add(sum, own) : madd(own, v128.load(x + <usize>(t - lag) * bytes(c)), sum);
        }
      }
      if (q == k && dBias == 0) continue;
      for (let e = 0; e < lanes; e++) {
        const at = q == k ? dBias + bytes(j + e) : pointer(10) + bytes((j + e) * k + q);
        store<f32>(at, f32x4.extract_lane(sum, 0));
        sum = v128.shuffle<i32>(sum, sum, 1, 2, 3, 0);
      }
    }
  }
}
