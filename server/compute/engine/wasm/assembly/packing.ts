/** Rearranges blocks of A and B so that the product reads them in the order of its inner loop. Strides in bytes. */
import { bytes } from './layout';

/** Panels of `width` (8 or 16) columns of B, k by k, the last filled up with zeros. */
export function packB(b: usize, rowB: usize, columnB: usize, k: i32, n: i32, width: i32, to: usize): void {
  const pitch = bytes(width);
  for (let j = 0; j < n; j += width) {
    const from = b + <usize>j * columnB;
    if (j + width <= n && columnB == 4) packRows(from, rowB, k, pitch, to);
    else if (j + width <= n && rowB == 4) {
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
    to += <usize>k * pitch;
  }
}

function packRows(from: usize, rowB: usize, k: i32, pitch: usize, to: usize): void {
  for (let i = 0; i < k; i++) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    if (pitch == 64) {
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
    }
    from += rowB;
    to += pitch;
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

/** Whole panels of A whose rows lie side by side (columnA is the long stride): six floats at a time. */
function packColumnsA(a: usize, columnA: usize, panels: i32, k: i32, to: usize): void {
  const panelBytes = <usize>k * 24;
  for (let p = 0; p < k; p++) {
    let from = a + <usize>p * columnA,
      at = to + <usize>p * 24;
    for (let i = 0; i < panels; i++) {
      v128.store(at, v128.load(from));
      store<i64>(at, load<i64>(from, 16), 16);
      from += 24;
      at += panelBytes;
    }
  }
}

/** Packs the block of A where its rows can't be read in place: all of it, or the last panel alone. */
export function packA(a: usize, rowA: usize, columnA: usize, m: i32, k: i32, to: usize): void {
  const panels = m / 6,
    panelBytes = <usize>k * 24;
  if (rowA == 4) packColumnsA(a, columnA, panels, k, to);
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
