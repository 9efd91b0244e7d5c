/** Mamba's causal convolution and selective scan with their gradients; see kernels/causalConv.ts, selectiveScan.ts. */
import { Activation, CHANNEL_CHUNK } from './opcodes';
import { bytes, FREE_SCRATCH, int, pointer, scratch } from './layout';
import { activate, slope } from './elementwise';
import { exp4, madd, sumLanes } from './vector';

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

// Scan arguments: 0 u, 1 delta, 2 A [c, n], 3 B [b, l, n], 4 C, 5 D, 6 initial (0: none) [b, c, n], 7 y or dy,
// 8 final state (0: none) [b, c, n], 9 l, 10 c, 11 n, 12 du, 13 dDelta, 14 dA [b, c, n], 15 dB, 16 dC, 17 dD [b, c].
// States and rows of length n are kept in scratch padded to whole vectors with zeros.

/** Copies `rows` rows of n floats into rows of `padded` bytes, zeros after each. */
function padRows(from: usize, to: usize, rows: i32, n: i32, padded: usize): void {
  const size = bytes(n);
  for (let i = 0; i < rows; i++) {
    memory.copy(to, from, size);
    memory.fill(to + size, 0, padded - size);
    from += size;
    to += padded;
  }
}

/** h ← exp(delta·A) ∘ h + delta·u·B for the channels of a chunk at one position; `to` may be `h`. */
function advance(h: usize, to: usize, a: usize, b: usize, at: usize, channels: i32, padded: usize): void {
  for (let d = 0; d < channels; d++) {
    const delta = load<f32>(pointer(1) + at + bytes(d)), deltas = f32x4.splat(delta);
    const drive = f32x4.splat(delta * load<f32>(pointer(0) + at + bytes(d)));
    for (let o: usize = 0; o < padded; o += 16) {
      const decay = exp4(f32x4.mul(deltas, v128.load(a + o)));
      v128.store(to + o, madd(decay, v128.load(h + o), f32x4.mul(drive, v128.load(b + o))));
    }
    h += padded;
    to += padded;
    a += padded;
  }
}

function loadInitial(h: usize, batch: i32, first: i32, channels: i32, n: i32, padded: usize): void {
  const initial = pointer(6);
  if (initial == 0) memory.fill(h, 0, <usize>channels * padded);
  else padRows(initial + bytes((batch * int(10) + first) * n), h, channels, n, padded);
}

/** Forward: a chunk is 16 channels of one sequence. */
export function scanJob(chunk: i32): void {
  const l = int(9), c = int(10), n = int(11), padded = bytes((n + 3) & ~3);
  const across = (c + CHANNEL_CHUNK - 1) / CHANNEL_CHUNK, batch = chunk / across;
  const first = (chunk % across) * CHANNEL_CHUNK, channels = min(CHANNEL_CHUNK, c - first);
  const size = CHANNEL_CHUNK * padded;
  const h = scratch() + FREE_SCRATCH, a = h + size, b = a + size, cc = b + padded;
  padRows(pointer(2) + bytes(first * n), a, channels, n, padded);
  loadInitial(h, batch, first, channels, n, padded);
  for (let t = 0; t < l; t++) {
    const at = bytes((batch * l + t) * c + first);
    padRows(pointer(3) + bytes((batch * l + t) * n), b, 1, n, padded);
    padRows(pointer(4) + bytes((batch * l + t) * n), cc, 1, n, padded);
    advance(h, h, a, b, at, channels, padded);
    for (let d = 0; d < channels; d++) {
      const own = h + <usize>d * padded;
      let sum = f32x4.splat(0);
      for (let o: usize = 0; o < padded; o += 16) sum = madd(v128.load(own + o), v128.load(cc + o), sum);
      const skip = load<f32>(pointer(5) + bytes(first + d)) * load<f32>(pointer(0) + at + bytes(d));
      store<f32>(pointer(7) + at + bytes(d), sumLanes(sum) + skip);
    }
  }
  if (pointer(8) == 0) return;
  for (let d = 0; d < channels; d++) {
    memory.copy(pointer(8) + bytes((batch * c + first + d) * n), h + <usize>d * padded, bytes(n));
  }
}

/** Adds n floats of padded scratch to a row. */
function addRow(to: usize, from: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(to + bytes(i), load<f32>(to + bytes(i)) + load<f32>(from + bytes(i)));
}

/**
 * Backward: a chunk is one sequence, its channels 16 at a time in order, so that dB and dC are summed in one order.
 * The states at every `each`-th position are kept from a forward pass; those between are computed again from there.
 */
