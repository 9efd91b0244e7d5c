/** Multiply-adds that wait for no memory: the machine's own limit for the instructions of a tier. */
import { int, pointer, tileColumns } from './layout';
import { madd } from './vector';

/**
 * Job: 0 starting values and factors (512 bytes; as many for the results of each chunk follow), 1 rounds.
 */
export function peakJob(chunk: i32): void {
  const to = pointer(0) + ((<usize>chunk + 1) << 9);
  if (tileColumns == 16) wideChains(pointer(0), to, int(1));
  else chains(pointer(0), to, int(1));
}

/**
 * Twelve independent chains, as many as `tile8` has, with its instructions: a product never waits for a sum, which on
 * machines that add and multiply in different places is faster than a chain through both. All it loads, 512 bytes, stays
 * in the nearest cache.
 */
function chains(from: usize, to: usize, rounds: i32): void {
  let a0 = v128.load(from, 0), a1 = v128.load(from, 16), a2 = v128.load(from, 32), a3 = v128.load(from, 48);
  let a4 = v128.load(from, 64), a5 = v128.load(from, 80), a6 = v128.load(from, 96), a7 = v128.load(from, 112);
  let a8 = v128.load(from, 128), a9 = v128.load(from, 144), a10 = v128.load(from, 160), a11 = v128.load(from, 176);
  for (let i = 0; i < rounds; i++) {
    const b0 = v128.load(from, 256), b1 = v128.load(from, 272);
    let x = v128.load32_splat(from, 384);
    a0 = madd(x, b0, a0);
    a1 = madd(x, b1, a1);
    x = v128.load32_splat(from, 388);
    a2 = madd(x, b0, a2);
    a3 = madd(x, b1, a3);
    x = v128.load32_splat(from, 392);
    a4 = madd(x, b0, a4);
    a5 = madd(x, b1, a5);
    x = v128.load32_splat(from, 396);
    a6 = madd(x, b0, a6);
    a7 = madd(x, b1, a7);
    x = v128.load32_splat(from, 400);
    a8 = madd(x, b0, a8);
    a9 = madd(x, b1, a9);
    x = v128.load32_splat(from, 404);
    a10 = madd(x, b0, a10);
    a11 = madd(x, b1, a11);
  }
  v128.store(to, a0, 0);
  v128.store(to, a1, 16);
  v128.store(to, a2, 32);
  v128.store(to, a3, 48);
  v128.store(to, a4, 64);
  v128.store(to, a5, 80);
  v128.store(to, a6, 96);
  v128.store(to, a7, 112);
  v128.store(to, a8, 128);
  v128.store(to, a9, 144);
  v128.store(to, a10, 160);
  v128.store(to, a11, 176);
}

/**
 * Twelve pairs of chains in registers alone, each a chain of fused 256-bit operations where V8 joins them. The loads of
 * `tile16` would cost: what it reaches is compared with what it could without them.
 */
function wideChains(from: usize, to: usize, rounds: i32): void {
  const x = v128.load32_splat(from, 504), y = v128.load32_splat(from, 508);
  let a0 = v128.load(from, 0), a1 = v128.load(from, 16), a2 = v128.load(from, 32), a3 = v128.load(from, 48);
  let a4 = v128.load(from, 64), a5 = v128.load(from, 80), a6 = v128.load(from, 96), a7 = v128.load(from, 112);
  let a8 = v128.load(from, 128), a9 = v128.load(from, 144), a10 = v128.load(from, 160), a11 = v128.load(from, 176);
  let a12 = v128.load(from, 192), a13 = v128.load(from, 208), a14 = v128.load(from, 224), a15 = v128.load(from, 240);
  let a16 = v128.load(from, 256), a17 = v128.load(from, 272), a18 = v128.load(from, 288), a19 = v128.load(from, 304);
  let a20 = v128.load(from, 320), a21 = v128.load(from, 336), a22 = v128.load(from, 352), a23 = v128.load(from, 368);
  for (let i = 0; i < rounds; i++) {
    a0 = madd(a0, x, y);
    a1 = madd(a1, x, y);
    a2 = madd(a2, x, y);
    a3 = madd(a3, x, y);
    a4 = madd(a4, x, y);
    a5 = madd(a5, x, y);
    a6 = madd(a6, x, y);
    a7 = madd(a7, x, y);
    a8 = madd(a8, x, y);
    a9 = madd(a9, x, y);
    a10 = madd(a10, x, y);
    a11 = madd(a11, x, y);
    a12 = madd(a12, x, y);
    a13 = madd(a13, x, y);
    a14 = madd(a14, x, y);
    a15 = madd(a15, x, y);
    a16 = madd(a16, x, y);
    a17 = madd(a17, x, y);
    a18 = madd(a18, x, y);
    a19 = madd(a19, x, y);
    a20 = madd(a20, x, y);
    a21 = madd(a21, x, y);
    a22 = madd(a22, x, y);
    a23 = madd(a23, x, y);
  }
  v128.store(to, a0, 0);
  v128.store(to, a1, 16);
  v128.store(to, a2, 32);
  v128.store(to, a3, 48);
  v128.store(to, a4, 64);
  v128.store(to, a5, 80);
  v128.store(to, a6, 96);
  v128.store(to, a7, 112);
  v128.store(to, a8, 128);
  v128.store(to, a9, 144);
  v128.store(to, a10, 160);
  v128.store(to, a11, 176);
  v128.store(to, a12, 192);
  v128.store(to, a13, 208);
  v128.store(to, a14, 224);
  v128.store(to, a15, 240);
  v128.store(to, a16, 256);
  v128.store(to, a17, 272);
  v128.store(to, a18, 288);
  v128.store(to, a19, 304);
  v128.store(to, a20, 320);
  v128.store(to, a21, 336);
  v128.store(to, a22, 352);
  v128.store(to, a23, 368);
}
