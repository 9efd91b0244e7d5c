/**
 * The Hyena mixer of order 2 (Poli et al., arXiv 2302.10866), a layer of a stack.
 * Symbols: b batch, l length, d width, L positions that the filter is made for, e features of a position, o width of the
 * filter's network.
 *
 *     x₀, x₁, v = shortConv(W_in · x + b_in);   y = W_out · (x₀ ∘ (h ∗ (x₁ ∘ v) + D ∘ (x₁ ∘ v))) + b_out
 *     h_s = network(z_s) ∘ exp(−rates · s/(L − 1));   z_s = [s/(L − 1), cos(f·2πs/L), −sin(f·2πs/L)] for each band's f
 *
 * The network's layers are linear with sines of one frequency a unit between them. D, the filter's bias, is added to h₀.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { DECAY_RATES, type HyenaSettings } from '../../models/hyena';
import { causalConv, causalConvStep } from '../engine/kernels/causalConv';
import { linear } from '../engine/kernels/linear';
import { longConv } from '../engine/kernels/longConv';
import { reshaped } from '../engine/kernels/reshape';
import { addResidual } from '../engine/kernels/residual';
import { sine } from '../engine/kernels/sine';
import { replaceState } from './decoding';
import type { LayerState, WeightLookup } from './family';
import { linearAt } from './modules';

/**
 * [b, l, d] → [b, l, d], behind `offset` positions that decoding has seen.
 * @throws RangeError when the sequence is longer than the filter
 */
export function hyenaPart(
  settings: HyenaSettings,
  weights: WeightLookup,
  at: string,
  x: Tensor3D,
  { offset, state }: { readonly offset: number; readonly state: LayerState | undefined },
): Tensor3D {
  const length = offset + x.shape[1];
  if (length > settings.filterPositions) {
    throw new RangeError(
      `${length} tokens, but the model’s Hyena filters are made for ${settings.filterPositions} positions`,
    );
  }
  const projected = linearAt(weights, `${at}.in_proj`, x); // [b, l, 3·d]
  const taps = weights(`${at}.short_filter.weight`);
  const bias = weights(`${at}.short_filter.bias`);
  const { y: convolved, recent } = state
    ? causalConvStep(projected, taps, bias, {
        silu: false,
        previous:
          state.tensors[0] ?? tf.zeros([x.shape[0], taps.shape[2]! - 1, projected.shape[2]]),
      })
    : { y: causalConv(projected, taps, bias, { silu: false }), recent: undefined };
  const [gate, key, value] = tf.split(convolved, 3, 2) as [Tensor3D, Tensor3D, Tensor3D];
  const driven: Tensor3D = tf.mul(key, value); // [b, l, d]
  const filter: Filter = (lags) => hyenaFilter(settings, weights, `${at}.filter`, lags);
  const y =
    state && recent
      ? convolvedStep(driven, filter, settings.filterPositions, state, recent)
      : longConv(driven, filter(lagsUpTo(length)));
  return linearAt(weights, `${at}.out_proj`, tf.mul<Tensor3D>(gate, y)); // [b, l, d]
}

type Filter = (lags: readonly number[]) => Tensor2D;

const lagsUpTo = (count: number): number[] => Array.from({ length: count }, (_, lag) => lag);

/** Fewest lags of a filter that is kept for decoding. */
const LEAST_LAGS = 64;

/**
 * The long convolution of positions that follow those of the state, [b, l, d]. The state keeps the short convolution's last
 * inputs, what the long one has been given so far, and the filter backwards, of more lags than have been needed yet.
 */
function convolvedStep(
  driven: Tensor3D,
  filter: Filter,
  longest: number,
  state: LayerState,
  recent: Tensor,
): Tensor3D {
  const [, before, kept] = state.tensors as [Tensor, Tensor3D | undefined, Tensor2D | undefined];
  const known = before ? tf.concat([before, driven], 1) : driven; // [b, n, d]
  const [b, n, d] = known.shape;
  const l = driven.shape[1];
  if (l > 1) {
    replaceState(state, kept ? [recent, known, kept] : [recent, known]);
    const whole = longConv(known, filter(lagsUpTo(n)));
    return tf.slice(whole, [0, n - l, 0], [b, l, d]);
  }
  const room = kept?.shape[0] ?? 0;
  const lags = room >= n ? room : Math.min(longest, Math.max(LEAST_LAGS, 2 * n));
  const backwards =
    kept && room >= n ? kept : filter(Array.from({ length: lags }, (_, i) => lags - 1 - i));
  replaceState(state, [recent, known, backwards]);
  const own = tf.mul(known, tf.slice(backwards, [lags - n, 0], [n, d])); // [b, n, d]
  return tf.matMul(tf.ones([b, 1, n]), own); // [b, 1, d]
}

/** h at these lags, D added where the lag is 0: → [n, d]. */
function hyenaFilter(
  settings: HyenaSettings,
  weights: WeightLookup,
  at: string,
  lags: readonly number[],
): Tensor2D {
  const { filterLayers, filterPositions } = settings;
  const n = lags.length;
  const frequencies = weights(`${at}.freq`) as Tensor1D;
  let z = lagFeatures(lags, settings); // [n, e]
  for (let layer = 0; layer <= filterLayers; layer++) {
    const own = `${at}.layers.${layer}`;
    const mapped = linear(z, weights(`${own}.weight`), weights(`${own}.bias`), {
      transposed: true,
    });
    z = sine(mapped as Tensor2D, frequencies); // [n, o]
  }
  const made = linear(z, weights(`${at}.out.weight`), undefined, { transposed: true }); // [n, d]
  const d = made.shape[1]!;
  const column = (of: (lag: number) => number) => tf.tensor2d(lags.map(of), [n, 1]);
  const [slowest, fastest] = DECAY_RATES;
  const rates = Array.from({ length: d }, (_, channel) => {
    const share = d === 1 ? 0 : channel / (d - 1);
    return -(slowest + share * (fastest - slowest));
  });
  const times = column((lag) => lag / (filterPositions - 1));
  const decays = tf.exp(tf.matMul(times, tf.tensor2d(rates, [1, d]))); // [n, d]
  const now = column((lag) => (lag === 0 ? 1 : 0));
  const D = reshaped<tf.Rank.R2>(weights(`${at}.bias`), [1, d]);
  return addResidual(tf.mul<Tensor2D>(made, decays), tf.matMul(now, D));
}

/** Time, cosines and sines of each lag, [n, e]; the bands' frequencies go evenly from 1e-4 to their number less one. */
function lagFeatures(
  lags: readonly number[],
  { filterFeatures: e, filterPositions }: HyenaSettings,
): Tensor2D {
  const bands = (e - 1) / 2;
  const values = new Float32Array(lags.length * e);
  lags.forEach((lag, row) => {
    const angle = (2 * Math.PI * lag) / filterPositions;
    values[row * e] = lag / (filterPositions - 1);
    for (let band = 0; band < bands; band++) {
      const share = bands === 1 ? 0 : band / (bands - 1);
      const frequency = 1e-4 + share * (bands - 1 - 1e-4);
      values[row * e + 1 + band] = Math.cos(frequency * angle);
      values[row * e + 1 + bands + band] = -Math.sin(frequency * angle);
    }
  });
  return tf.tensor2d(values, [lags.length, e]);
}
