/**
 * Mamba's selective scan and its gradient; see kernels/selectiveScan.ts. Eight channels run together, one a lane, so
 * that sums over states need no sum over lanes and any number of states fits; a state is a row of eight floats.
 */
import { CHANNEL_CHUNK, SCAN_TILE, SEGMENT_BYTES } from './opcodes';
import { bytes, FREE_SCRATCH, int, pointer, scratch } from './layout';
import { madd, pow2, sumLanes } from './vector';

// Arguments: 0 u, 1 delta, 2 A [c, n], 3 B [b, l, n], 4 C, 5 D, 6 initial (0: none) [b, c, n], 7 y or dy,
// 8 final state (0: none) [b, c, n], 9 l, 10 c, 11 n, 12 du, 13 dDelta, 14 dA [b, c, n], 15 dB and 16 dC, a partial sum
// [b, l, n] for each part of the channels, 17 dD [b, c], 18 parts, 19 channels a part,
// 20 sequences b.

const ROW: usize = 4 * SCAN_TILE;
const LOG2_E: f32 = 1.44269504;
const LN_2: f32 = 0.693147181;

// A thread's working rows at the start of its free scratch, then the tile's tables of n rows.
/** u, delta, dy and D of a tile with fewer than eight channels, zeros after them; results on their way out. */
const ROW_U: usize = 0;
const ROW_DELTA: usize = ROW;
const ROW_DY: usize = 2 * ROW;
const ROW_SKIP: usize = 3 * ROW;
const ROW_OUT: usize = 4 * ROW;
const ROW_OUT2: usize = 5 * ROW;
const ROW_SKIP_GRAD: usize = 6 * ROW;
const TABLES: usize = 8 * ROW;

/** Where the channels of a tile can be read as two vectors: in place, or copied to `stage`. */
@inline function staged(from: usize, channels: i32, stage: usize): usize {
  if (channels == SCAN_TILE) return from;
  memory.copy(stage, from, bytes(channels));
  return stage;
}

/** Table [n][8] of rows from [channels, n], scaled; lanes without a channel are 0. */
function turnIn(from: usize, to: usize, channels: i32, n: i32, scale: f32): void {
  for (let i = 0; i < n; i++) {
    for (let d = 0; d < SCAN_TILE; d++) {
      store<f32>(to + bytes(d), d < channels ? load<f32>(from + bytes(d * n + i)) * scale : 0);
    }
    to += ROW;
  }
}

function turnOut(from: usize, to: usize, channels: i32, n: i32): void {
  for (let i = 0; i < n; i++) {
    for (let d = 0; d < channels; d++) store<f32>(to + bytes(d * n + i), load<f32>(from + bytes(d)));
    from += ROW;
  }
}

function loadInitial(h: usize, batch: i32, first: i32, channels: i32, n: i32): void {
  if (pointer(6) == 0) memory.fill(h, 0, <usize>n * ROW);
  else turnIn(pointer(6) + bytes((batch * int(10) + first) * n), h, channels, n, 1);
}

/** Forward: a chunk is 16 channels of one sequence, so that no cache line of y has two writers. */
export function scanJob(chunk: i32): void {
  const c = int(10), across = (c + CHANNEL_CHUNK - 1) / CHANNEL_CHUNK;
  const batch = chunk / across, start = (chunk % across) * CHANNEL_CHUNK;
  for (let first = start; first < min(c, start + CHANNEL_CHUNK); first += SCAN_TILE) {
    scanTile(batch, first, min(SCAN_TILE, c - first));
  }
}

function scanTile(batch: i32, first: i32, channels: i32): void {
  const l = int(9), c = int(10), n = int(11), work = scratch() + FREE_SCRATCH;
  const a = work + TABLES, h = a + <usize>n * ROW, out = work + ROW_OUT, size = bytes(channels);
  memory.fill(work, 0, TABLES);
  turnIn(pointer(2) + bytes(first * n), a, channels, n, LOG2_E);
  loadInitial(h, batch, first, channels, n);
  const skip = staged(pointer(5) + bytes(first), channels, work + ROW_SKIP);
  let at = bytes(batch * l * c + first), b = pointer(3) + bytes(batch * l * n), cc = pointer(4) + bytes(batch * l * n);
  for (let t = 0; t < l; t++) {
    const u = staged(pointer(0) + at, channels, work + ROW_U);
    const delta = staged(pointer(1) + at, channels, work + ROW_DELTA);
    const d0 = v128.load(delta), d1 = v128.load(delta, 16), u0 = v128.load(u), u1 = v128.load(u, 16);
    const w0 = f32x4.mul(d0, u0), w1 = f32x4.mul(d1, u1);
    let y0 = f32x4.mul(u0, v128.load(skip)), y1 = f32x4.mul(u1, v128.load(skip, 16));
    for (let i: usize = 0, o: usize = 0; i < bytes(n); i += 4, o += ROW) {
      const bs = v128.load32_splat(b + i), cs = v128.load32_splat(cc + i);
      const h0 = madd(pow2(f32x4.mul(d0, v128.load(a + o))), v128.load(h + o), f32x4.mul(w0, bs));
      const h1 = madd(pow2(f32x4.mul(d1, v128.load(a + o, 16))), v128.load(h + o, 16), f32x4.mul(w1, bs));
      v128.store(h + o, h0);
      v128.store(h + o, h1, 16);
      y0 = madd(h0, cs, y0);
      y1 = madd(h1, cs, y1);
    }
    v128.store(out, y0);
    v128.store(out, y1, 16);
    memory.copy(pointer(7) + at, out, size);
    at += bytes(c);
    b += bytes(n);
    cc += bytes(n);
  }
  if (pointer(8) != 0) turnOut(h, pointer(8) + bytes((batch * c + first) * n), channels, n);
}

