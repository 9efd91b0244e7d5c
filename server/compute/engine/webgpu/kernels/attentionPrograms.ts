/**
 * Attention's kernels (`kernels/attention.ts`), after FlashAttention (Dao et al., arXiv 2205.14135) with a softmax that is
 * scaled again as larger scores come up (Milakov & Gimelshein, arXiv 1805.02867). With S = scale · q kᵀ, P = softmax S and
 * M the dropout's factors:
 *
 *     y = (P ∘ M) v ;   dv = (P ∘ M)ᵀ dy ;   dP = M ∘ (dy vᵀ) ;   dS = P ∘ (dP − Σ_j P dP) ;   dq = scale · dS k ;   dk = scale · dSᵀ q
 *
 * The gradient takes three passes, each of which computes its tiles of S and dP again: what the rows of P and dP sum to; dq by
 * rows; dk and dv by columns. Each number has one writer, which adds in a fixed order.
 */
import type { AnyProgram, Entry } from '../program';
import {
  ATTENTION_LANES,
  entryOf,
  ofSlices,
  products,
  reading,
  TILE,
  TILES,
  weighted,
  writing,
  type Rows,
} from './attentionTiles';
import { KEPT } from './dropoutMask';

export const ATTENTION_UNIFORMS = {
  heads: 'u32',
  headDim: 'u32',
  lq: 'u32',
  lk: 'u32',
  window: 'u32',
  offset: 'u32',
  qAt: 'u32',
  kAt: 'u32',
  vAt: 'u32',
  stride: 'u32',
  headStride: 'u32',
  parts: 'u32',
  slices: 'u32',
  quads: 'u32',
  scale: 'f32',
  threshold: 'u32',
  key: 'u32',
  factor: 'f32',
} as const;

export type AttentionUniforms = Record<keyof typeof ATTENTION_UNIFORMS, number>;

const q: Rows = { buffer: 'q', base: 'atQ', rows: 'uniforms.lq', stride: 'uniforms.stride' };
const k: Rows = { buffer: 'k', base: 'atK', rows: 'uniforms.lk', stride: 'uniforms.stride' };
const v: Rows = { buffer: 'v', base: 'atV', rows: 'uniforms.lk', stride: 'uniforms.stride' };
const dy: Rows = { buffer: 'dy', base: 'atY', rows: 'uniforms.lq', stride: 'width' };

/** Which (batch, head) and which tile of `length` rows a workgroup has, and where the head's matrices begin. */
export const place = (length: 'lq' | 'lk') => `
  let tiles = (uniforms.${length} + ${TILE - 1}u) / ${TILE}u;
  let job = group / tiles;
  // The last rows see the most keys: they go first, so that no workgroup is left over at the end.
  let first = (tiles - 1u - group % tiles) * ${TILE}u;
  let row = lane / 8u;
  let part = lane % 8u;
  let width = uniforms.heads * uniforms.headDim;
  let atQ = baseOf(job, uniforms.qAt, uniforms.lq, uniforms.stride, uniforms.headStride);
  let atK = baseOf(job, uniforms.kAt, uniforms.lk, uniforms.stride, uniforms.headStride);
  let atV = baseOf(job, uniforms.vAt, uniforms.lk, uniforms.stride, uniforms.headStride);
  let atY = baseOf(job, 0u, uniforms.lq, width, uniforms.headDim);`;

const inputsOf = (names: readonly string[], whole: boolean): Record<string, Entry> =>
  Object.fromEntries(names.map((name) => [name, entryOf(whole)]));

const base = (name: string, whole: boolean) => ({
  name: `${name}${whole ? 'Whole' : ''}`,
  uniforms: ATTENTION_UNIFORMS,
  lanes: ATTENTION_LANES,
});

/** Factors of the four columns, keys 8 apart. */
const KEPT_KEYS = `vec4f(
      keepFactor(job, query, key + part), keepFactor(job, query, key + part + 8u),
      keepFactor(job, query, key + part + 16u), keepFactor(job, query, key + part + 24u))`;

/** Takes a tile's scores into the running softmax: `p` (not divided by the sum yet), `largest`, `sum`, `shrink`. */
const SOFTMAX = `
    let seen = seenKeys(query, key + part);
    let s = select(vec4f(LOWEST), scores * uniforms.scale, seen);
    let next = rowMax(max(largest, max(max(s.x, s.y), max(s.z, s.w))), lane);
    let shrink = exp(largest - next);
    largest = next;
    var p = select(vec4f(), exp(s - next), seen);
    sum = sum * shrink + sumOf(p);`;

/** q, k, v → y. */
export const forwardProgram = (whole: boolean): AnyProgram => ({
  ...base('attention', whole),
  inputs: inputsOf(['q', 'k', 'v'], whole),
  outputs: { y: entryOf(whole) },
  code: `${KEPT}${TILES}${['q', 'k', 'v'].map((name) => reading(name, whole)).join('')}${writing('y', 'y', whole)}
fn main(group: u32, lane: u32) {${place('lq')}
  let query = first + row;
  var largest = LOWEST;
  var sum = 0.0;
  var sums: array<vec4f, SLICES>;
  for (var key = keysStart(first); key < keysEnd(first); key += ${TILE}u) {
    ${products('scores', q, 'first', k, 'key')}
    ${SOFTMAX}
    if (uniforms.threshold > 0u) { p *= ${KEPT_KEYS}; }
    weights[row * ROW + part] = p;
    ${weighted('sums', v, 'key', 'shrink')}
  }
  sum = rowSum(sum, lane);
  if (query >= uniforms.lq) { return; }
  ${ofSlices('put_y(atY, query, width, quad, sums[slice] / sum);')}
}`,
});

