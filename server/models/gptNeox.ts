/**
 * GPT-NeoX (Black et al. 2022), Pythia's architecture, as `transformers` describes it: `model_type: gpt_neox`.
 * Rotary positions on the first part of each head; attention and feed-forward side by side (parallel residual).
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
import { readPartialRotary } from './rotary';
import { constant, normal, TensorList } from './tensorList';

export type GptNeoxSettings = Readonly<{
  heads: number;
  /** Width of the feed-forward layer. */
  inner: number;
  activation: Activation;
  epsilon: number;
  parallelResidual: boolean;
  /** Biases of the fused query-key-value product and of attention's output. */
  attentionBias: boolean;
  /** Share of each head that turns: rotaryDims = ⌊headDim · rotaryFactor⌋. */
  rotaryFactor: number;
  rotaryDims: number;
  rotaryBase: number;
  /** Context of pretraining, which rotary positions do not enforce. */
  trainedPositions: number;
  hiddenDropout: number;
  attentionDropout: number;
  initializerRange: number;
}>;

export function gptNeoxSettings(architecture: Architecture): GptNeoxSettings {
  return architecture.settings as GptNeoxSettings;
}

const MODEL_TYPES = ['gpt_neox'];

function read(config: Readonly<Record<string, unknown>>): ReturnType<FamilyTable['read']> {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const width = fields.integer(['hidden_size'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['num_hidden_layers'], { min: 1, max: LIMITS.layers });
  const heads = fields.integer(['num_attention_heads'], { min: 1, max: LIMITS.heads });
  const headDim = headWidth(fields, width, heads, 'num_attention_heads');
  const rotary = readPartialRotary(fields);
  const rotaryDims = Math.floor(headDim * rotary.factor);
  if (rotaryDims % 2 !== 0) {
    fields.problem(
      'rotary_pct',
      `Rotary positions turn ${rotaryDims} of ${headDim} entries of a head; that must be an even number.`,
    );
  }
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_432,
  });
  const settings: GptNeoxSettings = {
    heads,
    inner: fields.integer(['intermediate_size'], { min: 1, max: LIMITS.inner }),
    activation: fields.activation('hidden_act', 'gelu'),
    epsilon: fields.epsilon(['layer_norm_eps'], 1e-5),
    parallelResidual: fields.flag('use_parallel_residual', true),
    attentionBias: fields.flag('attention_bias', true),
    rotaryFactor: rotary.factor,
    rotaryDims,
    rotaryBase: rotary.base,
    trainedPositions: fields.integer(['max_position_embeddings'], {
      min: 1,
      max: LIMITS.positions,
      fallback: 2048,
    }),
    hiddenDropout: fields.rate('hidden_dropout', 0),
    attentionDropout: fields.rate('attention_dropout', 0),
    initializerRange: fields.number(['initializer_range'], 0, 10, 0.02),
  };
  const tiedHead = fields.flag('tie_word_embeddings', false);
  if (fields.problems.length > 0) return { value: undefined, problems: fields.problems };
  return {
    value: {
      family: 'gptNeox',
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
  const { inner, attentionBias, initializerRange } = gptNeoxSettings(architecture);
  const init = normal(initializerRange);
  const list = new TensorList('gpt_neox.');
  list.matrix({ kind: 'embedding' }, 'embed_in.weight', [vocabulary, width], init);
  for (let layer = 0; layer < layers; layer++) {
    const place = { kind: 'layer', layer } as const;
    const at = `layers.${layer}`;
    list.layerNorm(place, `${at}.input_layernorm`, width);
    list.layerNorm(place, `${at}.post_attention_layernorm`, width);
    list.matrix(place, `${at}.attention.query_key_value.weight`, [3 * width, width], init);
    if (attentionBias) {
      list.vector(place, `${at}.attention.query_key_value.bias`, [3 * width], constant(0));
    }
    list.matrix(place, `${at}.attention.dense.weight`, [width, width], init);
    if (attentionBias) list.vector(place, `${at}.attention.dense.bias`, [width], constant(0));
    list.matrix(place, `${at}.mlp.dense_h_to_4h.weight`, [inner, width], init);
    list.vector(place, `${at}.mlp.dense_h_to_4h.bias`, [inner], constant(0));
    list.matrix(place, `${at}.mlp.dense_4h_to_h.weight`, [width, inner], init);
    list.vector(place, `${at}.mlp.dense_4h_to_h.bias`, [width], constant(0));
  }
  list.layerNorm({ kind: 'finalNorm' }, 'final_layer_norm', width);
  // `transformers` 5 calls the module lm_head and still reads the published files' embed_out.
  if (!tiedHead) list.head('embed_out.weight', [vocabulary, width], init, ['lm_head.weight']);
  return list.specs;
};

export const gptNeox: FamilyTable = {
  name: 'gptNeox',
  modelTypes: MODEL_TYPES,
  read,
  tensors,
  isBuffer: (name) =>
    /^(gpt_neox\.)?(layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)|rotary_emb\.inv_freq)$/.test(
      name,
    ),
  dropout: (architecture) => {
    const settings = gptNeoxSettings(architecture);
    return {
      hidden_dropout: settings.hiddenDropout,
      attention_dropout: settings.attentionDropout,
    };
  },
  layerCost: (architecture) => ({
    perToken:
      8 * architecture.width ** 2 + 4 * architecture.width * gptNeoxSettings(architecture).inner,
    perTokenPerContext: 4 * architecture.width,
  }),
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = gptNeoxSettings(architecture);
    return {
      architectures: ['GPTNeoXForCausalLM'],
      model_type: 'gpt_neox',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      max_position_embeddings: settings.trainedPositions,
      hidden_size: architecture.width,
      num_hidden_layers: architecture.layers,
      num_attention_heads: settings.heads,
      intermediate_size: settings.inner,
      hidden_act: ACTIVATION_NAMES[settings.activation],
      layer_norm_eps: settings.epsilon,
      use_parallel_residual: settings.parallelResidual,
      attention_bias: settings.attentionBias,
      // Both spellings: `transformers` 4 reads the first two, 5 the third.
      rotary_pct: settings.rotaryFactor,
      rotary_emb_base: settings.rotaryBase,
      rope_parameters: {
        rope_type: 'default',
        rope_theta: settings.rotaryBase,
        partial_rotary_factor: settings.rotaryFactor,
      },
      hidden_dropout: settings.hiddenDropout,
      attention_dropout: settings.attentionDropout,
      ...initialFloats({ initializer_range: settings.initializerRange }),
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
