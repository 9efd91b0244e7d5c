/** Rows of a table by id, and the gradient of the table (`kernels/embedding.ts`). */
import * as tf from '@tensorflow/tfjs-core';
import { EMBEDDING, EMBEDDING_GRAD } from '../../kernels/embedding';
import { widthOf } from '../../kernels/fused';
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

const LANES = 128;

/** Rows of the table that a workgroup has. */
const TABLE_ROWS = 32;

/**
 * A workgroup has some rows of the table, 128 columns of them, and goes over all ids: who finds one of its own adds that row of dy.
 * A lane has a column, so that every entry has one writer and its terms come in the order of the ids.
 */
const embeddingGrad = program({
  name: 'embeddingGrad',
  inputs: { dy: 'f32', ids: 'i32' },
  outputs: { dTable: 'f32' },
  uniforms: { count: 'u32', width: 'u32', rows: 'u32' },
  lanes: LANES,
  code: `
var<workgroup> some: array<i32, LANES>;
var<workgroup> found: atomic<u32>;

fn main(group: u32, lane: u32) {
  let tiles = (uniforms.width + LANES - 1u) / LANES;
  let column = (group % tiles) * LANES + lane;
  let first = (group / tiles) * ${TABLE_ROWS}u;
  let end = min(first + ${TABLE_ROWS}u, uniforms.rows);
  let isOwn = column < uniforms.width;
  if (isOwn) {
    for (var row = first; row < end; row++) { dTable[row * uniforms.width + column] = 0.0; }
  }
  for (var start = 0u; start < uniforms.count; start += LANES) {
    workgroupBarrier();
    if (lane == 0u) { atomicStore(&found, 0u); }
    workgroupBarrier();
    let own = select(-1, ids[min(start + lane, uniforms.count - 1u)], start + lane < uniforms.count);
    some[lane] = own;
    if (own >= i32(first) && own < i32(end)) { atomicAdd(&found, 1u); }
    workgroupBarrier();
    // Of a large vocabulary most ids are elsewhere.
    let count = select(0u, min(LANES, uniforms.count - start), atomicLoad(&found) > 0u);
    for (var i = 0u; i < count; i++) {
      let id = some[i];
      if (isOwn && id >= i32(first) && id < i32(end)) {
        dTable[u32(id) * uniforms.width + column] += dy[(start + i) * uniforms.width + column];
      }
    }
  }
}`,
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
    return runProgram(backend, embeddingGrad, {
      inputs: { dy, ids },
      outputs: { dTable: { shape: [rows, width] } },
      uniforms: { count: tf.util.sizeFromShape(ids.shape), width, rows },
      groups: Math.ceil(rows / TABLE_ROWS) * Math.ceil(width / LANES),
    }).dTable;
  });
}
