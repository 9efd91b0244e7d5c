/**
 * What a training step keeps of one layer of a component: see `activations.ts`. Numbers a token; what all sequences share is
 * a share of them.
 */
import type { Architecture } from '../models/architecture';
import { dropoutRates } from '../models/families';
import { gpt2Settings } from '../models/gpt2';
import { gptNeoSettings } from '../models/gptNeo';
import { gptNeoxSettings } from '../models/gptNeox';
import { blockLength, channelsAtATime } from '../models/hyena';
import { llamaSettings } from '../models/llama';
import { mambaSettings } from '../models/mamba';
import { chunkLength, convolvedChannels, mamba2Settings } from '../models/mamba2';
import { stackSettings } from '../models/stack';
import type { Activations, TrainingShape } from './activations';

/** Whether anything is dropped in training. */
export function drops(architecture: Architecture): boolean {
  return Object.values(dropoutRates(architecture)).some((rate) => rate > 0);
}

/** One layer of a component. */
export function layerActivations(
  architecture: Architecture,
  layer: number,
  shape: TrainingShape,
): Activations {
  switch (architecture.family) {
    case 'gpt2':
      return transformerLayer(architecture, gpt2Settings(architecture).inner, 'fused');
    case 'gptNeo':
      return transformerLayer(architecture, gptNeoSettings(architecture).inner, 'apart');
    case 'gptNeox': {
      const { inner, rotaryDims, parallelResidual } = gptNeoxSettings(architecture);
      const queries = rotaryDims > 0 ? 'turned' : 'fused';
      return transformerLayer(architecture, inner, queries, parallelResidual ? 1 : 2);
    }
    case 'llama':
      return llamaLayer(architecture);
    case 'mamba':
      return mambaLayer(architecture);
    case 'mamba2':
      return mamba2Layer(architecture, shape.context);
    case 'stack':
      return stackLayer(architecture, layer, shape);
  }
}

/** Saved: both norms' outputs, q, k, v, attention's output, what each norm took, the inner layer before and after its activation. */
function transformerLayer(
  architecture: Architecture,
  inner: number,
  queries: 'fused' | 'apart' | 'turned',
  residuals = 2,
): Activations {
  const { width } = architecture;
  const qkv = queries === 'apart' ? [width, width, width] : [3 * width];
  return {
    saved: [
      ...[width, width, ...qkv, width, inner, inner],
      ...Array.from({ length: residuals }, () => width),
    ],
    // Rotation needs only its angles; the outputs of both last linear maps (and their dropout) go into sums.
    transient: [
      ...(queries === 'turned' ? [3 * width] : []),
      ...Array.from({ length: drops(architecture) ? 4 : 2 }, () => width),
    ],
  };
}

/** Saved: both norms' outputs, q, k and v as attention has them, its output, gate, up and their product, both residuals. */
function llamaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { heads, keyHeads, headDim, inner, activation } = llamaSettings(architecture);
  const [queries, keys] = [heads * headDim, keyHeads * headDim];
  const activated = activation === 'silu' ? [] : [inner];
  return {
    saved: [width, queries, queries, queries, queries, width, width, inner, inner, inner].concat(
      ...[activated, [width]],
    ),
    // q and k before they turn, k and v before they are repeated, and the outputs of both last linear maps.
    transient: [queries, keys, ...(keyHeads < heads ? [keys, keys] : []), width, width],
  };
}

/** Saved: the norm's output, x and z, the convolution's output, Δ's low rank, Δ before and after softplus, B, C, y, its product with silu(z), the residual. */
function mambaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { inner, state, dtRank } = mambaSettings(architecture);
  const channels = Array.from({ length: 7 }, () => inner);
  return {
    saved: [width, width, ...channels, dtRank, state, state],
    // in_proj and x_proj before they are split; out_proj.
    transient: [2 * inner, dtRank + 2 * state, width],
  };
}

/**
 * Saved: the norm's output, z, what is convolved, x, B, C; Δ·x as it is, by head, and what a chunk's end has of it; of pairs of
 * positions the decay, C·B, and both; each chunk's state, alone and beside the others, and what is read of it; y, its product
 * with silu(z), that normed (twice where groups are), the residual; small ones of Δ·A.
 */
