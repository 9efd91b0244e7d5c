/**
 * Mixture weights and the gates of a block: Manticore (Roberts et al., arXiv 2406.00894); its gate is `paper`.
 * Symbols: K components, N blocks, d width of the hybrid's stream, α[i] weights of block i.
 */
import * as tf from '@tensorflow/tfjs-core';
import { blend, fitTo as fitAxis, mixture, type MixtureTerm } from '../engine/kernels/blend';

/**
 * One weight of a block's mixture. A number is a constant: 0 is not computed at all, 1 skips the projectors. A scalar
 * tensor is searched: gradients flow through every use of it.
 */
export type MixtureWeight = number | tf.Scalar;

/** α of one block, one entry a component. */
export type MixtureRow = readonly MixtureWeight[];

export type Gate = 'paper' | 'transition' | 'none';

/** Skip weights of one (component, block): how much passes the projectors by. */
export interface GateWeights {
  readonly input: MixtureWeight;
  readonly output: MixtureWeight;
}

/** Product of two weights; constants stay constants, and a constant 0 stays 0. */
export function times(a: MixtureWeight, b: MixtureWeight): MixtureWeight {
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  if (b === 1) return a;
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  return tf.mul(asScalar(a), asScalar(b));
}

/**
 * Skip weights of component m's gates in block i (from 0): α[i] for `paper`; for `transition` α[i−1]·α[i] before and
 * α[i]·α[i+1] after the group, where α[0] = α[1] and α[N+1] = the head's row; 1 for `none`.
 */
export function gateWeights(
  gate: Gate,
  rows: readonly MixtureRow[],
  headRow: MixtureRow,
  block: number,
  component: number,
): GateWeights {
  const alpha = rows[block]![component]!;
  switch (gate) {
    case 'none':
      return { input: 1, output: 1 };
    case 'paper':
      return { input: alpha, output: alpha };
    case 'transition': {
      const before = (block === 0 ? rows[0] : rows[block - 1])![component]!;
      const after = (block === rows.length - 1 ? headRow : rows[block + 1]!)[component]!;
      return { input: times(before, alpha), output: times(alpha, after) };
    }
  }
}

/**
 * (1 − skip) · fit(project()) + skip · fit(x), where fit pads with zeros or cuts the last axis to `width`.
 * A constant 1 doesn't project, a constant 0 uses the projection alone.
 * x [b, l, from] → [b, l, width].
 */
export function gated(
  skip: MixtureWeight,
  x: tf.Tensor3D,
  project: () => tf.Tensor3D,
  width: number,
): tf.Tensor3D {
  if (skip === 1) return fitTo(x, width);
  const projected = project();
  if (skip === 0) return fitTo(projected, width);
  return blend(x, projected, asScalar(skip), width);
}

/** Pads the last axis with zeros, or cuts it, to `width`: [b, l, from] → [b, l, width]. */
export function fitTo(x: tf.Tensor3D, width: number): tf.Tensor3D {
  return fitAxis(x, width) as tf.Tensor3D;
}

/** One summand of a mixture; not computed before it is known to count. */
export interface Summand {
  readonly weight: MixtureWeight;
  /** [b, l, from]; padded with zeros or cut. */
  readonly value: () => tf.Tensor3D;
  /** The gate behind it, as in `gated`. */
  readonly gate?: {
    readonly skip: MixtureWeight;
    readonly project: (x: tf.Tensor3D) => tf.Tensor3D;
  };
}

/**
 * Σ weight · value, each through its gate, over the summands whose weight isn't the constant 0: → [b, l, width].
 * @throws Error when none is left: a block's last live component can't be pruned
 */
export function mix(summands: readonly Summand[], width: number): tf.Tensor3D {
  const live = summands.filter(({ weight }) => weight !== 0);
  if (live.length === 0) throw new Error('a mixture without live components');
  const [only] = live;
  if (live.length === 1 && only!.weight === 1) {
    const x = only!.value();
    const { skip, project } = only!.gate ?? { skip: 1, project: () => x };
    return gated(skip, x, () => project(x), width);
  }
  return mixture(live.map(termOf), width) as tf.Tensor3D;
}

function termOf({ weight, value, gate }: Summand): MixtureTerm {
  const x = value();
  const own = asScalar(weight);
  if (gate === undefined || gate.skip === 1) return { x, weight: own };
  const projected = gate.project(x);
  if (gate.skip === 0) return { x: projected, weight: own };
  return { x, weight: own, gate: { skip: asScalar(gate.skip), projected } };
}

function asScalar(weight: MixtureWeight): tf.Scalar {
  return typeof weight === 'number' ? tf.scalar(weight, 'float32') : weight;
}

/** @throws Error unless there are N rows of K finite weights */
export function checkRows(rows: readonly MixtureRow[], blocks: number, components: number): void {
  if (rows.length !== blocks) throw new Error(`${rows.length} mixture rows for ${blocks} blocks`);
  for (const [block, row] of rows.entries()) {
    if (row.length !== components) {
      throw new Error(`block ${block + 1}: ${row.length} weights for ${components} components`);
    }
    if (row.some((weight) => typeof weight === 'number' && !Number.isFinite(weight))) {
      throw new Error(`block ${block + 1}: a weight isn't a finite number`);
    }
  }
}
