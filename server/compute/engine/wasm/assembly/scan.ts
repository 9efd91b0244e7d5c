/**
 * Mamba's selective scan and its gradient; see kernels/selectiveScan.ts. Eight channels run together, one a lane, so
 * that sums over states need no sum over lanes and any number of states fits; a state is a row of eight floats.
 */
import { CHANNEL_CHUNK, SCAN_GROUP, SCAN_TILE } from './opcodes';
import { bytes, FREE_SCRATCH, int, pointer, scratch } from './layout';
import { madd, pow2, storePair, sumLanes } from './vector';

// Arguments: 0 u, 1 delta, 2 A [c, n], 3 B [b, l, n], 4 C, 5 D, 6 initial (0: none) [b, c, n], 7 y or dy,
// 8 final state (0: none) [b, c, n], 9 l, 10 c, 11 n, 12 du, 13 dDelta, 14 dA [b, c, n], 15 dB and 16 dC, a partial sum
// [b, l, n] for each part of the channels, 17 dD [b, c], 18 parts, 19 channels a part,
// 20 sequences b, 21 states behind every whole segment but the last [b, ends, c, n], 22 positions a segment.

const ROW: usize = 4 * SCAN_TILE;
const LOG2_E: f32 = 1.44269504;
const LN_2: f32 = 0.693147181;
/** Tiles that go through a segment one after the other, while its rows are in the cache. */
const GROUP: i32 = SCAN_GROUP;

// A thread's free scratch: for each tile of a group a row of D and of its gradient, then the tables of n rows, A and
// the state, or A, the gradient of the state and of A; then the segment's rows of each operand, tile by tile.

@inline function work(): usize {
  return scratch() + FREE_SCRATCH;
}

@inline function skipOf(tile: i32): usize {
  return work() + <usize>(2 * tile) * ROW;
}

@inline function tablesOf(tile: i32, tables: i32): usize {
  return work() + <usize>(2 * GROUP) * ROW + <usize>(tile * tables * int(11)) * ROW;
}

/** Rows of operand `index` in the segment, of `tile`; behind the tables. */
@inline function rowsOf(tables: i32, index: i32, tile: i32): usize {
  return tablesOf(GROUP, tables) + <usize>((index * GROUP + tile) * int(22)) * ROW;
}

/** Copies rows [channels] that lie `c` apart to rows of a tile, zeros behind them. */
function stageIn(from: usize, to: usize, channels: i32, rows: i32): void {
  const step = bytes(int(10));
  if (channels == SCAN_TILE) {
    for (let t = 0; t < rows; t++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += step;
      to += ROW;
    }
  } else {
    memory.fill(to, 0, <usize>rows * ROW);
    for (let t = 0; t < rows; t++) {
      memory.copy(to, from, bytes(channels));
      from += step;
      to += ROW;
    }
  }
}

function stageOut(from: usize, to: usize, channels: i32, rows: i32): void {
  const step = bytes(int(10)), size = bytes(channels);
  for (let t = 0; t < rows; t++) {
    if (channels == SCAN_TILE) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    } else memory.copy(to, from, size);
    from += ROW;
    to += step;
  }
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

/** The state before position `start`, a segment's first. */
function loadState(h: usize, batch: i32, start: i32, first: i32, channels: i32): void {
  const c = int(10), n = int(11);
  if (start != 0) turnIn(endAt(batch, start, first), h, channels, n, 1);
  else if (pointer(6) == 0) memory.fill(h, 0, <usize>n * ROW);
  else turnIn(pointer(6) + bytes((batch * c + first) * n), h, channels, n, 1);
}

/** Where the state behind the segment that ends before position `next` is kept. */
function endAt(batch: i32, next: i32, first: i32): usize {
  const each = int(22), ends = (int(9) - 1) / each;
  return pointer(21) + bytes(((batch * ends + next / each - 1) * int(10) + first) * int(11));
}

/** Address of an entry of [b, l, c]. */
@inline function entry(base: usize, batch: i32, t: i32, channel: i32): usize {
  return base + bytes((batch * int(9) + t) * int(10) + channel);
}

@inline function tilesOf(channels: i32): i32 {
  return (channels + SCAN_TILE - 1) / SCAN_TILE;
}

