/** Values of tensors that no file brings: components from scratch, projectors, random embeddings. */
import type { ProjectorTensor } from '../../models/projector';
import type { RandomStream } from '../../models/random';

/** Spread of embeddings and heads made anew for a vocabulary (`embeddings: random`), the research code's. */
export const RANDOM_EMBEDDING_STD = 0.02;

/** Fills a tensor of this shape, row-major, float32. */
export function initialValues(
  init: ProjectorTensor['init'],
  shape: readonly number[],
  stream: RandomStream,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  const columns = shape[shape.length - 1] ?? 1;
  switch (init.kind) {
    case 'constant':
      return values.fill(init.value);
    case 'normal':
      return values.map(() => init.std * stream.normal());
    case 'uniform':
      return values.map(() => init.bound * (2 * stream.uniform() - 1));
    case 'rectangularIdentity':
      for (let row = 0; row < Math.min(shape[0]!, columns); row++) values[row * columns + row] = 1;
      return values;
    case 'mambaALog':
      return values.map((_, index) => Math.log((index % columns) + 1));
    case 'mambaDtBias':
      return values.map(() => inverseSoftplus(timeStep(init, stream.uniform())));
  }
}

/** Δ log-uniform in [min, max], at least floor (Gu and Dao, arXiv 2312.00752, and their code). */
function timeStep(
  { min, max, floor }: { readonly min: number; readonly max: number; readonly floor: number },
  u: number,
): number {
  const step = Math.exp(u * (Math.log(max) - Math.log(min)) + Math.log(min));
  return Math.max(step, floor);
}

/** y with log(1 + e^y) = x, for x > 0. */
function inverseSoftplus(x: number): number {
  return x + Math.log(-Math.expm1(-x));
}
