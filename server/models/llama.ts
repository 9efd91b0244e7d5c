/**
 * Llama (Touvron et al., arXiv 2302.13971) as `transformers` describes it: `model_type: llama`. RMSNorm, rotary positions on
 * whole heads, keys and values shared by groups of queries (Ainslie et al., arXiv 2305.13245), a gated feed-forward layer.
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
import { readScaledRotary, type RotaryScaling, writeScaledRotary } from './rotary';
import { constant, normal, TensorList } from './tensorList';

export type LlamaSettings = Readonly<{
  heads: number;
  /** Heads of keys and values: each serves heads / keyHeads heads of queries. */
  keyHeads: number;
  /** Width of a head; heads · headDim may differ from the model's width. */
  headDim: number;
  /** Width of the feed-forward layer. */
  inner: number;
  activation: Activation;
  epsilon: number;
  /** Biases of the four linear maps of attention. */
  attentionBias: boolean;
  /** Biases of the three linear maps of the feed-forward layer. */
  feedForwardBias: boolean;
  rotaryBase: number;
  rotaryScaling: RotaryScaling | false;
  /** Context of pretraining, which rotary positions do not enforce. */
  trainedPositions: number;
  attentionDropout: number;
  initializerRange: number;
}>;

export function llamaSettings(architecture: Architecture): LlamaSettings {
  return architecture.settings as LlamaSettings;
}

const MODEL_TYPES = ['llama'];

function readHeads(fields: ConfigFields, width: number) {
  const heads = fields.integer(['num_attention_heads'], { min: 1, max: LIMITS.heads });
  const share = headWidth(fields, width, heads, 'num_attention_heads');
  const headDim = fields.integer(['head_dim'], { min: 1, max: LIMITS.width, fallback: share });
  if (headDim % 2 !== 0) {
    fields.problem(
      fields.value('head_dim') === undefined ? 'num_attention_heads' : 'head_dim',
      `Rotary positions turn pairs of entries: a head of ${headDim} must have an even number.`,
    );
  }
  const keyHeads = fields.integer(['num_key_value_heads'], {
    min: 1,
    max: LIMITS.heads,
    fallback: heads,
  });
  if (heads % keyHeads !== 0) {
    fields.problem(
      'num_key_value_heads',
      `The ${heads} heads of queries cannot share ${keyHeads} heads of keys and values evenly.`,
    );
  }
  return { heads, headDim, keyHeads };
}

function read(config: Readonly<Record<string, unknown>>): ReturnType<FamilyTable['read']> {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const width = fields.integer(['hidden_size'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['num_hidden_layers'], { min: 1, max: LIMITS.layers });
  const heads = readHeads(fields, width);
  const trainedPositions = fields.integer(['max_position_embeddings'], {
    min: 1,
    max: LIMITS.positions,
    fallback: 2048,
  });
  const { base, scaling } = readScaledRotary(fields, trainedPositions);
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 32_000,
  });
  const settings: LlamaSettings = {
    ...heads,
    inner: fields.integer(['intermediate_size'], { min: 1, max: LIMITS.inner }),
    activation: fields.activation('hidden_act', 'silu'),
    epsilon: fields.epsilon(['rms_norm_eps'], 1e-6),
    attentionBias: fields.flag('attention_bias', false),
    feedForwardBias: fields.flag('mlp_bias', false),
    rotaryBase: base,
    rotaryScaling: scaling ?? false,
    trainedPositions,
    attentionDropout: fields.rate('attention_dropout', 0),
    initializerRange: fields.number(['initializer_range'], 0, 1, 0.02),
  };
  // `pretraining_tp` cuts products into parts that are added again: the same numbers but for rounding.
  const tiedHead = fields.flag('tie_word_embeddings', false);
  if (fields.problems.length > 0) return { value: undefined, problems: fields.problems };
  return {
    value: {
      family: 'llama',
      layers,
      width,
      vocabularyRows,
      maxPositions: undefined,
      tiedHead,
      settings,
    },
    problems: [],
  };
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead } = architecture;
  const settings = llamaSettings(architecture);
  const { heads, keyHeads, headDim, inner } = settings;
  const init = normal(settings.initializerRange);
  const list = new TensorList('model.');
  list.matrix({ kind: 'embedding' }, 'embed_tokens.weight', [vocabulary, width], init);
  for (let layer = 0; layer < layers; layer++) {
    const place = { kind: 'layer', layer } as const;
    const at = `layers.${layer}`;
    const linear = (name: string, [to, from]: readonly [number, number], biased: boolean) => {
      list.matrix(place, `${at}.${name}.weight`, [to, from], init);
      if (biased) list.vector(place, `${at}.${name}.bias`, [to], constant(0));
    };
    list.vector(place, `${at}.input_layernorm.weight`, [width], constant(1));
    linear('self_attn.q_proj', [heads * headDim, width], settings.attentionBias);
    linear('self_attn.k_proj', [keyHeads * headDim, width], settings.attentionBias);
    linear('self_attn.v_proj', [keyHeads * headDim, width], settings.attentionBias);
    linear('self_attn.o_proj', [width, heads * headDim], settings.attentionBias);
    list.vector(place, `${at}.post_attention_layernorm.weight`, [width], constant(1));
    linear('mlp.gate_proj', [inner, width], settings.feedForwardBias);
    linear('mlp.up_proj', [inner, width], settings.feedForwardBias);
    linear('mlp.down_proj', [width, inner], settings.feedForwardBias);
  }
  list.vector({ kind: 'finalNorm' }, 'norm.weight', [width], constant(1));
  if (!tiedHead) list.head('lm_head.weight', [vocabulary, width], init, []);
  return list.specs;
};

export const llama: FamilyTable = {
  name: 'llama',
  modelTypes: MODEL_TYPES,
  read,
  tensors,
  isBuffer: (name) => /^(model\.)?(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/.test(name),
  dropout: (architecture) => ({
    attention_dropout: llamaSettings(architecture).attentionDropout,
  }),
  layerCost: (architecture) => {
    const { heads, keyHeads, headDim, inner } = llamaSettings(architecture);
    const projected = 2 * (heads + keyHeads) * headDim + 3 * inner;
    return {
      perToken: 2 * architecture.width * projected,
      perTokenPerContext: 4 * heads * headDim,
    };
  },
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = llamaSettings(architecture);
    return {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      max_position_embeddings: settings.trainedPositions,
      hidden_size: architecture.width,
      num_hidden_layers: architecture.layers,
      num_attention_heads: settings.heads,
      num_key_value_heads: settings.keyHeads,
      head_dim: settings.headDim,
      intermediate_size: settings.inner,
      hidden_act: ACTIVATION_NAMES[settings.activation],
      rms_norm_eps: settings.epsilon,
      attention_bias: settings.attentionBias,
      mlp_bias: settings.feedForwardBias,
      ...writeScaledRotary(settings.rotaryBase, settings.rotaryScaling || undefined),
      attention_dropout: settings.attentionDropout,
      ...initialFloats({ initializer_range: settings.initializerRange }),
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
