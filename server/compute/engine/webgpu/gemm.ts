/**
 * Matrix product, C[m, n] = Σₖ A[m, k]·B[k, n] (+ bias[n]), in WGSL: a workgroup a tile of C, both factors' tiles in workgroup
 * memory, a block of C in each lane's registers; of a single row, a workgroup some columns. Factors are read through strides, so
 * that none is transposed or copied first. A sum's order depends on the sizes alone.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from './backend';
import { program, runProgram } from './program';

/** A factor's entry [batch, outer, inner] stands at batch·`batch` + outer·`outer` + inner·`inner`; `inner` runs along k. */
export interface Factor {
  readonly tensor: tf.TensorInfo;
  readonly batch: number;
  readonly outer: number;
  readonly inner: number;
}

export interface Product {
  readonly a: Factor;
  readonly b: Factor;
  readonly bias?: tf.TensorInfo;
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly shape: readonly number[];
}

/** Lanes along each side of a tile. */
const SIDE = 16;
/** Terms of the sums that are taken into workgroup memory at a time. */
const DEPTH = 16;

/** Workgroups below which tiles are smaller, or sums are cut: a large GPU would stand idle. */
const ENOUGH_GROUPS = 32;
/** Terms that each part of a cut sum has at least. */
const LEAST_SHARE = 256;
const MOST_SPLITS = 32;

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const GEMM_UNIFORMS = {
  m: 'u32',
  n: 'u32',
  k: 'u32',
  splits: 'u32',
  share: 'u32',
  aBatch: 'u32',
  aOuter: 'u32',
  aInner: 'u32',
  bBatch: 'u32',
  bOuter: 'u32',
  bInner: 'u32',
} as const;

/**
 * Loads a factor's tile of `size` rows, [DEPTH][size] padded against conflicts of banks, zero beyond its edges.
 * @param along whether neighbours along k are neighbours in memory
 * @param count the factor's rows
 */
const load = (factor: 'a' | 'b', size: number, along: string, count: string): string => `
    for (var i = lane; i < ${DEPTH * size}u; i += LANES) {
      // Neighbouring lanes read neighbouring entries, whichever axis they lie along.
      let inner = select(i / ${size}u, i % ${DEPTH}u, ${along});
      let outer = select(i % ${size}u, i / ${DEPTH}u, ${along});
      var value = 0.0;
      if (${factor}First + outer < ${count} && first + inner < end) {
        value = ${factor}[${factor}Start + (${factor}First + outer) * uniforms.${factor}Outer + (first + inner) * uniforms.${factor}Inner];
      }
      ${factor}Tile[inner * ${size + 1}u + outer] = value;
    }`;

const BIAS = `
fn biasAt(column: u32) -> f32 {
  if (HAS_BIAS) { return bias[column]; }
  return 0.0;
}`;