/** Positions whose states and decays are kept at a time; the rest is computed again from the states at segment ends. */
@inline function segmentLength(l: i32, n: i32): i32 {
  return max(1, min(l, <i32>(SEGMENT_BYTES / (2 * ROW * <usize>max(1, n)))));
}

/**
 * States from `start` to `end`, from the one before `start` at `h`. With `decays` every position's state follows its
 * predecessor's, and its decays are kept; without, `h` itself is carried along.
 */
function carry(
  batch: i32, first: i32, channels: i32, start: i32, end: i32, a: usize, h: usize, decays: usize,
): void {
  const c = int(10), n = int(11), work = scratch() + FREE_SCRATCH, table = <usize>n * ROW;
  for (let t = start; t < end; t++) {
    const at = bytes((batch * int(9) + t) * c + first), b = pointer(3) + bytes((batch * int(9) + t) * n);
    const u = staged(pointer(0) + at, channels, work + ROW_U);
    const delta = staged(pointer(1) + at, channels, work + ROW_DELTA);
    const d0 = v128.load(delta), d1 = v128.load(delta, 16);
    const w0 = f32x4.mul(d0, v128.load(u)), w1 = f32x4.mul(d1, v128.load(u, 16));
    const next = decays == 0 ? h : h + table;
    for (let i: usize = 0, o: usize = 0; i < bytes(n); i += 4, o += ROW) {
      const bs = v128.load32_splat(b + i);
      const e0 = pow2(f32x4.mul(d0, v128.load(a + o))), e1 = pow2(f32x4.mul(d1, v128.load(a + o, 16)));
      const h0 = madd(e0, v128.load(h + o), f32x4.mul(w0, bs)), h1 = madd(e1, v128.load(h + o, 16), f32x4.mul(w1, bs));
      if (decays != 0) {
        v128.store(decays + o, e0);
        v128.store(decays + o, e1, 16);
      }
      v128.store(next + o, h0);
      v128.store(next + o, h1, 16);
    }
    h = next;
    if (decays != 0) decays += table;
  }
}

/** Backward: a chunk is one part of the channels of one sequence; parts are added afterwards, in order. */
export function scanGradJob(chunk: i32): void {
  const l = int(9), c = int(10), n = int(11), batch = chunk / int(18), part = chunk % int(18), each = int(19);
  // The parts of one sequence are [b, l, n] apart.
  const own = bytes(((part * int(20) + batch) * l) * n), size = bytes(l * n);
  memory.fill(pointer(15) + own, 0, size);
  memory.fill(pointer(16) + own, 0, size);
  for (let first = part * each; first < min(c, (part + 1) * each); first += SCAN_TILE) {
    gradTile(batch, first, min(SCAN_TILE, c - first), own);
  }
}

function gradTile(batch: i32, first: i32, channels: i32, own: usize): void {
  const l = int(9), c = int(10), n = int(11), work = scratch() + FREE_SCRATCH, table = <usize>n * ROW;
  const a = work + TABLES, g = a + table, dA = g + table, states = dA + 2 * table;
  const each = segmentLength(l, n), ends = (l + each - 1) / each;
  const decays = states + <usize>(each + 1) * table, kept = decays + <usize>each * table;
  memory.fill(work, 0, TABLES);
  turnIn(pointer(2) + bytes(first * n), a, channels, n, LOG2_E);
  memory.fill(g, 0, 2 * table);
  loadInitial(kept, batch, first, channels, n);
  for (let e = 1; e < ends; e++) {
    const end = kept + <usize>e * table;
    memory.copy(end, end - table, table);
    carry(batch, first, channels, (e - 1) * each, e * each, a, end, 0);
  }
  for (let e = ends - 1; e >= 0; e--) {
    const start = e * each, end = min(l, start + each);
    memory.copy(states, kept + <usize>e * table, table);
    carry(batch, first, channels, start, end, a, states, decays);
    for (let t = end - 1; t >= start; t--) {
      const shift = <usize>(t - start) * table;
      stepBack(batch, t, first, channels, states + shift, decays + shift, own);
    }
  }
  turnOut(dA, pointer(14) + bytes((batch * c + first) * n), channels, n);
  memory.copy(pointer(17) + bytes(batch * c + first), work + ROW_SKIP_GRAD, bytes(channels));
}

