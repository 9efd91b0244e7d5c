/**
 * The innermost loops of the matrix product, all that decides its speed, written out as AssemblyScript: `assembly/tiles.ts`
 * for those who import it. The language has no macros, and a loop over sums in registers needs every one named.
 */

const ROWS = 6;
/** Steps along k in one round of the loop. */
const UNROLL = 8;
/** Bytes from one k to the next in a packed panel of A. */
const PANEL_STEP = 4 * ROWS;

const range = (count) => Array.from({ length: count }, (_, i) => i);
const rows = range(ROWS);

/** One step along k: every row's factor times the row of B. `factor`: address of row r's. */
function step(vectors, factor, offset) {
  const row = range(vectors).map((j) => `b${j} = v128.load(b, ${offset + 16 * j});`);
  const sums = rows.map((r) => {
    const products = range(vectors).map((j) => `c${r}_${j} = madd(x, b${j}, c${r}_${j});`);
    return `x = v128.load32_splat(${factor(r)}); ${products.join(' ')}`;
  });
  return [row.join(' '), ...sums].join('\n');
}

/**
 * The loop along k. `stride`: bytes from one k to the next in A. It can be left behind every step, not for what is left
 * alone: a sum that is needed in one place only is moved there by the compiler (Binaryen), which breaks the order of the
 * steps, and then they do not fit the registers.
 */
function loop(vectors, stride) {
  const pitch = 16 * vectors;
  const steps = range(UNROLL).map((u) => step(vectors, (r) => `a${r}, ${u * stride}`, u * pitch));
  const leave = (u) => `\nif (left == ${u + 1}) break;\n`;
  return `
for (let left = k; left > 0; left -= ${UNROLL}) {
${steps.reduce((before, next, u) => before + leave(u - 1) + next)}
${rows.map((r) => `a${r} += ${UNROLL * stride};`).join(' ')} b += ${UNROLL * pitch};
}`;
}

/**
 * Adds what C starts with and stores the sums. Each row's vectors lie side by side, so that V8 can make one of two
 * (--experimental-wasm-revectorize); it does so only where nothing is loaded between the stores.
 */
function ending(vectors) {
  const each = (line, between) =>
    rows
      .map((r) =>
        range(vectors)
          .map((j) => line(r, j))
          .join(' '),
      )
      .join(`\n${between}\n`);
  return `
${each((r, j) => `c${r}_${j} = f32x4.add(c${r}_${j}, v128.load(init, ${16 * j}));`, 'init += rowInit;')}
${each((r, j) => `v128.store(c, c${r}_${j}, ${16 * j});`, 'c += rowC;')}`;
}

function tile(columns) {
  const vectors = columns / 4;
  const sums = rows.map((r) =>
    range(vectors)
      .map((j) => `c${r}_${j} = f32x4.splat(0)`)
      .join(', '),
  );
  return `
/**
 * C = A·B + initial, six rows of A times ${columns} columns of B: row r of A starts at a + r·rowA. Along k it steps by four
 * bytes, or lies packed; B is packed. The order in which V8 sees the operations is that of their execution: twelve sums
 * of eight, a row of B and one factor are all that fits its fifteen registers.
 */
export function tile${columns}(
  a: usize, rowA: usize, packed: bool, b: usize, c: usize, rowC: usize, k: i32, init: usize, rowInit: usize,
): void {
let ${sums.join(',\n')};
let x: v128, ${range(vectors)
    .map((j) => `b${j}: v128`)
    .join(', ')};
let a0 = a, ${rows
    .slice(1)
    .map((r) => `a${r} = a${r - 1} + rowA`)
    .join(', ')};
if (packed) {${loop(vectors, PANEL_STEP)}
} else {${loop(vectors, 4)}
}
${ending(vectors)}
}`;
}

/** The text of `assembly/tiles.ts`. */
export function tileSource() {
  return `import { madd } from './vector';\n${tile(8)}\n${tile(16)}\n`;
}
