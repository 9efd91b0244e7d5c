/**
 * The head of a hybrid that classifies sequences, as tensors and costs. It belongs to no component, and takes the place of
 * all of their heads. What it computes stands in `compute/hybrid/classifier.ts`.
 * Symbols: d width of the hybrid's stream, c classes.
 */
import type { TensorInit } from './architecture';

export interface ClassifierShape {
  readonly classes: number;
  /** Sequences that share a label: 1, or 2 of which a pair is classified. */
  readonly sequences: 1 | 2;
}

export interface ClassifierTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly decay: boolean;
  readonly init: TensorInit;
}

/** Initial spread of a sequence classifier's rows: that of `transformers`. */
const STD = 0.02;

/** Name of a head's tensor: no component's begins so. */
export const classifierTensorName = (tensor: string) => `head/${tensor}`;

/** Widths of a pair's two hidden layers, in multiples of d: Long Range Arena's `mlp_dim`, and half of it. */
const HIDDEN = [4, 2] as const;

/** Inputs and outputs of each linear map, first to last. */
function layers(
  { classes, sequences }: ClassifierShape,
  width: number,
): readonly (readonly [inputs: number, outputs: number])[] {
  if (sequences === 1) return [[width, classes]];
  const [first, second] = HIDDEN.map((times) => times * width) as [number, number];
  return [
    [4 * width, first],
    [first, second],
    [second, classes],
  ];
}

/**
 * In a fixed order. A single sequence: `head/weight` [c, d], no bias. A pair: `head/layers.<0 to 2>.weight` and `.bias`,
 * which start as the release's do (normal, 1/√inputs; zero).
 */
export function classifierTensors(shape: ClassifierShape, width: number): ClassifierTensor[] {
  if (shape.sequences === 1) {
    const init: TensorInit = { kind: 'normal', std: STD };
    const name = classifierTensorName('weight');
    return [{ name, shape: [shape.classes, width], decay: true, init }];
  }
  return layers(shape, width).flatMap(([inputs, outputs], layer): ClassifierTensor[] => [
    {
      name: classifierTensorName(`layers.${layer}.weight`),
      shape: [outputs, inputs],
      decay: true,
      init: { kind: 'normal', std: 1 / Math.sqrt(inputs) },
    },
    {
      name: classifierTensorName(`layers.${layer}.bias`),
      shape: [outputs],
      decay: false,
      init: { kind: 'constant', value: 0 },
    },
  ]);
}

/** Numbers in all of it. */
export function classifierParameters(shape: ClassifierShape, width: number): number {
  return classifierTensors(shape, width).reduce(
    (sum, tensor) => sum + tensor.shape.reduce((size, extent) => size * extent, 1),
    0,
  );
}

/** Forward FLOPs a token, where a sequence has `context` of them: the head is applied once an example. */
export function classifierFlops(shape: ClassifierShape, width: number, context: number): number {
  const flops = layers(shape, width).reduce(
    (sum, [inputs, outputs]) => sum + 2 * inputs * outputs,
    0,
  );
  return flops / (shape.sequences * context);
}
