/**
 * Attention of a single query, as decoding has it: all lanes of a workgroup work on one row of one head. Eight lanes work on a
 * key, 128 keys at a time; each of the 32 rows of lanes keeps a softmax of its own keys (`attentionPrograms.ts` has the source),
 * and in the end the 32 are brought to the same largest score and added.
 */
import type { AnyProgram } from '../program';
import { ATTENTION_UNIFORMS, place } from './attentionPrograms';
import { ATTENTION_LANES, ofSlices, reading, TILES, writing, entryOf } from './attentionTiles';
import { KEPT } from './dropoutMask';

/** Keys of one row of lanes in a step, 32 apart. */
const KEYS = [0, 1, 2, 3].map((i) => `key + ${32 * i}u`);

const SHARED = `
const ROWS = LANES / 8u;
var<workgroup> quads: array<vec4f, LANES>;
var<workgroup> largests: array<f32, ROWS>;
var<workgroup> totals: array<f32, ROWS>;

/** Sum over the eight lanes of a key, to each of them. */
fn sumOfKeys(value: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  quads[lane] = value;
  workgroupBarrier();
  var sum = vec4f();
  for (var i = 0u; i < uniforms.parts; i++) { sum += quads[lane / 8u * 8u + i]; }
  return sum;
}

/** Sum over the rows of lanes, to the first of them. */
fn sumOfRows(value: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  quads[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half >= 8u; half /= 2u) {
    if (lane < half) { quads[lane] += quads[lane + half]; }
    workgroupBarrier();
  }
  return quads[lane];
}
`;

/** q [b, 1, d], k, v → y [b, 1, d]. @param whole whether heads are whole quads */
export const rowProgram = (whole: boolean): AnyProgram => ({
  name: `attentionRow${whole ? 'Whole' : ''}`,
  uniforms: ATTENTION_UNIFORMS,
  lanes: ATTENTION_LANES,
  inputs: { q: entryOf(whole), k: entryOf(whole), v: entryOf(whole) },
  outputs: { y: entryOf(whole) },
  code: `${KEPT}${TILES}${SHARED}${['q', 'k', 'v'].map((name) => reading(name, whole)).join('')}${writing('y', 'y', whole)}
fn main(group: u32, lane: u32) {${place('lq')}
  // Keys that are not seen are not read: zero times an infinity is none.
  let end = keysEnd(first);
  var largest = LOWEST;
  var sum = 0.0;
  var sums: array<vec4f, SLICES>;
  for (var start = keysStart(first); start < end; start += 4u * ROWS) {
    let key = start + row;
    let seen = vec4u(${KEYS.join(', ')}) < vec4u(end);
    var scores = vec4f();
    ${ofSlices(`let x = quad_q(atQ, 0u, 1u, uniforms.stride, quad);
    scores += vec4f(${KEYS.map((key) => `dot(x, quad_k(atK, ${key}, end, uniforms.stride, quad))`).join(', ')});`)}
    let s = select(vec4f(LOWEST), sumOfKeys(scores, lane) * uniforms.scale, seen);
    let next = max(largest, max(max(s.x, s.y), max(s.z, s.w)));
    let shrink = exp(largest - next);
    largest = next;
    var p = select(vec4f(), exp(s - next), seen);
    sum = sum * shrink + sumOf(p);
    if (uniforms.threshold > 0u) {
      p *= vec4f(${KEYS.map((key) => `keepFactor(job, 0u, ${key})`).join(', ')});
    }
    ${ofSlices(
      `sums[slice] = sums[slice] * shrink + ${KEYS.map(
        (key, i) => `p[${i}] * quad_v(atV, ${key}, end, uniforms.stride, quad)`,
      ).join(' + ')};`,
    )}
  }
  if (part == 0u) {
    largests[row] = largest;
    totals[row] = sum;
  }
  workgroupBarrier();
  var all = LOWEST;
  for (var i = 0u; i < ROWS; i++) { all = max(all, largests[i]); }
  var total = 0.0;
  for (var i = 0u; i < ROWS; i++) { total += totals[i] * exp(largests[i] - all); }
  let share = exp(largest - all) / total;
  ${ofSlices(`let value = sumOfRows(sums[slice] * share, lane);
    if (row == 0u) { put_y(atY, 0u, width, quad, value); }`)}
}`,
});
