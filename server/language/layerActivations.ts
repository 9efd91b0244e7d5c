/**
 * What a training step keeps of one layer of a component: see `activations.ts`. Numbers a token; what all sequences share is
 * a share of them.
 */
import type { Architecture } from '../models/architecture';
import type { Activation } from '../models/configFields';
import { dropoutRates } from '../models/families';
import { gpt2Settings } from '../models/gpt2';
import { gptNeoSettings } from '../models/gptNeo';
import { gptNeoxSettings } from '../models/gptNeox';
import { blockLength, channelsAtATime, toeplitzRow } from '../models/hyena';
import { llamaSettings } from '../models/llama';
import { mambaSettings } from '../models/mamba';
import { chunkLength, convolvedChannels, mamba2Settings } from '../models/mamba2';
import { stackSettings } from '../models/stack';
import type { Activations, TrainingShape } from './activations';

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

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
      return transformerLayer(architecture, gpt2Settings(architecture), 'fused');
    case 'gptNeo':
      return transformerLayer(architecture, gptNeoSettings(architecture), 'apart');
    case 'gptNeox': {
      const settings = gptNeoxSettings(architecture);
      const queries = settings.rotaryDims > 0 ? 'turned' : 'fused';
      return transformerLayer(architecture, settings, queries, settings.parallelResidual ? 1 : 2);
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

/**
 * Saved: q, k, v, attention's output, what each norm took, the inner layer before its activation (and after it, where that
 * is not made again).
 */
function transformerLayer(
  architecture: Architecture,
  { inner, activation }: { readonly inner: number; readonly activation: Activation },
  queries: 'fused' | 'apart' | 'turned',
  residuals = 2,
): Activations {
  const { width } = architecture;
  const qkv = queries === 'apart' ? [width, width, width] : [3 * width];
  const isRemade = activation !== 'relu';
  // Beside the inner layer: the output of the last linear map (and its dropout), what it is added to.
  const late = Array.from({ length: (drops(architecture) ? 2 : 1) + 2 - residuals }, () => width);
  // Rotation needs only its angles: what it turns lives until attention's part ends, where the inner layer isn't yet.
  const early = queries === 'turned' ? 3 * width - 2 * inner : 0;
  return {
    saved: [
      ...[...qkv, width, inner, ...(isRemade ? [] : [inner])],
      ...Array.from({ length: residuals }, () => width),
    ],
    transient: [...late, ...(isRemade ? [inner] : []), Math.max(0, early)],
  };
}

/**
 * Saved: q, k and v as attention has them, k and v before they are repeated, its output, gate and up (and the activation and the
 * product, where that is tfjs's), both residuals.
 */
function llamaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { heads, keyHeads, headDim, inner, activation } = llamaSettings(architecture);
  const [queries, keys] = [heads * headDim, keyHeads * headDim];
  const isRemade = activation === 'silu';
  const repeated = keyHeads < heads ? [keys, keys] : [];
  return {
    saved: [
      ...[queries, queries, queries, queries, ...repeated],
      ...[inner, inner, ...(isRemade ? [] : [inner, inner]), width, width],
    ],
    // The product, the output of the last linear map. Before that q and k before they turn.
    transient: [...(isRemade ? [inner, width] : [width]), Math.max(0, queries + keys - 3 * inner)],
  };
}

/** Saved: x and z, the convolution's output, Δ's low rank, Δ before softplus, B, C, y, the residual. */
function mambaLayer(architecture: Architecture): Activations {
  const { width } = architecture;
  const { inner, state, dtRank } = mambaSettings(architecture);
  const channels = Array.from({ length: 5 }, () => inner);
  return {
    saved: [width, ...channels, dtRank, state, state],
    // y's product with silu(z), out_proj.
    transient: [inner, width],
  };
}

/**
 * Saved: z, what is convolved, x, B, C; Δ·x as it is, by head, and what a chunk's end has of it; of pairs of positions the
 * decay, C·B, and both; each chunk's state, alone and beside the others, and what is read of it; y, the residual (where
 * groups are, y's product with silu(z), that normed, twice); small ones of Δ·A.
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
      ...[width, convolved, shared, shared, pairs, pairs, groups * chunk * padded],
      ...Array.from({ length: groups > 1 ? 10 : 7 }, () => inner),
      ...(chunks > 1 ? [states, states] : []),
      ...Array.from({ length: 13 }, () => heads),
    ],
    // Around the scan the convolution's output, and inside of it y in parts and their sum, or states before they are added, less
    // what is saved after it; or else what comes after the scan.
    transient: larger(
      [convolved, inner, Math.max(inner, 3 * states - 4 * inner)],
      groups > 1 ? [width] : [inner, inner, width],
    ),
  };
}

/** Of two moments the one that takes more. */
const larger = (a: readonly number[], b: readonly number[]) => (sum(a) > sum(b) ? a : b);

