/**
 * Projectors as data: the linear maps of a pair, their shapes and how they start.
 * `P_in: d → d_m` before a component's group of layers, `P_out: d_m → d` after it.
 */
import type { TensorInit } from './architecture';

export const PROJECTOR_KINDS = ['linear', 'linear-skip', 'mlp', 'mlp-skip', 'none'] as const;
export type ProjectorKind = (typeof PROJECTOR_KINDS)[number];

export type ProjectorSide = 'in' | 'out';

/** One tensor of a projector pair, named as below `projectors/<component>/<block from 1>/`. */
export interface ProjectorTensor {
  /** `in.weight`, `in.bias`, `out.hidden.weight`, … */
  readonly name: string;
  /** Matrices are `[to, from]`. */
  readonly shape: readonly number[];
  /** AdamW's decoupled decay applies: matrices, not biases. */
  readonly decay: boolean;
  readonly init: TensorInit | { readonly kind: 'rectangularIdentity' };
}

export interface ProjectorOptions {
  readonly kind: ProjectorKind;
  /**
   * `default`: every map as `torch.nn.Linear` starts, uniform in ±1/√from. `identity`: the projector starts as the
   * (rectangular) identity. An `mlp` without skip can't: there both matrices start as the identity, so that it begins as
   * GELU(x), the nearest that its kind has.
   */
  readonly init: 'identity' | 'default';
  /** d. */
  readonly width: number;
  /** d_m. */
  readonly componentWidth: number;
}

/** The tensors of one (component, block)'s pair, in a fixed order; none for `none`. */
export function projectorTensors(options: ProjectorOptions): readonly ProjectorTensor[] {
  const { width, componentWidth } = options;
  return [
    ...sideTensors('in', width, componentWidth, options),
    ...sideTensors('out', componentWidth, width, options),
  ];
}

function sideTensors(
  side: ProjectorSide,
  from: number,
  to: number,
  { kind, init }: ProjectorOptions,
): readonly ProjectorTensor[] {
  const identity = init === 'identity';
  switch (kind) {
    case 'none':
      return [];
    case 'linear':
      return linearTensors(side, from, to, identity ? 'identity' : 'default');
    case 'linear-skip':
      return linearTensors(side, from, to, identity ? 'zero' : 'default');
    case 'mlp':
      return [
        ...linearTensors(`${side}.hidden`, from, from, identity ? 'identity' : 'default'),
        ...linearTensors(side, from, to, identity ? 'identity' : 'default'),
      ];
    case 'mlp-skip':
      return [
        ...linearTensors(`${side}.hidden`, from, from, 'default'),
        ...linearTensors(side, from, to, identity ? 'zero' : 'default'),
      ];
  }
}

function linearTensors(
  name: string,
  from: number,
  to: number,
  start: 'identity' | 'zero' | 'default',
): readonly ProjectorTensor[] {
  const zero: TensorInit = { kind: 'constant', value: 0 };
  const uniform: TensorInit = { kind: 'uniform', bound: 1 / Math.sqrt(from) };
  const matrix =
    start === 'identity'
      ? ({ kind: 'rectangularIdentity' } as const)
      : start === 'zero'
        ? zero
        : uniform;
  return [
    { name: `${name}.weight`, shape: [to, from], decay: true, init: matrix },
    {
      name: `${name}.bias`,
      shape: [to],
      decay: false,
      init: start === 'default' ? uniform : zero,
    },
  ];
}

/** Forward FLOPs a token of the pair, a multiply-add counted as two (biases, GELU and skips left out). */
export function projectorCost(kind: ProjectorKind, width: number, componentWidth: number): number {
  return projectorTensors({ kind, init: 'default', width, componentWidth })
    .filter((tensor) => tensor.shape.length === 2)
    .reduce((flops, { shape }) => flops + 2 * shape[0]! * shape[1]!, 0);
}
