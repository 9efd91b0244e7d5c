/** The innermost loops of the matrix product: all that decides its speed. */
import { madd } from './vector';

/** Six rows of A times eight columns of B: row r of A starts at a + r·rowA and steps by stepA along k. */
export function tile8(
  a: usize,
  rowA: usize,
  stepA: usize,
  b: usize,
  c: usize,
  rowC: usize,
  k: i32,
  init: usize,
  rowInit: usize,
): void {
  const row2 = rowA * 2,
    row3 = rowA * 3,
    row4 = rowA * 4,
    row5 = rowA * 5;
  let c00 = f32x4.splat(0),
    c01 = c00,
    c10 = c00,
    c11 = c00,
    c20 = c00,
    c21 = c00;
  let c30 = c00,
    c31 = c00,
    c40 = c00,
    c41 = c00,
    c50 = c00,
    c51 = c00;
  for (let i = 0; i < k; i++) {
    const b0 = v128.load(b),
      b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a + rowA);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a + row2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load32_splat(a + row3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load32_splat(a + row4);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load32_splat(a + row5);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a += stepA;
    b += 32;
  }
  v128.store(c, f32x4.add(c00, v128.load(init)));
  v128.store(c, f32x4.add(c01, v128.load(init, 16)), 16);
  c += rowC;
  init += rowInit;
  v128.store(c, f32x4.add(c10, v128.load(init)));
  v128.store(c, f32x4.add(c11, v128.load(init, 16)), 16);
  c += rowC;
  init += rowInit;
  v128.store(c, f32x4.add(c20, v128.load(init)));
  v128.store(c, f32x4.add(c21, v128.load(init, 16)), 16);
  c += rowC;
  init += rowInit;
  v128.store(c, f32x4.add(c30, v128.load(init)));
  v128.store(c, f32x4.add(c31, v128.load(init, 16)), 16);
  c += rowC;
  init += rowInit;
  v128.store(c, f32x4.add(c40, v128.load(init)));
  v128.store(c, f32x4.add(c41, v128.load(init, 16)), 16);
  c += rowC;
  init += rowInit;
  v128.store(c, f32x4.add(c50, v128.load(init)));
  v128.store(c, f32x4.add(c51, v128.load(init, 16)), 16);
}

/**
 * Six rows of A times sixteen columns of B. Each row's four vectors lie side by side, so that V8 can make two of four
 * (--experimental-wasm-revectorize); it does so only where nothing is loaded between the stores. Without that the sums
 * don't fit the registers and `tile8` is faster.
 */
export function tile16(
  a: usize,
  rowA: usize,
  stepA: usize,
  b: usize,
  c: usize,
  rowC: usize,
  k: i32,
  init: usize,
  rowInit: usize,
): void {
  const row2 = rowA * 2, row3 = rowA * 3, row4 = rowA * 4, row5 = rowA * 5;
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  for (let i = 0; i < k; i++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    c02 = madd(x, b2, c02);
    c03 = madd(x, b3, c03);
    x = v128.load32_splat(a + rowA);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    c12 = madd(x, b2, c12);
    c13 = madd(x, b3, c13);
    x = v128.load32_splat(a + row2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    c22 = madd(x, b2, c22);
    c23 = madd(x, b3, c23);
    x = v128.load32_splat(a + row3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    c32 = madd(x, b2, c32);
    c33 = madd(x, b3, c33);
    x = v128.load32_splat(a + row4);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    c42 = madd(x, b2, c42);
    c43 = madd(x, b3, c43);
    x = v128.load32_splat(a + row5);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    c52 = madd(x, b2, c52);
    c53 = madd(x, b3, c53);
    a += stepA;
    b += 64;
  }
  c00 = f32x4.add(c00, v128.load(init));
  c01 = f32x4.add(c01, v128.load(init, 16));
  c02 = f32x4.add(c02, v128.load(init, 32));
  c03 = f32x4.add(c03, v128.load(init, 48));
  init += rowInit;
  c10 = f32x4.add(c10, v128.load(init));
  c11 = f32x4.add(c11, v128.load(init, 16));
  c12 = f32x4.add(c12, v128.load(init, 32));
  c13 = f32x4.add(c13, v128.load(init, 48));
  init += rowInit;
  c20 = f32x4.add(c20, v128.load(init));
  c21 = f32x4.add(c21, v128.load(init, 16));
  c22 = f32x4.add(c22, v128.load(init, 32));
  c23 = f32x4.add(c23, v128.load(init, 48));
  init += rowInit;
  c30 = f32x4.add(c30, v128.load(init));
  c31 = f32x4.add(c31, v128.load(init, 16));
  c32 = f32x4.add(c32, v128.load(init, 32));
  c33 = f32x4.add(c33, v128.load(init, 48));
  init += rowInit;
  c40 = f32x4.add(c40, v128.load(init));
  c41 = f32x4.add(c41, v128.load(init, 16));
  c42 = f32x4.add(c42, v128.load(init, 32));
  c43 = f32x4.add(c43, v128.load(init, 48));
  init += rowInit;
  c50 = f32x4.add(c50, v128.load(init));
  c51 = f32x4.add(c51, v128.load(init, 16));
  c52 = f32x4.add(c52, v128.load(init, 32));
  c53 = f32x4.add(c53, v128.load(init, 48));
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  c += rowC;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  v128.store(c, c12, 32);
  v128.store(c, c13, 48);
  c += rowC;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  v128.store(c, c22, 32);
  v128.store(c, c23, 48);
  c += rowC;
  v128.store(c, c30);
  v128.store(c, c31, 16);
  v128.store(c, c32, 32);
  v128.store(c, c33, 48);
  c += rowC;
  v128.store(c, c40);
  v128.store(c, c41, 16);
  v128.store(c, c42, 32);
  v128.store(c, c43, 48);
  c += rowC;
  v128.store(c, c50);
  v128.store(c, c51, 16);
  v128.store(c, c52, 32);
  v128.store(c, c53, 48);
}
