/** Mamba's causal convolution and its gradients; see kernels/causalConv.ts. */
import { Activation, CHANNEL_CHUNK, CONV_CHUNK } from './opcodes';
import { bytes, FREE_SCRATCH, int, pointer, scratch } from './layout';
import { activate, slope } from './elementwise';
import { madd } from './vector';

// Convolution arguments: 0 x, 1 w [c, k], 2 bias (0: none), 3 out, 4 l, 5 c, 6 k, 7 whether SiLU, 8 batch, 9 dy or g,
// 10 dw, 11 dBias (0: none), 12 the k − 1 inputs before x [b, k − 1, c] (0: zeros; forward alone). A chunk is 64 channels of one sequence (forward, dx) or 16 channels of all (dw).

/** The weights of a chunk as k rows of its channels, then the bias: zeros where there is none. */
function turnWeights(to: usize, first: i32, channels: i32, k: i32): void {
  memory.fill(to, 0, bytes((k + 1) * CONV_CHUNK));
  for (let d = 0; d < channels; d++) {
    for (let q = 0; q < k; q++) store<f32>(to + bytes(q * CONV_CHUNK + d), load<f32>(pointer(1) + bytes((first + d) * k + q)));
    if (pointer(2) != 0) store<f32>(to + bytes(k * CONV_CHUNK + d), load<f32>(pointer(2) + bytes(first + d)));
  }
}

/** Stores up to four channels. */
@inline function storeChannels(at: usize, v: v128, channels: i32): void {
  if (channels >= 4) {
    v128.store(at, v);
    return;
  }
  for (let d = 0; d < channels; d++) {
    store<f32>(at + bytes(d), f32x4.extract_lane(v, 0));
    v = v128.shuffle<i32>(v, v, 1, 2, 3, 0);
  }
}

/** Forward; with `dy` (9) not 0, out is instead dy times the activation's slope. */
export function convJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), silu = int(7) != 0, dy = pointer(9), row = bytes(c);
  const across = (c + CONV_CHUNK - 1) / CONV_CHUNK, first = (chunk % across) * CONV_CHUNK;
  const channels = min(CONV_CHUNK, c - first), weights = scratch() + FREE_SCRATCH, bias = weights + bytes(k * CONV_CHUNK);
  const batch = chunk / across, start = <usize>batch * <usize>l * row + bytes(first);
  const before = pointer(12) == 0 ? 0 : pointer(12) + <usize>batch * <usize>(k - 1) * row + bytes(first);
  turnWeights(weights, first, channels, k);
  for (let t = 0; t < l; t++) {
    const at = start + <usize>t * row, out = pointer(3) + at, q0 = max(0, k - 1 - t);
    const x = pointer(0) + start + <usize>(t - k + 1 + q0) * row;
    for (let j = 0; j < channels; j += 4) {
      let y = v128.load(bias + bytes(j)), from = x + bytes(j), w = weights + bytes(q0 * CONV_CHUNK + j);
      if (before != 0) {
        for (let q = 0; q < q0; q++) {
          y = madd(v128.load(weights + bytes(q * CONV_CHUNK + j)), v128.load(before + <usize>(t + q) * row + bytes(j)), y);
        }
      }
      for (let q = q0; q < k; q++) {
        y = madd(v128.load(w), v128.load(from), y);
        from += row;
        w += bytes(CONV_CHUNK);
      }
      if (dy != 0) y = f32x4.mul(v128.load(dy + at + bytes(j)), slope(Activation.Silu, y));
      else if (silu) y = activate(Activation.Silu, y);
      storeChannels(out + bytes(j), y, channels - j);
    }
  }
}

/** dx[s] = Σ_q w[q] · g[s + k − 1 − q]; g (9) is the gradient before the activation. */
export function convGradInputJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), row = bytes(c);
  const across = (c + CONV_CHUNK - 1) / CONV_CHUNK, first = (chunk % across) * CONV_CHUNK;
  const channels = min(CONV_CHUNK, c - first), weights = scratch() + FREE_SCRATCH;
  const start = <usize>(chunk / across) * <usize>l * row + bytes(first);
  turnWeights(weights, first, channels, k);
  for (let s = 0; s < l; s++) {
    const q0 = max(0, k - l + s), out = pointer(3) + start + <usize>s * row;
    const g = pointer(9) + start + <usize>(s + k - 1 - q0) * row;
    for (let j = 0; j < channels; j += 4) {
      let sum = f32x4.splat(0), from = g + bytes(j), w = weights + bytes(q0 * CONV_CHUNK + j);
      for (let q = q0; q < k; q++) {
        sum = madd(v128.load(w), v128.load(from), sum);
        from -= row;
        w += bytes(CONV_CHUNK);
      }
      storeChannels(out + bytes(j), sum, channels - j);
    }
  }
}

/** What `convGradWeightJob` does for the usual four taps: all of them in one pass, each summed in the same order. */
function fourTaps(j: i32, lanes: i32): void {
  const l = int(4), c = int(5), row = bytes(c), dw = pointer(10) + bytes(j * 4), dBias = pointer(11);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, sum = s0;
  for (let b = 0; b < int(8); b++) {
    let x = pointer(0) + <usize>b * <usize>l * row + bytes(j), g = pointer(9) + <usize>b * <usize>l * row + bytes(j);
    let x1 = f32x4.splat(0), x2 = x1, x3 = x1;
    for (let t = 0; t < l; t++) {
      const own = v128.load(g), x0 = v128.load(x);
      sum = f32x4.add(sum, own);
      s3 = madd(own, x0, s3);
      // What stands before the sequence is no zero to be multiplied: the gradient may be infinite.
      if (t >= 1) s2 = madd(own, x1, s2);
      if (t >= 2) s1 = madd(own, x2, s1);
      if (t >= 3) s0 = madd(own, x3, s0);
      x3 = x2;
      x2 = x1;
      x1 = x0;
      x += row;
      g += row;
    }
  }
  for (let e = 0; e < lanes; e++) {
    store<f32>(dw + bytes(4 * e), f32x4.extract_lane(s0, 0));
    store<f32>(dw + bytes(4 * e), f32x4.extract_lane(s1, 0), 4);
    store<f32>(dw + bytes(4 * e), f32x4.extract_lane(s2, 0), 8);
    store<f32>(dw + bytes(4 * e), f32x4.extract_lane(s3, 0), 12);
    if (dBias != 0) store<f32>(dBias + bytes(j + e), f32x4.extract_lane(sum, 0));
    s0 = v128.shuffle<i32>(s0, s0, 1, 2, 3, 0);
    s1 = v128.shuffle<i32>(s1, s1, 1, 2, 3, 0);
    s2 = v128.shuffle<i32>(s2, s2, 1, 2, 3, 0);
    s3 = v128.shuffle<i32>(s3, s3, 1, 2, 3, 0);
    sum = v128.shuffle<i32>(sum, sum, 1, 2, 3, 0);
  }
}

/** dw[c, q] = Σ over batch and time of g[t] · x[t − (k−1) + q]; dBias = Σ g. */
export function convGradWeightJob(chunk: i32): void {
  const l = int(4), c = int(5), k = int(6), batches = int(8), dBias = pointer(11);
  const last = min(c, (chunk + 1) * CHANNEL_CHUNK);
  for (let j = chunk * CHANNEL_CHUNK; j < last; j += 4) {
    const lanes = min(4, last - j);
    if (k == 4) {
      fourTaps(j, lanes);
      continue;
    }
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
