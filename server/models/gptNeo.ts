/**
 * GPT-Neo (Black et al. 2021) as `transformers` describes it: `model_type: gpt_neo`.
 * Attention without the 1/√headDim scale; layers are global or local (a sliding window that counts the query itself).
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

export type AttentionKind = 'global' | 'local';

export type GptNeoSettings = Readonly<{
  heads: number;
  /** Width of the feed-forward layer. */
  inner: number;
  activation: Activation;
  epsilon: number;
  /** Positions that a local layer's query sees, itself counted. */
  window: number;
  /** One entry a layer. */
  attention: readonly AttentionKind[];
  embeddingDropout: number;
  attentionDropout: number;
  residualDropout: number;
  initializerRange: number;
}>;

export function gptNeoSettings(architecture: Architecture): GptNeoSettings {
  return architecture.settings as GptNeoSettings;
}

const MODEL_TYPES = ['gpt_neo'];

const isKinds = (value: unknown): value is readonly AttentionKind[] =>
  Array.isArray(value) && value.every((kind) => kind === 'global' || kind === 'local');

/** `[[['global', 'local'], 12]]` → 24 kinds; `undefined` when it is something else or longer than `layers`. */
function expandAttentionTypes(value: unknown, layers: number): AttentionKind[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const kinds: AttentionKind[] = [];
  for (const item of value as unknown[]) {
    if (!Array.isArray(item) || item.length !== 2) return undefined;
    const [group, count] = item as unknown[];
    if (!isKinds(group) || typeof count !== 'number' || !Number.isInteger(count) || count < 0) {
      return undefined;
    }
    if (kinds.length + group.length * count > layers) return undefined;
    if (group.length > 0) for (let time = 0; time < count; time++) kinds.push(...group);
  }
  return kinds;
}

/** Global or local, layer by layer. Files carry the short form `attention_types`, most the long one too. */
function readAttention(fields: ConfigFields, layers: number): readonly AttentionKind[] {
  const short = fields.value('attention_types');
  const long = fields.value('attention_layers');
  const longKinds = isKinds(long) ? long : undefined;
  const onlyLong = short === undefined && long !== undefined;
  const kinds = onlyLong
    ? longKinds
    : expandAttentionTypes(short ?? [[['global', 'local'], 12]], layers);
  if (kinds?.length !== layers) {
    const field = onlyLong ? 'attention_layers' : 'attention_types';
    fields.problem(
      field,
      `\`${field}\` must say global or local for each of the ${layers} layers.`,
    );
    return [];
  }
  const agree =
    long === undefined ||
    (longKinds?.length === layers && longKinds.every((kind, layer) => kind === kinds[layer]));
  if (!agree) {
    fields.problem('attention_layers', '`attention_layers` and `attention_types` differ.');
  }
  return kinds;
}

function read(config: Readonly<Record<string, unknown>>): ReturnType<FamilyTable['read']> {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const width = fields.integer(['hidden_size'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['num_layers', 'num_hidden_layers'], {
    min: 1,
    max: LIMITS.layers,
  });
  const heads = fields.integer(['num_heads', 'num_attention_heads'], { min: 1, max: LIMITS.heads });
  headWidth(fields, width, heads, 'num_heads');
  const maxPositions = fields.integer(['max_position_embeddings'], {
    min: 1,
    max: LIMITS.positions,
    fallback: 2048,
  });
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_257,
  });
  const settings: GptNeoSettings = {
    heads,
    inner: fields.integer(['intermediate_size'], {
      min: 1,
      max: LIMITS.inner,
      fallback: 4 * width,
    }),
    activation: fields.activation('activation_function', 'geluTanh'),
    epsilon: fields.epsilon(['layer_norm_epsilon'], 1e-5),
    window: fields.integer(['window_size'], { min: 1, max: LIMITS.window, fallback: 256 }),
    attention: readAttention(fields, layers),
    embeddingDropout: fields.rate('embed_dropout', 0),
    attentionDropout: fields.rate('attention_dropout', 0),
    residualDropout: fields.rate('resid_dropout', 0),
    initializerRange: fields.number(['initializer_range'], 0, 10, 0.02),
  };
  const tiedHead = fields.flag('tie_word_embeddings', true);
  if (fields.problems.length > 0) return { value: undefined, problems: fields.problems };
  return {
    value: { family: 'gptNeo', layers, width, vocabularyRows, maxPositions, tiedHead, settings },
    problems: [],
  };
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead, maxPositions = 0 } = architecture;
  const { inner, initializerRange } = gptNeoSettings(architecture);
  const init = normal(initializerRange);
  const list = new TensorList('transformer.');
  list.matrix({ kind: 'embedding' }, 'wte.weight', [vocabulary, width], init);
  list.matrix({ kind: 'positions' }, 'wpe.weight', [maxPositions, width], init);
  for (let layer = 0; layer < layers; layer++) {
    const place = { kind: 'layer', layer } as const;
    const at = `h.${layer}`;
    list.layerNorm(place, `${at}.ln_1`, width);
    for (const projection of ['k_proj', 'v_proj', 'q_proj']) {
      list.matrix(place, `${at}.attn.attention.${projection}.weight`, [width, width], init);
    }
    list.matrix(place, `${at}.attn.attention.out_proj.weight`, [width, width], init);
    list.vector(place, `${at}.attn.attention.out_proj.bias`, [width], constant(0));
    list.layerNorm(place, `${at}.ln_2`, width);
    list.matrix(place, `${at}.mlp.c_fc.weight`, [inner, width], init);
    list.vector(place, `${at}.mlp.c_fc.bias`, [inner], constant(0));
    list.matrix(place, `${at}.mlp.c_proj.weight`, [width, inner], init);
    list.vector(place, `${at}.mlp.c_proj.bias`, [width], constant(0));
  }
  list.layerNorm({ kind: 'finalNorm' }, 'ln_f', width);
  if (!tiedHead) list.head('lm_head.weight', [vocabulary, width], init, []);
  return list.specs;
};

export const gptNeo: FamilyTable = {
  name: 'gptNeo',
  modelTypes: MODEL_TYPES,
  read,
  tensors,
  isBuffer: (name) => /^(transformer\.)?h\.\d+\.attn\.attention\.(bias|masked_bias)$/.test(name),
  dropout: (architecture) => {
    const settings = gptNeoSettings(architecture);
    return {
      embed_dropout: settings.embeddingDropout,
      attention_dropout: settings.attentionDropout,
      resid_dropout: settings.residualDropout,
    };
  },
  layerCost: (architecture, layer) => {
    const { width } = architecture;
    const { inner, attention, window } = gptNeoSettings(architecture);
    const cost = { perToken: 8 * width ** 2 + 4 * width * inner, perTokenPerContext: 4 * width };
    return attention[layer] === 'local' ? { ...cost, window } : cost;
  },
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = gptNeoSettings(architecture);
    return {
      architectures: ['GPTNeoForCausalLM'],
      model_type: 'gpt_neo',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      max_position_embeddings: architecture.maxPositions,
      hidden_size: architecture.width,
      num_layers: architecture.layers,
      num_heads: settings.heads,
      intermediate_size: settings.inner,
      activation_function: ACTIVATION_NAMES[settings.activation],
      layer_norm_epsilon: settings.epsilon,
      window_size: settings.window,
      attention_types: settings.attention.map((kind) => [[kind], 1]),
      attention_layers: settings.attention,
      embed_dropout: settings.embeddingDropout,
      attention_dropout: settings.attentionDropout,
      resid_dropout: settings.residualDropout,
      ...initialFloats({ initializer_range: settings.initializerRange }),
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
