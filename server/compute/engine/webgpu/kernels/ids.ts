/** Token ids that a kernel gets. */
import type * as tf from '@tensorflow/tfjs-core';
import { requireIds } from '../../kernels/ids';
import type { WebgpuBackend } from '../backend';

/**
 * Looks at ids that are still in the processor's memory, as a batch's are when a kernel uses them first; those on the GPU can't
 * be read in time.
 * @throws RangeError naming the first id outside the table
 */
export function checkIds(
  backend: WebgpuBackend,
  { dataId }: tf.TensorInfo,
  rows: number,
  ignored?: number,
): void {
  const { values } = backend.tensorMap.get(dataId) as { values?: ArrayLike<number> | null };
  if (!values) return;
  requireIds(values, rows, ignored);
}