/** Forward: a chunk is 16 channels of one sequence, so that no cache line of y has two writers. */
export function scanJob(chunk: i32): void {
  const l = int(9), c = int(10), n = int(11), across = (c + CHANNEL_CHUNK - 1) / CHANNEL_CHUNK, each = int(22);
  const batch = chunk / across, start = (chunk % across) * CHANNEL_CHUNK, width = min(CHANNEL_CHUNK, c - start);
  const tiles = tilesOf(width), table = <usize>n * ROW;
  for (let q = 0; q < tiles; q++) {
    const first = start + q * SCAN_TILE, channels = min(SCAN_TILE, c - first), a = tablesOf(q, 2);
    stageIn(pointer(5) + bytes(first), skipOf(q), channels, 1);
    turnIn(pointer(2) + bytes(first * n), a, channels, n, LOG2_E);
    loadState(a + table, batch, 0, first, channels);
  }
  for (let t = 0; t < l; t += each) {
    const rows = min(each, l - t);
    for (let q = 0; q < tiles; q++) {
      const first = start + q * SCAN_TILE, channels = min(SCAN_TILE, c - first), h = tablesOf(q, 2) + table;
      stageIn(entry(pointer(0), batch, t, first), rowsOf(2, 0, q), channels, rows);
      stageIn(entry(pointer(1), batch, t, first), rowsOf(2, 1, q), channels, rows);
      scanRows(batch, t, rows, q);
      stageOut(rowsOf(2, 2, q), entry(pointer(7), batch, t, first), channels, rows);
      if (t + rows < l) turnOut(h, endAt(batch, t + rows, first), channels, n);
    }
  }
  for (let q = 0; q < tiles; q++) {
    const first = start + q * SCAN_TILE, channels = min(SCAN_TILE, c - first);
    if (pointer(8) != 0) turnOut(tablesOf(q, 2) + table, pointer(8) + bytes((batch * c + first) * n), channels, n);
  }
}

/** A tile's positions of one segment: y, and its state carried along. */
function scanRows(batch: i32, start: i32, rows: i32, tile: i32): void {
  const n = int(11), a = tablesOf(tile, 2), h = a + <usize>n * ROW, size = bytes(n);
  const s0 = v128.load(skipOf(tile)), s1 = v128.load(skipOf(tile), 16), at = bytes((batch * int(9) + start) * n);
  let u = rowsOf(2, 0, tile), delta = rowsOf(2, 1, tile), y = rowsOf(2, 2, tile), b = pointer(3) + at, cc = pointer(4) + at;
  for (let t = 0; t < rows; t++) {
    const d0 = v128.load(delta), d1 = v128.load(delta, 16), u0 = v128.load(u), u1 = v128.load(u, 16);
    const w0 = f32x4.mul(d0, u0), w1 = f32x4.mul(d1, u1);
    let y0 = f32x4.mul(u0, s0), y1 = f32x4.mul(u1, s1);
    for (let i: usize = 0, o: usize = 0; i < size; i += 4, o += ROW) {
      const bs = v128.load32_splat(b + i), cs = v128.load32_splat(cc + i);
      const h0 = madd(pow2(f32x4.mul(d0, v128.load(a + o))), v128.load(h + o), f32x4.mul(w0, bs));
      const h1 = madd(pow2(f32x4.mul(d1, v128.load(a + o, 16))), v128.load(h + o, 16), f32x4.mul(w1, bs));
      v128.store(h + o, h0);
      v128.store(h + o, h1, 16);
      y0 = madd(h0, cs, y0);
      y1 = madd(h1, cs, y1);
    }
    v128.store(y, y0);
    v128.store(y, y1, 16);
    u += ROW;
    delta += ROW;
    y += ROW;
    b += size;
    cc += size;
  }
}

/** Backward: a chunk is one part of the channels of one sequence; parts are added afterwards, in order. */
export function scanGradJob(chunk: i32): void {
  const l = int(9), c = int(10), n = int(11), batch = chunk / int(18), part = chunk % int(18), each = int(19);
  // The parts of one sequence are [b, l, n] apart.
  const own = bytes(((part * int(20) + batch) * l) * n), size = bytes(l * n), end = min(c, (part + 1) * each);
  memory.fill(pointer(15) + own, 0, size);
  memory.fill(pointer(16) + own, 0, size);
  for (let first = part * each; first < end; first += GROUP * SCAN_TILE) {
    gradGroup(batch, first, min(GROUP * SCAN_TILE, end - first), own);
  }
}

/** Tables of a tile in the gradient: A, the gradient of the state, that of A. */
const GRAD_TABLES: i32 = 3;

// The segment's rows of a tile in the gradient, by operand.
const U: i32 = 0;
const DELTA: i32 = 1;
const DY: i32 = 2;
const DU: i32 = 3;
const D_DELTA: i32 = 4;
const GRAD_OPERANDS: i32 = 5;

