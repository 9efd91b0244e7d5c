/**
 * What attention's kernels share. A workgroup of 256 lanes has 32 rows (queries, or keys for dk and dv) and goes over tiles of 32
 * columns; eight lanes work on a row. A head's entries pass through workgroup memory in slices of 32, so any head fits 16 KiB.
 * Lane (row, part) has the columns part, part + 8, part + 16 and part + 24 of a tile's products, and of its results the quad
 * `part` of each slice.
 *
 * The lanes a row (`parts`), the slices and the quads of a slice that are in use come as uniforms: where they are constants, drivers
 * unroll the loops over them, and the software that stands in for a GPU in tests takes minutes to compile that.
 */
import type { Entry } from '../program';

export const TILE = 32;
export const ATTENTION_LANES = 256;

/** @param whole whether heads are whole quads, so that buffers are read and written four floats at a time */
export const entryOf = (whole: boolean): Entry => (whole ? 'vec4f' : 'f32');

export const TILES = `
const ROW = 9u; // a row of a tile in quads, one of them to spread rows over the memory's banks
var<workgroup> left: array<vec4f, ${TILE}u * ROW>;
var<workgroup> right: array<vec4f, ${TILE}u * ROW>;
var<workgroup> weights: array<vec4f, ${TILE}u * ROW>;
var<workgroup> parts: array<f32, LANES>;
const LOWEST = -3.4028234e38f;

/** Where row 0 of a (batch, head) begins. */
fn baseOf(job: u32, first: u32, rows: u32, stride: u32, headStride: u32) -> u32 {
  return first + (job / uniforms.heads) * rows * stride + (job % uniforms.heads) * headStride;
}

/** Which of four columns key ← query are seen; columns 8 apart. */
fn seenKeys(query: u32, key: u32) -> vec4<bool> {
  let last = uniforms.offset + query;
  let keys = vec4u(key, key + 8u, key + 16u, key + 24u);
  let all = query < uniforms.lq && uniforms.window == 0u;
  return (keys <= vec4u(last)) & (vec4<bool>(all) | (vec4<bool>(query < uniforms.lq) & (keys + uniforms.window > vec4u(last))));
}

fn seenByQueries(query: u32, key: u32) -> vec4<bool> {
  let queries = vec4u(query, query + 8u, query + 16u, query + 24u);
  let last = queries + uniforms.offset;
  let inWindow = vec4<bool>(uniforms.window == 0u) | (vec4u(key + uniforms.window) > last);
  return (queries < vec4u(uniforms.lq)) & (vec4u(key) <= last) & inWindow;
}

fn keepFactor(job: u32, query: u32, key: u32) -> f32 {
  let counter = (job * uniforms.lq + query) * uniforms.lk + key;
  return select(0.0, uniforms.factor, kept(counter, uniforms.key, uniforms.threshold));
}

/** One past the last key that a tile of queries sees, and the first one. */
fn keysEnd(query: u32) -> u32 { return uniforms.offset + min(query + ${TILE}u, uniforms.lq); }
fn keysStart(query: u32) -> u32 {
  let last = uniforms.offset + query + 1u;
  return select(0u, last - min(last, uniforms.window), uniforms.window > 0u);
}

fn sumOf(x: vec4f) -> f32 { return (x.x + x.y) + (x.z + x.w); }

/** Sum over the eight lanes of a row, to each of them. */
fn rowSum(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  parts[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < uniforms.parts; i++) { sum += parts[lane / 8u * 8u + i]; }
  return sum;
}

/** The largest of the row so far, which is at least \`value\`. */
fn rowMax(value: f32, lane: u32) -> f32 {
  parts[lane] = value;
  workgroupBarrier();
  var largest = value;
  for (var i = 0u; i < uniforms.parts; i++) { largest = max(largest, parts[lane / 8u * 8u + i]); }
  return largest;
}
`;

/** `quad<Name>(base, row, rows, stride, quad)`: four entries of a row of a head, zeros outside. */
export function reading(name: string, whole: boolean): string {
  const inside = whole
    ? `return ${name}[(base + row * stride) / 4u + quad];`
    : `var four = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (4u * quad + i < uniforms.headDim) { four[i] = ${name}[base + row * stride + 4u * quad + i]; }
  }
  return four;`;
  return `
fn quad_${name}(base: u32, row: u32, rows: u32, stride: u32, quad: u32) -> vec4f {
  if (row >= rows || 4u * quad >= uniforms.headDim) { return vec4f(); }
  ${inside}
}`;
}

/** `put_<name>(base, row, stride, quad, value)`, where the quad is within the head. */
export function writing(name: string, buffer: string, whole: boolean): string {
  const inside = whole
    ? `${buffer}[(base + row * stride) / 4u + quad] = value;`
    : `for (var i = 0u; i < 4u; i++) {
    if (4u * quad + i < uniforms.headDim) { ${buffer}[base + row * stride + 4u * quad + i] = value[i]; }
  }`;
  return `
fn put_${name}(base: u32, row: u32, stride: u32, quad: u32, value: vec4f) {
  if (4u * quad >= uniforms.headDim) { return; }
  ${inside}
}`;
}

/** A matrix of rows of one head: which buffer, and the expressions for where it begins, how many rows and how far apart. */
export interface Rows {
  readonly buffer: string;
  readonly base: string;
  readonly rows: string;
  readonly stride: string;
}

const quadOf = ({ buffer, base, rows, stride }: Rows, row: string, quad: string) =>
  `quad_${buffer}(${base}, ${row}, ${rows}, ${stride}, ${quad})`;

/** Sets `result` to Σ_d a[rowA + row, d] · b[rowB + column, d] for the lane's four columns. */
export const products = (result: string, a: Rows, rowA: string, b: Rows, rowB: string): string => `
  var ${result} = vec4f();
  for (var slice = 0u; slice < uniforms.slices; slice++) {
    workgroupBarrier();
    left[row * ROW + part] = ${quadOf(a, `${rowA} + row`, '8u * slice + part')};
    right[row * ROW + part] = ${quadOf(b, `${rowB} + row`, '8u * slice + part')};
    workgroupBarrier();
    for (var d = 0u; d < uniforms.quads; d++) {
      let x = left[row * ROW + d];
      ${result} += vec4f(
        dot(x, right[part * ROW + d]), dot(x, right[(part + 8u) * ROW + d]),
        dot(x, right[(part + 16u) * ROW + d]), dot(x, right[(part + 24u) * ROW + d]));
    }
  }`;

/**
 * Adds Σ_column weights[row, column] · b[rowB + column, d] to the array `into`, a quad a slice; what it holds is multiplied by
 * `factor` before.
 */
export const weighted = (into: string, b: Rows, rowB: string, factor = '1.0'): string => `
  for (var slice = 0u; slice < uniforms.slices; slice++) {
    workgroupBarrier();
    right[row * ROW + part] = ${quadOf(b, `${rowB} + row`, '8u * slice + part')};
    workgroupBarrier();
    var sumOfSlice = ${into}[slice] * ${factor};
    for (var p = 0u; p < uniforms.parts; p++) {
      let w = weights[row * ROW + p];
      let at = p * ROW + part;
      sumOfSlice += w.x * right[at] + w.y * right[at + 8u * ROW] + w.z * right[at + 16u * ROW] + w.w * right[at + 24u * ROW];
    }
    ${into}[slice] = sumOfSlice;
  }`;

/** `line` for each `slice`, of which a lane has the quad `quad`. */
export const ofSlices = (line: string): string =>
  `for (var slice = 0u; slice < uniforms.slices; slice++) {
    let quad = 8u * slice + part;
    ${line}
  }`;