/** One position of the backward pass: `before` the state before it, its own behind that, `decays` between the two. */
function stepBack(
  batch: i32, t: i32, first: i32, channels: i32, before: usize, decays: usize, own: usize,
): void {
  const n = int(11), work = scratch() + FREE_SCRATCH, table = <usize>n * ROW, after = before + table;
  const a = work + TABLES, g = a + table, dA = g + table, lanesB = dA + table, lanesC = lanesB + (table >> 1);
  const position = batch * int(9) + t, at = bytes(position * int(10) + first);
  const b = pointer(3) + bytes(position * n), cc = pointer(4) + bytes(position * n);
  const u = staged(pointer(0) + at, channels, work + ROW_U), dy = staged(pointer(7) + at, channels, work + ROW_DY);
  const delta = staged(pointer(1) + at, channels, work + ROW_DELTA);
  const d0 = v128.load(delta), d1 = v128.load(delta, 16), y0 = v128.load(dy), y1 = v128.load(dy, 16);
  const w0 = f32x4.mul(d0, v128.load(u)), w1 = f32x4.mul(d1, v128.load(u, 16));
  let into0 = f32x4.splat(0), into1 = into0, rate0 = into0, rate1 = into0;
  for (let i: usize = 0, o: usize = 0; i < bytes(n); i += 4, o += ROW) {
    const bs = v128.load32_splat(b + i), cs = v128.load32_splat(cc + i);
    const h0 = madd(y0, cs, v128.load(g + o)), h1 = madd(y1, cs, v128.load(g + o, 16));
    v128.store(lanesC + (i << 2), madd(y0, v128.load(after + o), f32x4.mul(y1, v128.load(after + o, 16))));
    v128.store(lanesB + (i << 2), madd(h0, w0, f32x4.mul(h1, w1)));
    into0 = madd(h0, bs, into0);
    into1 = madd(h1, bs, into1);
    const p0 = f32x4.mul(h0, v128.load(decays + o)), p1 = f32x4.mul(h1, v128.load(decays + o, 16));
    v128.store(g + o, p0);
    v128.store(g + o, p1, 16);
    const c0 = f32x4.mul(p0, v128.load(before + o)), c1 = f32x4.mul(p1, v128.load(before + o, 16));
    rate0 = madd(c0, v128.load(a + o), rate0);
    rate1 = madd(c1, v128.load(a + o, 16), rate1);
    v128.store(dA + o, madd(c0, d0, v128.load(dA + o)));
    v128.store(dA + o, madd(c1, d1, v128.load(dA + o, 16)), 16);
  }
  addLaneSums(pointer(15) + own + bytes(t * n), lanesB, n);
  addLaneSums(pointer(16) + own + bytes(t * n), lanesC, n);
  const skip = staged(pointer(5) + bytes(first), channels, work + ROW_SKIP), ln2 = f32x4.splat(LN_2);
  const skipGrad = work + ROW_SKIP_GRAD, out = work + ROW_OUT, out2 = work + ROW_OUT2, u0 = v128.load(u), u1 = v128.load(u, 16);
  v128.store(out, madd(d0, into0, f32x4.mul(y0, v128.load(skip))));
  v128.store(out, madd(d1, into1, f32x4.mul(y1, v128.load(skip, 16))), 16);
  v128.store(out2, madd(u0, into0, f32x4.mul(ln2, rate0)));
  v128.store(out2, madd(u1, into1, f32x4.mul(ln2, rate1)), 16);
  v128.store(skipGrad, madd(y0, u0, v128.load(skipGrad)));
  v128.store(skipGrad, madd(y1, u1, v128.load(skipGrad, 16)), 16);
  memory.copy(pointer(12) + at, out, bytes(channels));
  memory.copy(pointer(13) + at, out2, bytes(channels));
}

/** Adds the sum of the four lanes of each of n vectors to n floats. */
function addLaneSums(to: usize, from: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const v0 = v128.load(from), v1 = v128.load(from, 16), v2 = v128.load(from, 32), v3 = v128.load(from, 48);
    const low = f32x4.add(v128.shuffle<i32>(v0, v1, 0, 4, 1, 5), v128.shuffle<i32>(v0, v1, 2, 6, 3, 7));
    const high = f32x4.add(v128.shuffle<i32>(v2, v3, 0, 4, 1, 5), v128.shuffle<i32>(v2, v3, 2, 6, 3, 7));
    const sums = f32x4.add(v128.shuffle<i64>(low, high, 0, 2), v128.shuffle<i64>(low, high, 1, 3));
    v128.store(to, f32x4.add(sums, v128.load(to)));
    to += 16;
    from += 64;
  }
  for (; i < n; i++) {
    store<f32>(to, load<f32>(to) + sumLanes(v128.load(from)));
    to += 4;
    from += 16;
  }
}