/** @param rows @param columns of C in each lane's registers */
function gemmProgram(rows: number, columns: number) {
  const [tileM, tileN] = [SIDE * rows, SIDE * columns];
  const blocks = indices(rows).flatMap((i) => indices(columns).map((j) => [i, j] as const));
  return program({
    name: `gemm${tileM}x${tileN}`,
    inputs: { a: 'f32', b: 'f32', bias: 'f32' },
    outputs: { c: 'f32' },
    uniforms: GEMM_UNIFORMS,
    lanes: SIDE * SIDE,
    code: `
var<workgroup> aTile: array<f32, ${DEPTH * (tileM + 1)}>;
var<workgroup> bTile: array<f32, ${DEPTH * (tileN + 1)}>;

fn main(group: u32, lane: u32) {
  let tilesN = (uniforms.n + ${tileN - 1}u) / ${tileN}u;
  let tiles = tilesN * ((uniforms.m + ${tileM - 1}u) / ${tileM}u);
  let tile = group % tiles;
  let split = group / tiles % uniforms.splits;
  let batch = group / tiles / uniforms.splits;
  let aFirst = tile / tilesN * ${tileM}u;
  let bFirst = tile % tilesN * ${tileN}u;
  let aStart = batch * uniforms.aBatch;
  let bStart = batch * uniforms.bBatch;
  let end = min((split + 1u) * uniforms.share, uniforms.k);
  let row = lane / ${SIDE}u * ${rows}u;
  let column = lane % ${SIDE}u * ${columns}u;
  ${blocks.map(([i, j]) => `var c${i}_${j} = 0.0;`).join(' ')}
  for (var first = split * uniforms.share; first < end; first += ${DEPTH}u) {
    ${load('a', tileM, 'A_ALONG_K', 'uniforms.m')}
    ${load('b', tileN, 'B_ALONG_K', 'uniforms.n')}
    workgroupBarrier();
    // Terms beyond the last one are left out: zero times an infinity is none.
    let terms = min(${DEPTH}u, end - first);
    for (var inner = 0u; inner < terms; inner++) {
      let aAt = inner * ${tileM + 1}u + row;
      let bAt = inner * ${tileN + 1}u + column;
      ${indices(rows)
        .map((i) => `let a${i} = aTile[aAt + ${i}u];`)
        .join(' ')}
      ${indices(columns)
        .map((j) => `let b${j} = bTile[bAt + ${j}u];`)
        .join(' ')}
      ${blocks.map(([i, j]) => `c${i}_${j} = fma(a${i}, b${j}, c${i}_${j});`).join(' ')}
    }
    workgroupBarrier();
  }
  let start = (split + batch * uniforms.splits) * uniforms.m * uniforms.n;
  ${blocks
    .map(
      ([i, j]) => `if (aFirst + row + ${i}u < uniforms.m && bFirst + column + ${j}u < uniforms.n) {
    let at = bFirst + column + ${j}u;
    c[start + (aFirst + row + ${i}u) * uniforms.n + at] = c${i}_${j} + biasAt(at);
  }`,
    )
    .join('\n  ')}
}
${BIAS}`,
  });
}

/** Columns of C that a workgroup has of a product of one row; as many lanes share the terms of each. */
const ROW_COLUMNS = 16;

/** A product of one row, as decoding has them: no lane of a tile of many rows would have anything to do. */
const rowProgram = program({
  name: 'gemmRow',
  inputs: { a: 'f32', b: 'f32', bias: 'f32' },
  outputs: { c: 'f32' },
  uniforms: GEMM_UNIFORMS,
  lanes: ROW_COLUMNS * ROW_COLUMNS,
  code: `
var<workgroup> sums: array<f32, LANES>;

fn main(group: u32, lane: u32) {
  let tiles = (uniforms.n + ${ROW_COLUMNS - 1}u) / ${ROW_COLUMNS}u;
  let split = group / tiles % uniforms.splits;
  let batch = group / tiles / uniforms.splits;
  // Neighbouring lanes read neighbouring entries of b, whichever axis they lie along.
  let part = select(lane / ${ROW_COLUMNS}u, lane % ${ROW_COLUMNS}u, B_ALONG_K);
  let own = select(lane % ${ROW_COLUMNS}u, lane / ${ROW_COLUMNS}u, B_ALONG_K);
  let column = group % tiles * ${ROW_COLUMNS}u + own;
  let aStart = batch * uniforms.aBatch;
  let bStart = batch * uniforms.bBatch + column * uniforms.bOuter;
  let end = select(0u, min((split + 1u) * uniforms.share, uniforms.k), column < uniforms.n);
  var sum = 0.0;
  for (var inner = split * uniforms.share + part; inner < end; inner += ${ROW_COLUMNS}u) {
    sum = fma(a[aStart + inner * uniforms.aInner], b[bStart + inner * uniforms.bInner], sum);
  }
  sums[part * ${ROW_COLUMNS}u + own] = sum;
  workgroupBarrier();
  for (var half = ${ROW_COLUMNS / 2}u; half > 0u; half /= 2u) {
    if (lane < half * ${ROW_COLUMNS}u) { sums[lane] += sums[lane + half * ${ROW_COLUMNS}u]; }
    workgroupBarrier();
  }
  let at = group % tiles * ${ROW_COLUMNS}u + lane;
  if (lane < ${ROW_COLUMNS}u && at < uniforms.n) {
    c[(split + batch * uniforms.splits) * uniforms.n + at] = sums[lane] + biasAt(at);
  }
}
${BIAS}`,
});

