/** Rearranges blocks of A and B so that the product reads them in the order of its inner loop. Strides in bytes. */
import { bytes } from './layout';

/**
 * Bytes from one panel to the next: a cache line more than it holds, as panels of a power of two all begin in one set of
 * the nearest cache.
 */
@inline export function panelPitch(k: i32, width: i32): usize {
  return <usize>k * bytes(width) + 64;
}

/** Panels of `width` (8 or 16) columns of B, k by k, the last filled up with zeros. */
export function packB(b: usize, rowB: usize, columnB: usize, k: i32, n: i32, width: i32, to: usize): void {
  const pitch = bytes(width);
  let j = 0;
  if (columnB == 4) {
    const panels = n / width;
    packRows(b, rowB, k, panels, width, to);
    j = panels * width;
    to += <usize>panels * panelPitch(k, width);
  }
  for (; j < n; j += width) {
    const from = b + <usize>j * columnB;
    if (j + width <= n && rowB == 4) {
      for (let q: usize = 0; q < pitch; q += 16) packTransposed(from + (q >> 2) * columnB, columnB, k, pitch, to + q);
    } else {
      const columns = min(width, n - j);
      for (let i = 0; i < k; i++) {
        const at = to + <usize>i * pitch;
        memory.fill(at, 0, pitch);
        for (let q = 0; q < columns; q++) {
          store<f32>(at + bytes(q), load<f32>(from + <usize>i * rowB + <usize>q * columnB));
        }
      }
    }
    to += panelPitch(k, width);
  }
}

/** Rows read at a time, each a stream of its own. */
const STREAMS: i32 = 8;

@inline function copyRow(from: usize, to: usize, width: i32): void {
  v128.store(to, v128.load(from));
  if (width == 6) store<i64>(to, load<i64>(from, 16), 16);
  else v128.store(to, v128.load(from, 16), 16);
  if (width == 16) {
    v128.store(to, v128.load(from, 32), 32);
    v128.store(to, v128.load(from, 48), 48);
  }
}

/** Whole panels of a matrix whose rows are dense. */
@inline function packRows(from: usize, row: usize, k: i32, panels: i32, width: i32, to: usize): void {
  const pitch = bytes(width), panel = panelPitch(k, width);
  for (let p = 0; p < k; p += STREAMS) {
    const end = min(STREAMS, k - p);
    let source = from, target = to;
    for (let i = 0; i < panels; i++) {
      let s = source, t = target;
      for (let q = 0; q < end; q++) {
        copyRow(s, t, width);
        s += row;
        t += pitch;
      }
      source += pitch;
      target += panel;
    }
    from += <usize>STREAMS * row;
    to += <usize>STREAMS * pitch;
  }
}

/** Four columns that lie as rows. */
function packTransposed(s0: usize, columnB: usize, k: i32, pitch: usize, at: usize): void {
  const s1 = s0 + columnB, s2 = s1 + columnB, s3 = s2 + columnB;
  let o: usize = 0, i = 0;
  for (; i + 4 <= k; i += 4) {
    const r0 = v128.load(s0 + o), r1 = v128.load(s1 + o), r2 = v128.load(s2 + o), r3 = v128.load(s3 + o);
    const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7), t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    v128.store(at, v128.shuffle<i64>(t0, t1, 0, 2));
    v128.store(at + pitch, v128.shuffle<i64>(t0, t1, 1, 3));
    v128.store(at + 2 * pitch, v128.shuffle<i64>(t2, t3, 0, 2));
    v128.store(at + 3 * pitch, v128.shuffle<i64>(t2, t3, 1, 3));
    at += 4 * pitch;
    o += 16;
  }
  for (; i < k; i++) {
    store<f32>(at, load<f32>(s0 + o));
    store<f32>(at, load<f32>(s1 + o), 4);
    store<f32>(at, load<f32>(s2 + o), 8);
    store<f32>(at, load<f32>(s3 + o), 12);
    at += pitch;
    o += 4;
  }
}

/** One panel of 6 rows of A, k by k, filled up with zeros. */
function packPanelA(a: usize, rowA: usize, columnA: usize, rows: i32, k: i32, to: usize): void {
  for (let i = 0; i < 6; i++) {
    let from = a + <usize>i * rowA,
      at = to + bytes(i);
    for (let p = 0; p < k; p++) {
      store<f32>(at, i < rows ? load<f32>(from) : 0);
      from += columnA;
      at += 24;
    }
  }
}

/** Packs the block of A where its rows can't be read in place: all of it, or the last panel alone. */
export function packA(a: usize, rowA: usize, columnA: usize, m: i32, k: i32, to: usize): void {
  const panels = m / 6,
    panelBytes = panelPitch(k, 6);
  if (rowA == 4) packRows(a, columnA, k, panels, 6, to);
  else if (columnA != 4) {
    for (let i = 0; i < panels; i++) {
      packPanelA(a + <usize>(6 * i) * rowA, rowA, columnA, 6, k, to + <usize>i * panelBytes);
    }
  }
  if (panels * 6 < m) {
    const from = a + <usize>(6 * panels) * rowA;
    packPanelA(from, rowA, columnA, m - 6 * panels, k, to + <usize>panels * panelBytes);
  }
}
