/** Rows of a table by id. */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, widthOf } from './fused';

export const EMBEDDING = 'ManticoreEmbedding';
export const EMBEDDING_GRAD = 'ManticoreEmbeddingGrad';

/**
 * table [V, d], ids int32 [b, l] → [b, l, d]. Gradient: scatter-add of the rows of dy, in the order of the ids.
 * Ids outside [0, V) are a bug of the caller.
 */
export function embedding(table: tf.Tensor, ids: tf.Tensor): tf.Tensor3D {
  if (hasKernel(EMBEDDING)) return runKernel(EMBEDDING, { table, ids }, {}) as tf.Tensor3D;
  const flat = tf.reshape(ids, [ids.size]); // [b·l]
  const rows = tf.gather(table, flat); // [b·l, d]
  return tf.reshape(rows, [ids.shape[0], ids.shape[1]!, widthOf(table)]); // [b, l, d]
}

tf.registerGradient({
  kernelName: EMBEDDING,
  inputsToSave: ['table', 'ids'],
  gradFunc: (dy, saved) => {
    const [table, ids] = saved as [tf.Tensor, tf.Tensor];
    return {
      table: () =>
        runKernel(EMBEDDING_GRAD, { dy: dy as tf.Tensor, ids }, { rows: table.shape[0] }),
      ids: () => tf.zerosLike(ids),
    };
  },
});
