/**
 * GPT-2 (Radford et al. 2019) as `transformers` describes it: `model_type: gpt2`.
 * Projections are `Conv1D`: their weights are stored [inputs, outputs].
 */
import type { Architecture, FamilyTable } from './architecture';
import {
  ACTIVATION_NAMES,
  type Activation,
  ConfigFields,
  headWidth,
  initialFloats,
  LIMITS,
  NO_SPECIAL_TOKENS,
  refuseForeign,
} from './configFields';
import { constant, normal, TensorList } from './tensorList';

export type Gpt2Settings = Readonly<{
  heads: number;
  /** Width of the feed-forward layer. */
  inner: number;
  activation: Activation;
  epsilon: number;
  /** Scores are multiplied by 1/√headDim. */
  scaleAttention: boolean;
  /** Scores of layer i (from 0) are divided by i + 1 too. */
  scaleByLayer: boolean;
  embeddingDropout: number;
  attentionDropout: number;
  residualDropout: number;
  initializerRange: number;
}>;

export function gpt2Settings(architecture: Architecture): Gpt2Settings {
  return architecture.settings as Gpt2Settings;
}

const MODEL_TYPES = ['gpt2'];

function read(config: Readonly<Record<string, unknown>>): ReturnType<FamilyTable['read']> {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const width = fields.integer(['n_embd', 'hidden_size'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['n_layer', 'num_hidden_layers'], { min: 1, max: LIMITS.layers });
  const heads = fields.integer(['n_head', 'num_attention_heads'], { min: 1, max: LIMITS.heads });
  headWidth(fields, width, heads, 'n_head');
  const maxPositions = fields.integer(['n_positions', 'max_position_embeddings'], {
    min: 1,
    max: LIMITS.positions,
    fallback: 1024,
  });
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_257,
  });
  const settings: Gpt2Settings = {
    heads,
    inner: fields.integer(['n_inner'], { min: 1, max: LIMITS.inner, fallback: 4 * width }),
    activation: fields.activation('activation_function', 'geluTanh'),
    epsilon: fields.epsilon(['layer_norm_epsilon'], 1e-5),
    scaleAttention: fields.flag('scale_attn_weights', true),
    scaleByLayer: fields.flag('scale_attn_by_inverse_layer_idx', false),
    embeddingDropout: fields.rate('embd_pdrop', 0.1),
    attentionDropout: fields.rate('attn_pdrop', 0.1),
    residualDropout: fields.rate('resid_pdrop', 0.1),
    initializerRange: fields.number(['initializer_range'], 0, 10, 0.02),
  };
  // `reorder_and_upcast_attn` only matters below float32: here everything is float32.
  const tiedHead = fields.flag('tie_word_embeddings', true);
  if (fields.problems.length > 0) return { value: undefined, problems: fields.problems };
  return {
    value: { family: 'gpt2', layers, width, vocabularyRows, maxPositions, tiedHead, settings },
    problems: [],
  };
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead, maxPositions = 0 } = architecture;
  const { inner, initializerRange } = gpt2Settings(architecture);
  const init = normal(initializerRange);
  // GPT-2's own rule: what is added to the residual starts smaller, the more layers add to it.
  const residualInit = normal(initializerRange / Math.sqrt(2 * layers));
  const list = new TensorList('transformer.');
  list.matrix({ kind: 'embedding' }, 'wte.weight', [vocabulary, width], init);
  list.matrix({ kind: 'positions' }, 'wpe.weight', [maxPositions, width], init);
  for (let layer = 0; layer < layers; layer++) {
    const place = { kind: 'layer', layer } as const;
    const at = `h.${layer}`;
    list.layerNorm(place, `${at}.ln_1`, width);
    list.matrix(place, `${at}.attn.c_attn.weight`, [width, 3 * width], init);
    list.vector(place, `${at}.attn.c_attn.bias`, [3 * width], constant(0));
    list.matrix(place, `${at}.attn.c_proj.weight`, [width, width], residualInit);
    list.vector(place, `${at}.attn.c_proj.bias`, [width], constant(0));
    list.layerNorm(place, `${at}.ln_2`, width);
    list.matrix(place, `${at}.mlp.c_fc.weight`, [width, inner], init);
    list.vector(place, `${at}.mlp.c_fc.bias`, [inner], constant(0));
    list.matrix(place, `${at}.mlp.c_proj.weight`, [inner, width], residualInit);
    list.vector(place, `${at}.mlp.c_proj.bias`, [width], constant(0));
  }
  list.layerNorm({ kind: 'finalNorm' }, 'ln_f', width);
  if (!tiedHead) list.head('lm_head.weight', [vocabulary, width], init, []);
  return list.specs;
};

export const gpt2: FamilyTable = {
  name: 'gpt2',
  modelTypes: MODEL_TYPES,
  read,
  tensors,
  isBuffer: (name) => /^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$/.test(name),
  dropout: (architecture) => {
    const settings = gpt2Settings(architecture);
    return {
      embd_pdrop: settings.embeddingDropout,
      attn_pdrop: settings.attentionDropout,
      resid_pdrop: settings.residualDropout,
    };
  },
  layerCost: (architecture) => ({
    perToken:
      8 * architecture.width ** 2 + 4 * architecture.width * gpt2Settings(architecture).inner,
    perTokenPerContext: 4 * architecture.width,
  }),
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = gpt2Settings(architecture);
    return {
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      n_positions: architecture.maxPositions,
      n_embd: architecture.width,
      n_layer: architecture.layers,
      n_head: settings.heads,
      n_inner: settings.inner,
      activation_function: ACTIVATION_NAMES[settings.activation],
      layer_norm_epsilon: settings.epsilon,
      scale_attn_weights: settings.scaleAttention,
      scale_attn_by_inverse_layer_idx: settings.scaleByLayer,
      embd_pdrop: settings.embeddingDropout,
      attn_pdrop: settings.attentionDropout,
      resid_pdrop: settings.residualDropout,
      ...initialFloats({ initializer_range: settings.initializerRange }),
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