function mamba2Layer(architecture: Architecture, context: number): Activations {
  const { width } = architecture;
  const settings = mamba2Settings(architecture);
  const { inner, heads, headDim, groups, state } = settings;
  const convolved = convolvedChannels(settings);
  const chunk = Math.min(context, chunkLength(state, headDim));
  const chunks = Math.ceil(context / chunk);
  const padded = (chunks * chunk) / context;
  const pairs = heads * chunk * padded;
  const states = (inner * state * chunks) / context;
  const shared = groups * state;
  return {
    saved: [
      ...[width, width, convolved, shared, shared, pairs, pairs, groups * chunk * padded],
      ...Array.from({ length: groups > 1 ? 10 : 9 }, () => inner),
      ...(chunks > 1 ? [states, states] : []),
      ...Array.from({ length: 13 }, () => heads),
    ],
    // in_proj before it is split, the convolution's output, out_proj. Inside the scan, which frees its own: y in parts and their
    // sum, or states before they are added, less what is saved after it.
    transient: [
      ...[inner + convolved + heads, convolved, width, inner],
      Math.max(inner, 3 * states - 4 * inner),
    ],
  };
}

/** Saved: the norm's output, what its kind keeps, the residual. */
function stackLayer(architecture: Architecture, layer: number, shape: TrainingShape): Activations {
  const { width } = architecture;
  const { layerTypes, feedForward } = stackSettings(architecture);
  switch (layerTypes[layer]!) {
    case 'attention':
      return { saved: [width, 3 * width, width, width], transient: [3 * width, width] };
    case 'mamba':
      return mambaLayer(architecture);
    case 'hyena':
      return hyenaLayer(architecture, shape);
    case 'mlp':
      return { saved: [width, feedForward, feedForward, width], transient: [width] };
    case 'swiglu':
      return {
        saved: [width, feedForward, feedForward, feedForward, width],
        transient: [width],
      };
  }
}

/**
 * Saved: the norm's output, what the short convolution took, its three parts, what the long one took and gave, what goes into
 * the last linear map, the residual. Of the filter, which all sequences share: each layer of its network before and after its
 * sine, their last product, the decays, the filter; the features of a lag.
 */
function hyenaLayer(architecture: Architecture, { context, tokens }: TrainingShape): Activations {
  const { width } = architecture;
  const { filterFeatures, filterLayers, filterWidth } = stackSettings(architecture);
  const share = context / tokens;
  const network = Array.from({ length: 2 * (filterLayers + 1) }, () => filterWidth);
  const filter = [filterFeatures, ...network, width, width, width];
  const { matrices, blocks } = longConvNumbers(architecture, context);
  return {
    saved: [
      ...[width, 3 * width, width, width, width, width, width, width, width],
      ...filter.map((numbers) => numbers * share),
    ],
    // The short convolution's output, that of the last linear map; in the long one what is given by blocks, and a few sums.
    transient: [3 * width, width, blocks, blocks, blocks, matrices * share, matrices * share],
  };
}

/** Numbers a token that the long convolution holds: of its Toeplitz matrices (of one sequence), and of a tensor of blocks. */
function longConvNumbers(
  { width }: Architecture,
  context: number,
): { readonly matrices: number; readonly blocks: number } {
  const q = blockLength(context);
  const channels = channelsAtATime(context, width);
  return { matrices: channels * q, blocks: channels };
}

/** Transformers: of what goes into the last linear map, of its output and of the residual; Mamba: of y, u and Δ. */
export function gradientsIn(architecture: Architecture): readonly number[] {
  const { width } = architecture;
  switch (architecture.family) {
    case 'gpt2':
      return [gpt2Settings(architecture).inner, width, width];
    case 'gptNeo':
      return [gptNeoSettings(architecture).inner, width, width];
    case 'gptNeox':
      return [gptNeoxSettings(architecture).inner, width, width];
    case 'llama': {
      const { inner } = llamaSettings(architecture);
      return [inner, inner, inner];
    }
    case 'mamba2': {
      const { inner } = mamba2Settings(architecture);
      return [inner, inner, inner];
    }
    case 'mamba': {
      const { inner } = mambaSettings(architecture);
      return [inner, inner, inner];
    }
    case 'stack': {
      const { layerTypes, inner, feedForward } = stackSettings(architecture);
      const widest = (kind: string) =>
        kind === 'mamba' ? inner : kind === 'attention' ? width : feedForward;
      const most = Math.max(...layerTypes.map(widest));
      return [most, most, most];
    }
  }
}
