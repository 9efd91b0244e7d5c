/** Rows of a table by id, and the gradient of the table (`kernels/embedding.ts`). */
import * as tf from '@tensorflow/tfjs-core';
import { EMBEDDING, EMBEDDING_GRAD } from '../../kernels/embedding';
import { widthOf } from '../../kernels/fused';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { register } from '../register';
import { FLAT_LANES, flatGroups, flatMain } from './flat';
import { checkIds } from './ids';

/** An id outside the table gives zeros; those the kernel can see are refused before (`ids.ts`). */
const embedding = program({
  name: 'embedding',
  inputs: { table: 'f32', ids: 'i32' },
  outputs: { y: 'f32' },
  uniforms: { size: 'u32', width: 'u32', rows: 'u32' },
  lanes: FLAT_LANES,
  code: flatMain(`let id = ids[i / uniforms.width];
    var value = 0.0;
    if (id >= 0 && u32(id) < uniforms.rows) { value = table[u32(id) * uniforms.width + i % uniforms.width]; }
    y[i] = value;`),
});

const LANES = 256;

/**
 * Of each position the next one with the same id (`count` where there is none), and whether it is the first: a lane a position,
 * which looks at all ids by way of workgroup memory.
 */
const sameIds = program({
  name: 'embeddingSameIds',
  inputs: { ids: 'i32' },
  outputs: { nexts: 'u32', firsts: 'u32' },
  uniforms: { count: 'u32' },
  lanes: LANES,
  code: `
var<workgroup> some: array<i32, LANES>;

fn main(group: u32, lane: u32) {
  let own = group * LANES + lane;
  let id = ids[min(own, uniforms.count - 1u)];
  var next = uniforms.count;
  var isFirst = true;
  for (var start = 0u; start < uniforms.count; start += LANES) {
    workgroupBarrier();
    some[lane] = ids[min(start + lane, uniforms.count - 1u)];
    workgroupBarrier();
    for (var i = 0u; i < min(LANES, uniforms.count - start); i++) {
      let other = start + i;
      if (some[i] == id) {
        if (other < own) { isFirst = false; }
        if (other > own) { next = min(next, other); }
      }
    }
  }
  if (own < uniforms.count) {
    nexts[own] = next;
    firsts[own] = select(0u, 1u, isFirst);
  }
}`,
});

const cleared = program({
  name: 'embeddingCleared',
  inputs: {},
  outputs: { dTable: 'f32' },
  uniforms: { size: 'u32' },
  lanes: FLAT_LANES,
  code: flatMain('dTable[i] = 0.0;'),
});

/**
 * The first position of an id adds up the rows of dy of all its positions: every entry of the table has one writer, and its terms
 * come in the order of the ids.
 */
const embeddingGrad = program({
  name: 'embeddingGrad',
  inputs: { dy: 'f32', ids: 'i32', nexts: 'u32', firsts: 'u32' },
  outputs: { dTable: 'f32' },
  uniforms: { size: 'u32', count: 'u32', width: 'u32', rows: 'u32' },
  lanes: FLAT_LANES,
  code: flatMain(`let position = i / uniforms.width;
    let id = ids[position];
    if (firsts[position] > 0u && id >= 0 && u32(id) < uniforms.rows) {
      let column = i % uniforms.width;
      var sum = 0.0;
      for (var at = position; at < uniforms.count; at = nexts[at]) { sum += dy[at * uniforms.width + column]; }
      dTable[u32(id) * uniforms.width + column] = sum;
    }`),
});

export function registerEmbedding(): void {
  register(EMBEDDING, ({ inputs, backend }) => {
    const { table, ids } = inputs as Record<'table' | 'ids', tf.TensorInfo>;
    const [rows, width] = [table.shape[0]!, widthOf(table)];
    checkIds(backend, ids, rows);
    const size = tf.util.sizeFromShape(ids.shape) * width;
    return runProgram(backend, embedding, {
      inputs: { table, ids },
      outputs: { y: { shape: [...ids.shape, width] } },
      uniforms: { size, width, rows },
      groups: flatGroups(size),
    }).y;
  });
  register(EMBEDDING_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, ids } = inputs as Record<'dy' | 'ids', tf.TensorInfo>;
    const [rows, width] = [attrs['rows'] as number, widthOf(dy)];
    const { dTable } = runProgram(backend, cleared, {
      inputs: {},
      outputs: { dTable: { shape: [rows, width] } },
      uniforms: { size: rows * width },
      groups: flatGroups(rows * width),
    });
    addRows(backend, dTable, { dy, ids });
    return dTable;
  });
}

/** dTable[ids[i]] += dy[i], where dTable is zero. */
function addRows(
  backend: WebgpuBackend,
  dTable: tf.TensorInfo,
  { dy, ids }: Record<'dy' | 'ids', tf.TensorInfo>,
): void {
  const [count, size] = [ids, dy].map(({ shape }) => tf.util.sizeFromShape(shape)) as [
    number,
    number,
  ];
  if (size === 0) return;
  const { nexts, firsts } = runProgram(backend, sameIds, {
    inputs: { ids },
    outputs: {
      nexts: { shape: [count], dtype: 'int32' },
      firsts: { shape: [count], dtype: 'int32' },
    },
    uniforms: { count },
    groups: Math.ceil(count / LANES),
  });
  const [rows, width] = dTable.shape as [number, number];
  runProgram(backend, embeddingGrad, {
    inputs: { dy, ids, nexts, firsts },
    outputs: { dTable },
    uniforms: { size, count, width, rows },
    groups: flatGroups(size),
  });
  for (const { dataId } of [nexts, firsts]) backend.disposeData(dataId);
}