/** Of each query row: the largest score, 1 / Σ exp(s − largest), Σ_j P dP. */
export const rowsProgram = (whole: boolean): AnyProgram => ({
  ...base('attentionRows', whole),
  inputs: inputsOf(['q', 'k', 'v', 'dy'], whole),
  outputs: { stats: 'vec4f' },
  code: `${KEPT}${TILES}${['q', 'k', 'v', 'dy'].map((name) => reading(name, whole)).join('')}
fn main(group: u32, lane: u32) {${place('lq')}
  let query = first + row;
  var largest = LOWEST;
  var sum = 0.0;
  var change = 0.0;
  for (var key = keysStart(first); key < keysEnd(first); key += ${TILE}u) {
    ${products('scores', q, 'first', k, 'key')}
    ${SOFTMAX}
    ${products('dp', dy, 'first', v, 'key')}
    if (uniforms.threshold > 0u) { dp *= ${KEPT_KEYS}; }
    change = change * shrink + sumOf(select(vec4f(), p * dp, seen));
  }
  sum = rowSum(sum, lane);
  change = rowSum(change, lane);
  if (query < uniforms.lq && part == 0u) {
    stats[job * uniforms.lq + query] = vec4f(largest, 1.0 / sum, change / sum, 0.0);
  }
}`,
});

/** dq, into `dq` or, for a fused projection, its part of the projection's gradient. */
export const queryGradProgram = (whole: boolean): AnyProgram => ({
  ...base('attentionGradQueries', whole),
  inputs: { ...inputsOf(['q', 'k', 'v', 'dy'], whole), stats: 'vec4f' },
  outputs: { dq: entryOf(whole) },
  code: `${KEPT}${TILES}${['q', 'k', 'v', 'dy'].map((name) => reading(name, whole)).join('')}${writing('dq', 'dq', whole)}
fn main(group: u32, lane: u32) {${place('lq')}
  let query = first + row;
  let known = stats[job * uniforms.lq + min(query, uniforms.lq - 1u)];
  var sums: array<vec4f, SLICES>;
  for (var key = keysStart(first); key < keysEnd(first); key += ${TILE}u) {
    ${products('scores', q, 'first', k, 'key')}
    ${products('dp', dy, 'first', v, 'key')}
    if (uniforms.threshold > 0u) { dp *= ${KEPT_KEYS}; }
    let p = exp(scores * uniforms.scale - known.x) * known.y;
    let ds = p * (dp - known.z) * uniforms.scale;
    weights[row * ROW + part] = select(vec4f(), ds, seenKeys(query, key + part));
    ${weighted('sums', k, 'key')}
  }
  if (query >= uniforms.lq) { return; }
  ${ofSlices('put_dq(atQ, query, uniforms.stride, quad, sums[slice]);')}
}`,
});

const KEPT_QUERIES = `vec4f(
      keepFactor(job, query + part, keyOfRow), keepFactor(job, query + part + 8u, keyOfRow),
      keepFactor(job, query + part + 16u, keyOfRow), keepFactor(job, query + part + 24u, keyOfRow))`;

/** dk and dv: rows are keys, columns queries. @param fused whether both go into the gradient of one projection, `dqkv` */
export const keyGradProgram = (whole: boolean, fused: boolean): AnyProgram => ({
  ...base(fused ? 'attentionGradKeysFused' : 'attentionGradKeys', whole),
  inputs: { ...inputsOf(['q', 'k', 'v', 'dy'], whole), stats: 'vec4f' },
  outputs: fused ? { dqkv: entryOf(whole) } : { dk: entryOf(whole), dv: entryOf(whole) },
  code: `${KEPT}${TILES}${['q', 'k', 'v', 'dy'].map((name) => reading(name, whole)).join('')}
${writing('dk', fused ? 'dqkv' : 'dk', whole)}${writing('dv', fused ? 'dqkv' : 'dv', whole)}
fn main(group: u32, lane: u32) {${place('lk')}
  let keyOfRow = first + row;
  var sumsK: array<vec4f, SLICES>;
  var sumsV: array<vec4f, SLICES>;
  let start = first - min(first, uniforms.offset);
  let beyond = first + ${TILE - 1}u + uniforms.window;
  let end = select(min(uniforms.lq, beyond - min(beyond, uniforms.offset)), uniforms.lq, uniforms.window == 0u);
  for (var query = start; query < end; query += ${TILE}u) {
    ${products('scores', k, 'first', q, 'query')}
    ${products('dp', v, 'first', dy, 'query')}
    let seen = seenByQueries(query + part, keyOfRow);
    var p = vec4f();
    var ds = vec4f();
    var keep = vec4f(1.0);
    if (uniforms.threshold > 0u) { keep = ${KEPT_QUERIES}; }
    for (var i = 0u; i < 4u; i++) {
      if (seen[i]) {
        let known = stats[job * uniforms.lq + query + part + 8u * i];
        p[i] = exp(scores[i] * uniforms.scale - known.x) * known.y;
        ds[i] = p[i] * (dp[i] * keep[i] - known.z) * uniforms.scale;
      }
    }
    weights[row * ROW + part] = p * keep;
    ${weighted('sumsV', dy, 'query')}
    workgroupBarrier();
    weights[row * ROW + part] = ds;
    ${weighted('sumsK', q, 'query')}
  }
  if (keyOfRow >= uniforms.lk) { return; }
  ${ofSlices(`put_dk(atK, keyOfRow, uniforms.stride, quad, sumsK[slice]);
    put_dv(atV, keyOfRow, uniforms.stride, quad, sumsV[slice]);`)}
}`,
});
