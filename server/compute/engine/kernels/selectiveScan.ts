/**
 * The selective state space scan of Mamba (Gu & Dao, arXiv 2312.00752, eq. 2 with the discretisation of its section 3.6):
 *
 *     h_t = exp(delta_t · A) ∘ h_{t−1} + delta_t · u_t · B_t ;  y_t = C_t · h_t + D · u_t
 *
 * Symbols: b batch, l length, c channels (dInner), n state size. `delta` is already softplus'd.
 */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernels } from './fused';

export const SELECTIVE_SCAN = 'ManticoreSelectiveScan';
export const SELECTIVE_SCAN_GRAD = 'ManticoreSelectiveScanGrad';

export interface ScanInput {
  /** [b, l, c] */
  readonly u: tf.Tensor;
  /** [b, l, c] */
  readonly delta: tf.Tensor;
  /** [c, n], negative */
  readonly A: tf.Tensor;
  /** [b, l, n] */
  readonly B: tf.Tensor;
  /** [b, l, n] */
  readonly C: tf.Tensor;
  /** [c] */
  readonly D: tf.Tensor;
  /** State before the first position, [b, c, n]; zeros when absent. No gradient flows to it. */
  readonly initial?: tf.Tensor | undefined;
}

export interface ScanResult {
  /** [b, l, c] */
  readonly y: tf.Tensor3D;
  /** State after the last position, [b, c, n]; without gradient. */
  readonly state: tf.Tensor3D;
}

/** → y [b, l, c]. */
export function selectiveScan(input: ScanInput): tf.Tensor3D {
  return selectiveScanWithState(input).y;
}

/** As `selectiveScan`, and the state after the last position, for decoding. */
export function selectiveScanWithState(input: ScanInput): ScanResult {
  const { u, delta, A, B, C, D, initial } = input;
  if (u.rank !== 3 || A.shape[0] !== u.shape[2] || A.shape[1] !== B.shape[2]) {
    throw new Error(
      `selectiveScan: u [${u.shape.join(', ')}], A [${A.shape.join(', ')}], B [${B.shape.join(', ')}] do not fit`,
    );
  }
  if (hasKernel(SELECTIVE_SCAN)) {
    const inputs = [u, delta, A, B, C, D, ...(initial ? [initial] : [])];
    const [y, state] = runKernels(SELECTIVE_SCAN, inputs, {});
    return { y: y as tf.Tensor3D, state: state as tf.Tensor3D };
  }
  return scanComposite(input);
}

function scanComposite({ u, delta, A, B, C, D, initial }: ScanInput): ScanResult {
  const [b, l, c] = u.shape as [number, number, number];
  const n = A.shape[1]!;
  let h: tf.Tensor = initial ?? tf.zeros([b, c, n]);
  if (l === 0) return { y: tf.zeros([b, 0, c]), state: tf.clone(h) as tf.Tensor3D };
  // Not unstack: tfjs's gradient of it fails when there is one part.
  const steps = (x: tf.Tensor) =>
    Array.from({ length: l }, (_, t) => tf.slice(x, [0, t, 0], [b, 1, x.shape[2]!]));
  const [us, deltas, Bs, Cs] = [steps(u), steps(delta), steps(B), steps(C)];
  const ys: tf.Tensor[] = [];
  for (let t = 0; t < l; t++) {
    const column = (x: tf.Tensor) => tf.reshape(x, [b, c, 1]);
    const row = (x: tf.Tensor) => tf.reshape(x, [b, 1, n]);
    const decay = tf.exp(tf.mul(column(deltas[t]!), A)); // [b, c, n]
    const drive = tf.mul(column(tf.mul(deltas[t]!, us[t]!)), row(Bs[t]!)); // [b, c, n]
    h = tf.add(tf.mul(decay, h), drive);
    ys.push(tf.sum(tf.mul(h, row(Cs[t]!)), -1)); // [b, c]
  }
  const y = tf.add(tf.stack(ys, 1), tf.mul(u, D)); // [b, l, c]
  return { y: y as tf.Tensor3D, state: h as tf.Tensor3D };
}

tf.registerGradient({
  kernelName: SELECTIVE_SCAN,
  saveAllInputs: true,
  // What an engine keeps for itself: wasm the states between segments [b, ends, c, n].
  outputsToSave: [false, false, true],
  gradFunc: (dys, saved) => {
    const [dy] = dys as tf.Tensor[];
    const grads = runKernels(SELECTIVE_SCAN_GRAD, [dy!, ...saved], {});
    const initial = saved.slice(6).find(({ rank }) => rank === 3);
    return {
      ...Object.fromEntries(grads.map((grad, i) => [i, () => grad])),
      ...(initial && { 6: () => tf.zerosLike(initial) }),
    };
  },
});