/** Saved: what its kind keeps, the residual. */
function stackLayer(architecture: Architecture, layer: number, shape: TrainingShape): Activations {
  const { width } = architecture;
  const { layerTypes, feedForward } = stackSettings(architecture);
  switch (layerTypes[layer]!) {
    case 'attention':
      return { saved: [3 * width, width, width], transient: [width, 3 * width, width] };
    case 'mamba':
      return mambaLayer(architecture);
    case 'hyena':
      return hyenaLayer(architecture, shape);
    case 'mlp':
      return { saved: [feedForward, width], transient: [width, feedForward, width] };
    case 'swiglu':
      return {
        saved: [feedForward, feedForward, width],
        transient: [width, feedForward, width],
      };
  }
}

/**
 * Saved: what the short convolution took, its three parts, what the long one took and gave, what goes into
 * the last linear map, the residual. Of the filter, which all sequences share: each layer of its network before and after its
 * sine, their last product, the decays, the filter; the features of a lag.
 */
function hyenaLayer(architecture: Architecture, shape: TrainingShape): Activations {
  const { width } = architecture;
  const { filterFeatures, filterLayers, filterWidth } = stackSettings(architecture);
  const share = shape.context / shape.tokens;
  const network = Array.from({ length: 2 * (filterLayers + 1) }, () => filterWidth);
  const filter = [filterFeatures, ...network, width, width, width];
  const { matrices, blocks } = longConvNumbers(architecture, shape);
  return {
    saved: [
      ...[3 * width, width, width, width, width, width, width, width],
      ...filter.map((numbers) => numbers * share),
    ],
    // The norm's output, the short convolution's, that of the last linear map; in the long one what is given by blocks, and a few
    // sums.
    transient: [width, 3 * width, width, blocks, blocks, blocks, matrices, matrices],
  };
}

/** Numbers a token that the long convolution holds: of its Toeplitz matrices, which all sequences share, and of a tensor of blocks. */
function longConvNumbers(
  { width }: Architecture,
  { context, tokens }: TrainingShape,
): { readonly matrices: number; readonly blocks: number } {
  const q = blockLength(context);
  const channels = channelsAtATime(context, width);
  const row = toeplitzRow(q, Math.ceil(context / q));
  return { matrices: (channels * q * row) / tokens, blocks: channels };
}

/**
 * Where the backward pass enters a layer, per token. Transformers: what goes into the last linear map, made again, then its
 * gradient.
 */
export function gradientsIn(
  architecture: Architecture,
  layer: number,
  shape: TrainingShape,
): readonly number[] {
  const { width } = architecture;
  switch (architecture.family) {
    case 'gpt2':
      return [gpt2Settings(architecture).inner];
    case 'gptNeo':
      return [gptNeoSettings(architecture).inner];
    case 'gptNeox':
      return [gptNeoxSettings(architecture).inner];
    case 'llama':
      return [llamaSettings(architecture).inner];
    case 'mamba2': {
      const { inner } = mamba2Settings(architecture);
      return [inner, inner, inner];
    }
    case 'mamba':
      return mambaGradients(architecture);
    case 'stack': {
      const { layerTypes, feedForward } = stackSettings(architecture);
      const kind = layerTypes[layer]!;
      if (kind === 'mamba') return mambaGradients(architecture);
      if (kind === 'hyena') return hyenaGradients(architecture, shape);
      return [kind === 'attention' ? width : feedForward];
    }
  }
}

/** Of the scan: Δ made again, gradients of u and Δ, of B and C in parts, one for each of at most 16 shares of the channels. */
function mambaGradients(architecture: Architecture): readonly number[] {
  const { inner, state } = mambaSettings(architecture);
  const parts = Math.min(16, Math.ceil(inner / 16));
  return [inner, inner, inner, 2 * state * (parts + 1)];
}

/** Of the long convolution: blocks of both sides and their sums, with the matrices; or those of their gradient, summed. */
function hyenaGradients(architecture: Architecture, shape: TrainingShape): readonly number[] {
  const { matrices, blocks } = longConvNumbers(architecture, shape);
  const inLoop = Array.from({ length: 5 }, () => blocks);
  return larger(
    [...inLoop, matrices, matrices],
    [...inLoop.slice(2), matrices, matrices, matrices, matrices, matrices],
  );
}
