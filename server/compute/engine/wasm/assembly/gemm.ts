/**
 * Matrix product C = A·B + initial, single precision: tiles of 6 × 8 or 6 × 16 in registers over packed panels of B, in
 * blocks of 256 along K (the scheme of Goto & van de Geijn, ACM TOMS 34(3), 2008). An entry of C is summed in one order whatever
 * the tiling, so results do not depend on how a product is cut into jobs. Strides are in bytes.
 */
import { bytes, int, pointer, scratch, tileColumns, ZERO } from './layout';
import { packA, packB, panelPitch } from './packing';
import { tile16, tile8 } from './tiles';
import { madd, sumLanes } from './vector';

const K_BLOCK: i32 = 256;
const N_BLOCK: i32 = 512;
const M_BLOCK: i32 = 384;
/** Offsets into a thread's scratch: packed B (516 KiB at most), packed A (388 KiB), one tile. */
const PACK_A: usize = 528 * 1024;
const TILE: usize = 960 * 1024;

@inline function micro(
  a: usize,
  rowA: usize,
  packed: bool,
  b: usize,
  c: usize,
  rowC: usize,
  k: i32,
  init: usize,
  rowInit: usize,
): void {
  if (tileColumns == 16) tile16(a, rowA, packed, b, c, rowC, k, init, rowInit);
  else tile8(a, rowA, packed, b, c, rowC, k, init, rowInit);
}

/** A tile with fewer rows or columns than a whole one: whole in scratch, then the part that exists is copied. */
function edge(
  rows: i32,
  columns: i32,
  a: usize,
  rowA: usize,
  packed: bool,
  b: usize,
  c: usize,
  rowC: usize,
  k: i32,
  init: usize,
  rowInit: usize,
): void {
  const tile = scratch() + TILE;
  micro(a, rowA, packed, b, tile, bytes(tileColumns), k, ZERO, 0);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = bytes(j);
      store<f32>(c + at, load<f32>(tile + <usize>i * bytes(tileColumns) + at) + load<f32>(init + at));
    }
    c += rowC;
    init += rowInit;
  }
}

/** One block: m rows of A times the packed n columns of B. */
function block(
  a: usize,
  rowA: usize,
  columnA: usize,
  c: usize,
  rowC: usize,
  m: i32,
  k: i32,
  n: i32,
  init: usize,
  rowInit: usize,
  stepInit: usize,
): void {
  const packed = scratch() + PACK_A,
    panelBytes = panelPitch(k, 6),
    width = tileColumns;
  packA(a, rowA, columnA, m, k, packed);
  let b = scratch();
  for (let j = 0; j < n; j += width) {
    const columns = n - j;
    for (let i = 0; i < m; i += 6) {
      const inPlace = columnA == 4 && i + 6 <= m;
      const from = inPlace ? a + <usize>i * rowA : packed + <usize>(i / 6) * panelBytes;
      const row: usize = inPlace ? rowA : 4;
      const to = c + <usize>i * rowC + bytes(j);
      const start = init + <usize>i * rowInit + <usize>j * stepInit;
      if (columns >= width && i + 6 <= m) micro(from, row, !inPlace, b, to, rowC, k, start, rowInit);
      else edge(min(6, m - i), min(width, columns), from, row, !inPlace, b, to, rowC, k, start, rowInit);
    }
    b += panelPitch(k, width);
  }
}

/** Four columns of `rowProduct` at a time, each summed as it is there: eight chains hide what a product waits for. */
function rowProduct4(a: usize, b0: usize, columnB: usize, c: usize, k: i32, init: usize, stepInit: usize): void {
  const b1 = b0 + columnB, b2 = b1 + columnB, b3 = b2 + columnB, whole = bytes(k & ~7);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0, o: usize = 0;
  for (; o < whole; o += 32) {
    const x = v128.load(a + o), y = v128.load(a + o, 16);
    s0 = madd(x, v128.load(b0 + o), s0);
    t0 = madd(y, v128.load(b0 + o, 16), t0);
    s1 = madd(x, v128.load(b1 + o), s1);
    t1 = madd(y, v128.load(b1 + o, 16), t1);
    s2 = madd(x, v128.load(b2 + o), s2);
    t2 = madd(y, v128.load(b2 + o, 16), t2);
    s3 = madd(x, v128.load(b3 + o), s3);
    t3 = madd(y, v128.load(b3 + o, 16), t3);
  }
  let tail0: f32 = 0, tail1: f32 = 0, tail2: f32 = 0, tail3: f32 = 0;
  for (; o < bytes(k); o += 4) {
    const x = load<f32>(a + o);
    tail0 += x * load<f32>(b0 + o);
    tail1 += x * load<f32>(b1 + o);
    tail2 += x * load<f32>(b2 + o);
    tail3 += x * load<f32>(b3 + o);
  }
  store<f32>(c, sumLanes(f32x4.add(s0, t0)) + tail0 + load<f32>(init));
  store<f32>(c, sumLanes(f32x4.add(s1, t1)) + tail1 + load<f32>(init + stepInit), 4);
  store<f32>(c, sumLanes(f32x4.add(s2, t2)) + tail2 + load<f32>(init + 2 * stepInit), 8);
  store<f32>(c, sumLanes(f32x4.add(s3, t3)) + tail3 + load<f32>(init + 3 * stepInit), 12);
}