const programs = {
  /** Much to do. */
  large: gemmProgram(4, 4),
  /** Little to do, of many rows. */
  small: gemmProgram(2, 2),
  /** Few rows. */
  flat: gemmProgram(1, 4),
  row: rowProgram,
} as const;

const tileOf = { large: [64, 64], small: [32, 32], flat: [16, 64], row: [1, ROW_COLUMNS] } as const;

/** c[batch, i] = Σ over splits of parts[batch, split, i] (+ bias), in the order of the splits. */
const splitSum = program({
  name: 'gemmSplitSum',
  inputs: { parts: 'f32', bias: 'f32' },
  outputs: { c: 'f32' },
  uniforms: { size: 'u32', splits: 'u32', entries: 'u32', n: 'u32' },
  lanes: 256,
  code: `
fn main(group: u32, lane: u32) {
  let at = group * LANES + lane;
  if (at >= uniforms.size) { return; }
  let batch = at / uniforms.entries;
  let entry = at % uniforms.entries;
  var sum = 0.0;
  for (var split = 0u; split < uniforms.splits; split++) {
    sum += parts[(batch * uniforms.splits + split) * uniforms.entries + entry];
  }
  if (HAS_BIAS) { sum += bias[entry % uniforms.n]; }
  c[at] = sum;
}`,
});

function plan({ batches, m, n, k }: Product) {
  const tiles = (kind: keyof typeof programs) =>
    batches * Math.ceil(m / tileOf[kind][0]) * Math.ceil(n / tileOf[kind][1]);
  const many = tiles('large') < ENOUGH_GROUPS ? 'small' : 'large';
  const kind = m === 1 ? 'row' : m <= 16 ? 'flat' : many;
  const wanted = Math.ceil(ENOUGH_GROUPS / tiles(kind));
  const splits = Math.max(1, Math.min(wanted, Math.floor(k / LEAST_SHARE), MOST_SPLITS));
  const share = DEPTH * Math.ceil(k / splits / DEPTH);
  return { kind, splits, share, groups: tiles(kind) * splits } as const;
}

/**
 * @returns C, of the product's `shape`; zeros, or the bias, where k is 0
 * @throws EngineError `out-of-memory`, `device-lost`
 */
export function multiply(backend: WebgpuBackend, product: Product): tf.TensorInfo {
  const { a, b, bias, batches, m, n, k, shape } = product;
  const { kind, splits, share, groups } = plan(product);
  const inOneGo = splits === 1;
  // A binding that the constants leave unused still needs a tensor.
  const biasOrAny = bias ?? b.tensor;
  const { c } = runProgram(backend, programs[kind], {
    inputs: { a: a.tensor, b: b.tensor, bias: biasOrAny },
    outputs: { c: { shape: inOneGo ? shape : [batches, splits, m, n] } },
    uniforms: {
      ...{ m, n, k, splits, share },
      ...{ aBatch: a.batch, aOuter: a.outer, aInner: a.inner },
      ...{ bBatch: b.batch, bOuter: b.outer, bInner: b.inner },
    },
    constants: {
      A_ALONG_K: a.inner === 1,
      B_ALONG_K: b.inner === 1,
      HAS_BIAS: bias !== undefined && inOneGo,
    },
    groups,
  });
  if (inOneGo) return c;
  const size = batches * m * n;
  const { c: sum } = runProgram(backend, splitSum, {
    inputs: { parts: c, bias: biasOrAny },
    outputs: { c: { shape } },
    uniforms: { size, splits, entries: m * n, n },
    constants: { HAS_BIAS: bias !== undefined },
    groups: Math.ceil(size / 256),
  });
  backend.disposeData(c.dataId);
  return sum;
}