export function scanGradJob(batch: i32): void {
  const l = int(9), c = int(10), n = int(11), padded = bytes((n + 3) & ~3), size = CHANNEL_CHUNK * padded;
  const each = max(1, <i32>Math.ceil(Math.sqrt(<f64>l))), ends = (l + each - 1) / each;
  const a = scratch() + FREE_SCRATCH, g = a + size, dA = g + size, b = dA + size, cc = b + padded;
  const db = cc + padded, dc = db + padded, kept = dc + padded, states = kept + <usize>ends * size;
  memory.fill(pointer(15) + bytes(batch * l * n), 0, bytes(l * n));
  memory.fill(pointer(16) + bytes(batch * l * n), 0, bytes(l * n));
  for (let first = 0; first < c; first += CHANNEL_CHUNK) {
    const channels = min(CHANNEL_CHUNK, c - first), dD = pointer(17) + bytes(batch * c + first);
    padRows(pointer(2) + bytes(first * n), a, channels, n, padded);
    memory.fill(g, 0, 2 * size);
    memory.fill(dD, 0, bytes(channels));
    loadInitial(kept, batch, first, channels, n, padded);
    for (let e = 1; e < ends; e++) {
      const own = kept + <usize>e * size;
      memory.copy(own, own - size, size);
      for (let t = (e - 1) * each; t < e * each; t++) {
        padRows(pointer(3) + bytes((batch * l + t) * n), b, 1, n, padded);
        advance(own, own, a, b, bytes((batch * l + t) * c + first), channels, padded);
      }
    }
    for (let e = ends - 1; e >= 0; e--) {
      const start = e * each, end = min(l, start + each);
      memory.copy(states, kept + <usize>e * size, size);
      for (let t = start; t < end; t++) {
        const h = states + <usize>(t - start) * size;
        padRows(pointer(3) + bytes((batch * l + t) * n), b, 1, n, padded);
        advance(h, h + size, a, b, bytes((batch * l + t) * c + first), channels, padded);
      }
      for (let t = end - 1; t >= start; t--) {
        padRows(pointer(3) + bytes((batch * l + t) * n), b, 1, n, padded);
        padRows(pointer(4) + bytes((batch * l + t) * n), cc, 1, n, padded);
        const before = states + <usize>(t - start) * size;
        stepBack(bytes((batch * l + t) * c + first), before, size, first, channels, padded, a, dD);
        addRow(pointer(15) + bytes((batch * l + t) * n), db, n);
        addRow(pointer(16) + bytes((batch * l + t) * n), dc, n);
      }
    }
    for (let d = 0; d < channels; d++) {
      memory.copy(pointer(14) + bytes((batch * c + first + d) * n), dA + <usize>d * padded, bytes(n));
    }
  }
}

/** One position of the backward pass; its working rows follow `a` in scratch as laid out in scanGradJob. */
function stepBack(
  at: usize, before: usize, size: usize, first: i32, channels: i32, padded: usize, a: usize, dD: usize,
): void {
  const g = a + size, dA = g + size, b = dA + size, cc = b + padded, db = cc + padded, dc = db + padded;
  memory.fill(db, 0, 2 * padded);
  for (let d = 0; d < channels; d++) {
    const u = load<f32>(pointer(0) + at + bytes(d)), delta = load<f32>(pointer(1) + at + bytes(d));
    const dy = load<f32>(pointer(7) + at + bytes(d)), shift = <usize>d * padded;
    const deltas = f32x4.splat(delta), dys = f32x4.splat(dy), drive = f32x4.splat(delta * u);
    let intoB = f32x4.splat(0), intoDelta = intoB;
    for (let o: usize = 0; o < padded; o += 16) {
      const own = shift + o, rates = v128.load(a + own), decay = exp4(f32x4.mul(deltas, rates));
      const dh = madd(dys, v128.load(cc + o), v128.load(g + own));
      v128.store(dc + o, madd(dys, v128.load(before + size + own), v128.load(dc + o)));
      v128.store(db + o, madd(dh, drive, v128.load(db + o)));
      intoB = madd(dh, v128.load(b + o), intoB);
      const passed = f32x4.mul(dh, decay), changed = f32x4.mul(passed, v128.load(before + own));
      intoDelta = madd(changed, rates, intoDelta);
      v128.store(dA + own, madd(changed, deltas, v128.load(dA + own)));
      v128.store(g + own, passed);
    }
    const sum = sumLanes(intoB), skip = load<f32>(pointer(5) + bytes(first + d));
    store<f32>(pointer(12) + at + bytes(d), delta * sum + dy * skip);
    store<f32>(pointer(13) + at + bytes(d), u * sum + sumLanes(intoDelta));
    store<f32>(dD + bytes(d), load<f32>(dD + bytes(d)) + dy * u);
  }
}