/** One row times B without packing: decoding reads each weight once. Rows of A and of B's transpose are dense. */
export function rowProduct(
  a: usize,
  columnA: usize,
  b: usize,
  rowB: usize,
  columnB: usize,
  c: usize,
  k: i32,
  n: i32,
  init: usize,
  stepInit: usize,
): void {
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    rowProduct4(a, b + <usize>j * columnB, columnB, c + bytes(j), k, init + <usize>j * stepInit, stepInit);
  }
  for (; j < n; j++) {
    let s0 = f32x4.splat(0),
      s1 = s0,
      x = a,
      y = b + <usize>j * columnB,
      i = 0,
      tail: f32 = 0;
    for (; i + 8 <= k; i += 8) {
      s0 = madd(v128.load(x), v128.load(y), s0);
      s1 = madd(v128.load(x, 16), v128.load(y, 16), s1);
      x += 32;
      y += 32;
    }
    for (; i < k; i++) {
      tail += load<f32>(x) * load<f32>(y);
      x += columnA;
      y += rowB;
    }
    const start = load<f32>(init + <usize>j * stepInit);
    store<f32>(c + bytes(j), sumLanes(f32x4.add(s0, s1)) + tail + start);
  }
}

/** One row times B without packing, where the rows of B are dense: a sum of its rows, sixteen columns at a time. */
export function rowCombination(a: usize, b: usize, rowB: usize, c: usize, k: i32, n: i32, init: usize, stepInit: usize): void {
  const end = a + bytes(k);
  let j = 0;
  for (; j + 16 <= n; j += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, from = b + bytes(j);
    for (let at = a; at < end; at += 4) {
      const x = v128.load32_splat(at);
      s0 = madd(x, v128.load(from), s0);
      s1 = madd(x, v128.load(from, 16), s1);
      s2 = madd(x, v128.load(from, 32), s2);
      s3 = madd(x, v128.load(from, 48), s3);
      from += rowB;
    }
    const start = init + <usize>j * stepInit, to = c + bytes(j);
    v128.store(to, f32x4.add(s0, v128.load(start)));
    v128.store(to, f32x4.add(s1, v128.load(start, 16)), 16);
    v128.store(to, f32x4.add(s2, v128.load(start, 32)), 32);
    v128.store(to, f32x4.add(s3, v128.load(start, 48)), 48);
  }
  for (; j < n; j++) {
    let sum: f32 = 0, from = b + bytes(j);
    for (let at = a; at < end; at += 4) {
      sum += load<f32>(at) * load<f32>(from);
      from += rowB;
    }
    store<f32>(c + bytes(j), sum + load<f32>(init + <usize>j * stepInit));
  }
}

/**
 * C [m, n] = A [m, k] · B [k, n] + initial. `init` is ZERO, or a matrix of row stride `rowInit` (0: one row for all; C
 * itself to accumulate).
 */
export function product(
  a: usize,
  rowA: usize,
  columnA: usize,
  b: usize,
  rowB: usize,
  columnB: usize,
  c: usize,
  rowC: usize,
  m: i32,
  k: i32,
  n: i32,
  init: usize,
  rowInit: usize,
): void {
  const stepInit: usize = init == ZERO ? 0 : 4;
  for (let j = 0; j < n; j += N_BLOCK) {
    const nb = min(N_BLOCK, n - j),
      cj = c + bytes(j);
    // At least one round, so that an empty sum stores its initial value.
    for (let p = 0; p == 0 || p < k; p += K_BLOCK) {
      const kb = min(K_BLOCK, k - p);
      packB(b + <usize>p * rowB + <usize>j * columnB, rowB, columnB, kb, nb, tileColumns, scratch());
      const start = p == 0 ? init + <usize>j * stepInit : cj;
      const rowStart = p == 0 ? rowInit : rowC,
        step: usize = p == 0 ? stepInit : 4;
      for (let i = 0; i < m; i += M_BLOCK) {
        block(
          a + <usize>i * rowA + <usize>p * columnA,
          rowA,
          columnA,
          cj + <usize>i * rowC,
          rowC,
          min(M_BLOCK, m - i),
          kb,
          nb,
          start + <usize>i * rowStart,
          rowStart,
          step,
        );
      }
    }
  }
}

/**
 * Job: 0 A, 1 row, 2 column stride, 3 B, 4 row, 5 column stride, 6 C, 7 row stride, 8 m, 9 k, 10 n, 11 initial (0:
 * none), 12 its row stride, 13 rows and 14 columns a chunk, 15 … 17 batch strides of A, B, C. Strides in elements.
 */
export function gemmJob(chunk: i32): void {
  const m = int(8),
    n = int(10),
    rows = int(13),
    columns = int(14);
  const across = (n + columns - 1) / columns,
    tiles = across * ((m + rows - 1) / rows);
  const batch = chunk / tiles,
    tile = chunk % tiles;
  const i = (tile / across) * rows,
    j = (tile % across) * columns;
  const rowA = bytes(int(1)),
    columnB = bytes(int(5)),
    rowC = bytes(int(7)),
    rowInit = bytes(int(12));
  const a = pointer(0) + <usize>batch * bytes(int(15)) + <usize>i * rowA,
    columnA = bytes(int(2));
  const b = pointer(3) + <usize>batch * bytes(int(16)) + <usize>j * columnB,
    rowB = bytes(int(4));
  const c = pointer(6) + <usize>batch * bytes(int(17)) + <usize>i * rowC + bytes(j);
  const nb = min(columns, n - j),
    k = int(9);
  const init = pointer(11) == 0 ? ZERO : pointer(11) + <usize>i * rowInit + bytes(j);
  // Asked of the whole product, not of this tile: how it is cut into tiles must not show.
  const stepInit: usize = init == ZERO ? 0 : 4;
  if (m == 1 && columnA == 4 && rowB == 4) rowProduct(a, columnA, b, rowB, columnB, c, k, nb, init, stepInit);
  else if (m == 1 && columnA == 4 && columnB == 4) rowCombination(a, b, rowB, c, k, nb, init, stepInit);
  else product(a, rowA, columnA, b, rowB, columnB, c, rowC, min(rows, m - i), k, nb, init, rowInit);
}