function gradGroup(batch: i32, from: i32, width: i32, own: usize): void {
  const l = int(9), c = int(10), n = int(11), each = int(22), table = <usize>n * ROW, tiles = tilesOf(width);
  for (let q = 0; q < tiles; q++) {
    const first = from + q * SCAN_TILE, channels = min(SCAN_TILE, from + width - first), a = tablesOf(q, GRAD_TABLES);
    stageIn(pointer(5) + bytes(first), skipOf(q), channels, 1);
    memory.fill(skipOf(q) + ROW, 0, ROW);
    turnIn(pointer(2) + bytes(first * n), a, channels, n, LOG2_E);
    memory.fill(a + table, 0, 2 * table);
  }
  for (let t = l == 0 ? -1 : ((l - 1) / each) * each; t >= 0; t -= each) {
    const rows = min(each, l - t);
    for (let q = 0; q < tiles; q++) {
      const first = from + q * SCAN_TILE, channels = min(SCAN_TILE, from + width - first);
      stageIn(entry(pointer(0), batch, t, first), rowsOf(GRAD_TABLES, U, q), channels, rows);
      stageIn(entry(pointer(1), batch, t, first), rowsOf(GRAD_TABLES, DELTA, q), channels, rows);
      stageIn(entry(pointer(7), batch, t, first), rowsOf(GRAD_TABLES, DY, q), channels, rows);
      const states = rowsOf(GRAD_TABLES, GRAD_OPERANDS, 0) + table, decays = states + <usize>(each + 1) * table;
      loadState(states, batch, t, first, channels);
      statesOf(batch, t, rows, q, states, decays);
      for (let i = rows - 1; i >= 0; i--) {
        stepBack(batch, t + i, i, q, states + <usize>i * table, decays + <usize>i * table, own);
      }
      stageOut(rowsOf(GRAD_TABLES, DU, q), entry(pointer(12), batch, t, first), channels, rows);
      stageOut(rowsOf(GRAD_TABLES, D_DELTA, q), entry(pointer(13), batch, t, first), channels, rows);
    }
  }
  for (let q = 0; q < tiles; q++) {
    const first = from + q * SCAN_TILE, channels = min(SCAN_TILE, from + width - first);
    turnOut(tablesOf(q, GRAD_TABLES) + 2 * table, pointer(14) + bytes((batch * c + first) * n), channels, n);
    memory.copy(pointer(17) + bytes(batch * c + first), skipOf(q) + ROW, bytes(channels));
  }
}

/** A tile's states in a segment, each behind its predecessor, the first given; and the decays between them. */
function statesOf(batch: i32, start: i32, rows: i32, tile: i32, h: usize, decays: usize): void {
  const n = int(11), table = <usize>n * ROW, size = bytes(n), a = tablesOf(tile, GRAD_TABLES);
  let u = rowsOf(GRAD_TABLES, U, tile), delta = rowsOf(GRAD_TABLES, DELTA, tile);
  let b = pointer(3) + bytes((batch * int(9) + start) * n);
  for (let t = 0; t < rows; t++) {
    const d0 = v128.load(delta), d1 = v128.load(delta, 16);
    const w0 = f32x4.mul(d0, v128.load(u)), w1 = f32x4.mul(d1, v128.load(u, 16)), next = h + table;
    for (let i: usize = 0, o: usize = 0; i < size; i += 4, o += ROW) {
      const bs = v128.load32_splat(b + i);
      const e0 = pow2(f32x4.mul(d0, v128.load(a + o))), e1 = pow2(f32x4.mul(d1, v128.load(a + o, 16)));
      const h0 = madd(e0, v128.load(h + o), f32x4.mul(w0, bs)), h1 = madd(e1, v128.load(h + o, 16), f32x4.mul(w1, bs));
      v128.store(decays + o, e0);
      v128.store(decays + o, e1, 16);
      v128.store(next + o, h0);
      v128.store(next + o, h1, 16);
    }
    h = next;
    decays += table;
    u += ROW;
    delta += ROW;
    b += size;
  }
}

/** One position of the backward pass: `before` the state before it, its own behind that, `decays` between the two. */
function stepBack(batch: i32, t: i32, row: i32, tile: i32, before: usize, decays: usize, own: usize): void {
  const n = int(11), table = <usize>n * ROW, after = before + table, a = tablesOf(tile, GRAD_TABLES), g = a + table;
  const dA = g + table, lanesB = rowsOf(GRAD_TABLES, GRAD_OPERANDS, 0), lanesC = lanesB + (table >> 1);
  const b = pointer(3) + bytes((batch * int(9) + t) * n), cc = pointer(4) + bytes((batch * int(9) + t) * n);
  const at = <usize>row * ROW, u = rowsOf(GRAD_TABLES, U, tile) + at, dy = rowsOf(GRAD_TABLES, DY, tile) + at;
  const delta = rowsOf(GRAD_TABLES, DELTA, tile) + at, out = rowsOf(GRAD_TABLES, DU, tile) + at;
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
    storePair(dA + o, madd(c0, d0, v128.load(dA + o)), madd(c1, d1, v128.load(dA + o, 16)));
  }
  addLaneSums(pointer(15) + own + bytes(t * n), lanesB, n);
  addLaneSums(pointer(16) + own + bytes(t * n), lanesC, n);
  const out2 = rowsOf(GRAD_TABLES, D_DELTA, tile) + at, skip = skipOf(tile), skipGrad = skip + ROW, ln2 = f32x4.splat(LN_2);
  const u0 = v128.load(u), u1 = v128.load(u, 16);
  storePair(out, madd(d0, into0, f32x4.mul(y0, v128.load(skip))), madd(d1, into1, f32x4.mul(y1, v128.load(skip, 16))));
  storePair(out2, madd(u0, into0, f32x4.mul(ln2, rate0)), madd(u1, into1, f32x4.mul(ln2, rate1)));
  storePair(skipGrad, madd(y0, u0, v128.load(skipGrad)), madd(y1, u1, v128.load(skipGrad, 16)));
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
