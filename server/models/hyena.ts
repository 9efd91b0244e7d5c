/**
 * A Hyena mixer of order 2 (Poli et al., arXiv 2302.10866) as a layer of a stack: its sizes, tensors and cost. Keys of the
 * config as HyenaDNA's on the hub; defaults as in the authors' language models. The features of positions and the decays are
 * fixed, as they are there by default for the decays.
 */
import type { LayerCost, TensorPlace } from './architecture';
import { LIMITS, type ConfigFields } from './configFields';
import { constant, normal, uniform, type TensorList } from './tensorList';

export type HyenaSettings = Readonly<{
  /** Positions that the filter is made for; a sequence is no longer. */
  filterPositions: number;
  /** Features of a position: its time, and cosines and sines of (n − 1)/2 bands. */
  filterFeatures: number;
  /** Width and inner layers of the network that makes the filter, and what its sines' arguments are multiplied by at first. */
  filterWidth: number;
  filterLayers: number;
  filterFrequency: number;
  /** Taps of the short convolution. */
  shortTaps: number;
}>;

/** Reads the keys; a stack without such layers has them all the same. */
export function readHyena(fields: ConfigFields): HyenaSettings {
  const count = (field: string, min: number, max: number, fallback: number) =>
    fields.integer([field], { min, max, fallback });
  const filterFeatures = count('emb_dim', 3, 1023, 33);
  if (filterFeatures % 2 === 0) {
    fields.problem(
      'emb_dim',
      `\`emb_dim\` must be odd, not ${filterFeatures}: a position’s time, and a cosine and a sine a band.`,
    );
  }
  return {
    filterPositions: count('max_seq_len', 2, LIMITS.positions, 1024),
    filterFeatures,
    filterWidth: count('filter_order', 1, 4096, 64),
    filterLayers: count('num_inner_mlps', 0, 64, 2),
    filterFrequency: fields.number(['activation_freq'], 1e-3, 1e3, 14),
    shortTaps: count('short_filter_order', 1, 64, 3),
  };
}

/** The keys of a config that is written. */
export function writeHyena(settings: HyenaSettings): Record<string, number> {
  return {
    max_seq_len: settings.filterPositions,
    emb_dim: settings.filterFeatures,
    filter_order: settings.filterWidth,
    num_inner_mlps: settings.filterLayers,
    activation_freq: settings.filterFrequency,
    short_filter_order: settings.shortTaps,
  };
}

/** Rates at which the filter's channels decay over its length, slowest and fastest: 1 % is left after 1.5 and 0.3 of it. */
export const DECAY_RATES = [-Math.log(0.01) / 1.5, -Math.log(0.01) / 0.3] as const;

/**
 * Adds a layer's tensors. What makes the filter is spared weight decay, as by the authors.
 * @param residual how what is added to the residual starts
 */
export function hyenaTensors(
  list: TensorList,
  at: { readonly place: TensorPlace; readonly name: string },
  settings: HyenaSettings,
  sizes: { readonly width: number; readonly std: number; readonly residualStd: number },
): void {
  const { place, name } = at;
  const { width, std, residualStd } = sizes;
  const { filterFeatures, filterWidth, filterLayers, filterFrequency, shortTaps } = settings;
  const own = (tensor: string) => `${name}.${tensor}`;
  const bias = (tensor: string, size: number) => {
    list.vector(place, own(`${tensor}.bias`), [size], constant(0));
  };
  list.matrix(place, own('in_proj.weight'), [3 * width, width], normal(std));
  bias('in_proj', 3 * width);
  const taps = uniform(shortTaps ** -0.5);
  list.matrix(place, own('short_filter.weight'), [3 * width, 1, shortTaps], taps);
  list.vector(place, own('short_filter.bias'), [3 * width], taps);
  for (let layer = 0; layer <= filterLayers; layer++) {
    const from = layer === 0 ? filterFeatures : filterWidth;
    const tensor = `filter.layers.${layer}`;
    list.vector(place, own(`${tensor}.weight`), [filterWidth, from], normal(std));
    bias(tensor, filterWidth);
  }
  list.vector(place, own('filter.freq'), [filterWidth], constant(filterFrequency));
  list.vector(place, own('filter.out.weight'), [width, filterWidth], normal(std));
  list.vector(place, own('filter.bias'), [width], normal(1));
  list.matrix(place, own('out_proj.weight'), [width, width], normal(residualStd));
  bias('out_proj', width);
}

/** As it is computed here, the long convolution as its sum; the filter, which is made once for all sequences, not counted. */
export function hyenaCost(width: number, { shortTaps }: HyenaSettings): LayerCost {
  return { perToken: 8 * width ** 2 + 6 * width * shortTaps, perTokenPerContext: 2 * width };
}

/** Numbers in the Toeplitz matrices of the long convolution (`longConv.ts`) that are held at a time. */
const MOST_NUMBERS = 2 ** 21;

/** Positions of a block: the power of two at or above 2·√l, of which both blocks and their number are small; at most 64. */
export function blockLength(l: number): number {
  return Math.max(1, Math.min(l, 64, 2 ** Math.ceil(1 + Math.log2(Math.max(1, l)) / 2)));
}

/** Numbers in a row of a channel's matrices side by side: t blocks of q, and room for the next row's start. */
export const toeplitzRow = (q: number, t: number): number => t * q + q - 1;

/** Channels whose matrices are held at a time, of a sequence of this length. */
export function channelsAtATime(l: number, channels: number): number {
  const q = blockLength(l);
  const each = q * toeplitzRow(q, Math.ceil(l / q));
  return Math.max(1, Math.min(channels, Math.floor(MOST_NUMBERS / each)));
}
