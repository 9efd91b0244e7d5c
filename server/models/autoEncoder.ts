/**
 * The decoder of the compression task's auto-encoder (Poli et al., arXiv 2403.17844), as tensors and costs: one for each
 * component, before its head. What it computes stands in `compute/hybrid/autoEncoder.ts`.
 */
import type { TensorInit } from './architecture';

export interface DecoderTensor {
  /** Under the component's name: `decoder.layers.0.weight`, … */
  readonly name: string;
  readonly shape: readonly number[];
  readonly decay: boolean;
  readonly init: TensorInit;
}

/** Linear layers, each behind a norm. */
export const DECODER_LAYERS = 2;

/** Initial spread of the layers' weights, the MAD code's. */
const STD = 0.02;

const constant = (value: number): TensorInit => ({ kind: 'constant', value });

function norm(name: string, width: number): DecoderTensor[] {
  return [
    { name: `${name}.weight`, shape: [width], decay: false, init: constant(1) },
    { name: `${name}.bias`, shape: [width], decay: false, init: constant(0) },
  ];
}

/** In a fixed order. @param width d_m of the component */
export function decoderTensors(width: number): DecoderTensor[] {
  const layers = Array.from({ length: DECODER_LAYERS }, (_, layer): DecoderTensor[] => [
    ...norm(`decoder.norms.${layer}`, width),
    {
      name: `decoder.layers.${layer}.weight`,
      shape: [width, width],
      decay: true,
      init: { kind: 'normal', std: STD },
    },
    { name: `decoder.layers.${layer}.bias`, shape: [width], decay: false, init: constant(0) },
  ]);
  return [...layers.flat(), ...norm(`decoder.norms.${DECODER_LAYERS}`, width)];
}

/** Forward FLOPs a position; norms and activations are not counted, as in `layerCost`. */
export function decoderFlops(width: number): number {
  return DECODER_LAYERS * 2 * width * width;
}

/** Numbers in all of it. */
export function decoderParameters(width: number): number {
  return decoderTensors(width).reduce(
    (sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1),
    0,
  );
}
