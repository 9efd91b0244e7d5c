/** Projectors P_in and P_out of a (component, block); shapes and starts are in `server/models/projector.ts`. */
import type * as tf from '@tensorflow/tfjs-core';
import type { ProjectorKind, ProjectorSide } from '../../models/projector';
import { gelu } from '../engine/kernels/activations';
import { linear } from '../engine/kernels/linear';
import { addResidual } from '../engine/kernels/residual';
import { fitTo } from './mixture';

/** The pair's tensors by name: `in.weight`, `in.hidden.bias`, … */
export type ProjectorLookup = (name: string) => tf.Tensor;

/**
 * One projector: x [b, l, from] → [b, l, to].
 * `linear`: W x + b; `mlp`: W₂ GELU(W₁ x + b₁) + b₂; with `-skip`, x itself (padded or cut) is added.
 */
export function project(
  kind: ProjectorKind,
  side: ProjectorSide,
  tensor: ProjectorLookup,
  x: tf.Tensor3D,
  to: number,
): tf.Tensor3D {
  switch (kind) {
    case 'none':
      return fitTo(x, to); // [b, l, to]
    case 'linear':
      return affine(side, tensor, x);
    case 'linear-skip':
      return addResidual(fitTo(x, to), affine(side, tensor, x));
    case 'mlp':
      return mlp(side, tensor, x);
    case 'mlp-skip':
      return addResidual(fitTo(x, to), mlp(side, tensor, x));
  }
}

function mlp(side: ProjectorSide, tensor: ProjectorLookup, x: tf.Tensor3D): tf.Tensor3D {
  return affine(side, tensor, gelu(affine(`${side}.hidden`, tensor, x), 'erf') as tf.Tensor3D);
}

/** W x + b with W [to, from]. */
function affine(name: string, tensor: ProjectorLookup, x: tf.Tensor3D): tf.Tensor3D {
  const weight = tensor(`${name}.weight`) as tf.Tensor2D;
  const bias = tensor(`${name}.bias`) as tf.Tensor1D;
  return linear(x, weight, bias, { transposed: true }) as tf.Tensor3D; // [b, l, to]
}
