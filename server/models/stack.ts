/**
 * A stack: a model that is designed by hand, as a list of layers. Every layer is a residual one behind an RMSNorm:
 * `attention` (causal, heads of one width, rotary positions over the whole head, no biases), `mamba` (the mixer of the family
 * of that name), `hyena` (a long convolution behind gates, `hyena.ts`), `mlp` (two matrices and a GELU), `swiglu` (three; Shazeer,
 * arXiv 2002.05202). MambaFormer (Park et al., arXiv 2402.04248) is `mamba`, then pairs of `attention` and `mamba`. `config.json`: `model_type: manticore_stack`.
 */
import type { Architecture, FamilyTable, LayerCost, TensorSpec } from './architecture';
import {
  ConfigFields,
  headWidth,
  initialFloats,
  LIMITS,
  NO_SPECIAL_TOKENS,
  refuseForeign,
  shown,
} from './configFields';
import { hyenaCost, hyenaTensors, readHyena, writeHyena, type HyenaSettings } from './hyena';
import { mamba, mambaSettings, type MambaSettings } from './mamba';
import { constant, normal, TensorList } from './tensorList';

export const STACK_LAYERS = ['attention', 'mamba', 'hyena', 'mlp', 'swiglu'] as const;
export type StackLayer = (typeof STACK_LAYERS)[number];

/** A layer, or several of them several times over. */
export type StackItem =
  StackLayer | { readonly repeat: number; readonly layers: readonly StackLayer[] };

/** Of the Mamba and Hyena layers and its own; a stack without such layers has them all the same. */
export type StackSettings = MambaSettings &
  HyenaSettings &
  Readonly<{
    layerTypes: readonly StackLayer[];
    heads: number;
    headDim: number;
    rotaryBase: number;
    /** Width of the `mlp` and `swiglu` layers. */
    feedForward: number;
  }>;

export function stackSettings(architecture: Architecture): StackSettings {
  return architecture.settings as StackSettings;
}

const MODEL_TYPES = ['manticore_stack'];

/** Keys of the config that a Mamba layer obeys, as its family spells them. */
const MAMBA_KEYS = [
  ...['state_size', 'conv_kernel', 'expand', 'time_step_rank', 'use_bias', 'use_conv_bias'],
  ...['time_step_min', 'time_step_max', 'time_step_floor', 'time_step_scale'],
  'time_step_init_scheme',
];

/** The layers, one by one; no more than `LIMITS.layers` + 1 of them, so that what is too long can be told. */
export function expandStack(items: readonly StackItem[]): StackLayer[] {
  const layers: StackLayer[] = [];
  for (const item of items) {
    const [times, group] =
      typeof item === 'string' ? [1, [item]] : ([item.repeat, item.layers] as const);
    for (let time = 0; time < times && layers.length <= LIMITS.layers; time++) {
      layers.push(...group);
    }
  }
  return layers.slice(0, LIMITS.layers + 1);
}

function readLayers(fields: ConfigFields): readonly StackLayer[] {
  const value = fields.value('layer_types');
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (list.length === 0 || list.length > LIMITS.layers) {
    fields.problem(
      'layer_types',
      `A stack has between 1 and ${LIMITS.layers} layers${list.length === 0 ? '' : '; this one has more'}.`,
    );
    return [];
  }
  const wrong = list.find((kind) => !STACK_LAYERS.some((known) => known === kind));
  if (wrong !== undefined) {
    fields.problem(
      'layer_types',
      `A stack has no layer ${shown(wrong)}; its layers are ${STACK_LAYERS.join(', ')}.`,
    );
  }
  return list as readonly StackLayer[];
}

/** The Mamba layers' settings, read by their own family, under this model's width and norm. */
function readMamba(
  fields: ConfigFields,
  width: number,
  layers: number,
  epsilon: number,
): MambaSettings | undefined {
  const own: Record<string, unknown> = {
    hidden_size: width,
    num_hidden_layers: Math.max(1, layers),
    layer_norm_epsilon: epsilon,
    initializer_range: fields.number(['initializer_range'], 0, 10, 0.02),
    // What is added to the residual starts smaller, the more layers add to it.
    rescale_prenorm_residual: true,
  };
  for (const key of MAMBA_KEYS) {
    const value = fields.value(key);
    if (value !== undefined) own[key] = value;
  }
  const { value, problems } = mamba.read(own);
  for (const { field, message } of problems) fields.problem(field, message);
  return value && mambaSettings(value);
}

function read(config: Readonly<Record<string, unknown>>): ReturnType<FamilyTable['read']> {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const layerTypes = readLayers(fields);
  const width = fields.integer(['hidden_size'], { min: 1, max: LIMITS.width });
  const attends = layerTypes.includes('attention');
  const heads = fields.integer(['num_attention_heads'], {
    min: 1,
    max: LIMITS.heads,
    ...(attends ? {} : { fallback: 1 }),
  });
  const headDim = attends ? headWidth(fields, width, heads, 'num_attention_heads') : width;
  if (attends && headDim % 2 !== 0) {
    fields.problem(
      'num_attention_heads',
      `Rotary positions turn pairs of a head's entries: ${headDim} entries a head must be an even number.`,
    );
  }
  const epsilon = fields.epsilon(['rms_norm_eps', 'layer_norm_epsilon'], 1e-5);
  const mixer = readMamba(fields, width, layerTypes.length, epsilon);
  const hyena = readHyena(fields);
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_280,
  });
  const own = {
    layerTypes,
    heads,
    headDim,
    rotaryBase: fields.number(['rope_theta'], 1e-3, 1e12, 10_000),
    feedForward: fields.integer(['intermediate_size'], {
      min: 1,
      max: LIMITS.inner,
      fallback: 4 * width,
    }),
  };
  const tiedHead = fields.flag('tie_word_embeddings', true);
  if (fields.problems.length > 0 || !mixer) return { value: undefined, problems: fields.problems };
  return {
    value: {
      family: 'stack',
      layers: layerTypes.length,
      width,
      vocabularyRows,
      maxPositions: layerTypes.includes('hyena') ? hyena.filterPositions : undefined,
      tiedHead,
      settings: { ...mixer, ...hyena, ...own },
    },
    problems: [],
  };
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead } = architecture;
  const settings = stackSettings(architecture);
  const { layerTypes, feedForward, initializerRange: std } = settings;
  const init = normal(std);
  const residualStd = std / Math.sqrt(layers);
  const residual = normal(residualStd);
  const ofMamba = mamba.tensors(architecture, vocabulary);
  const list = new TensorList('backbone.');
  list.matrix({ kind: 'embedding' }, 'embeddings.weight', [vocabulary, width], init);
  layerTypes.forEach((kind, layer) => {
    const place = { kind: 'layer', layer } as const;
    const at = `layers.${layer}`;
    const matrix = (name: string, to: number, from: number, start = init) => {
      list.matrix(place, `${at}.${name}.weight`, [to, from], start);
    };
    if (kind === 'mamba') {
      list.specs.push(...ofMamba.filter((spec) => isIn(spec, layer)));
      return;
    }
    list.vector(place, `${at}.norm.weight`, [width], constant(1));
    if (kind === 'attention') {
      matrix('attention.qkv_proj', 3 * width, width);
      matrix('attention.out_proj', width, width, residual);
      return;
    }
    if (kind === 'hyena') {
      const sizes = { width, std, residualStd };
      hyenaTensors(list, { place, name: `${at}.hyena` }, settings, sizes);
      return;
    }
    if (kind === 'swiglu') matrix('mlp.gate_proj', feedForward, width);
    matrix('mlp.up_proj', feedForward, width);
    matrix('mlp.down_proj', width, feedForward, residual);
  });
  list.vector({ kind: 'finalNorm' }, 'norm_f.weight', [width], constant(1));
  if (!tiedHead) list.head('lm_head.weight', [vocabulary, width], init, []);
  return list.specs;
};

const isIn = ({ place }: TensorSpec, layer: number): boolean =>
  place.kind === 'layer' && place.layer === layer;

function layerCost(architecture: Architecture, layer: number): LayerCost {
  const { width } = architecture;
  const settings = stackSettings(architecture);
  const { layerTypes, feedForward } = settings;
  switch (layerTypes[layer]!) {
    case 'attention':
      return { perToken: 8 * width ** 2, perTokenPerContext: 4 * width };
    case 'mamba':
      return mamba.layerCost(architecture, layer);
    case 'hyena':
      return hyenaCost(width, settings);
    case 'mlp':
      return { perToken: 4 * width * feedForward, perTokenPerContext: 0 };
    case 'swiglu':
      return { perToken: 6 * width * feedForward, perTokenPerContext: 0 };
  }
}

export const stack: FamilyTable = {
  name: 'stack',
  modelTypes: MODEL_TYPES,
  read,
  tensors,
  isBuffer: () => false,
  dropout: () => ({}),
  layerCost,
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = stackSettings(architecture);
    return {
      architectures: ['ManticoreStack'],
      model_type: 'manticore_stack',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      hidden_size: architecture.width,
      num_hidden_layers: architecture.layers,
      layer_types: settings.layerTypes,
      num_attention_heads: settings.heads,
      rope_theta: settings.rotaryBase,
      intermediate_size: settings.feedForward,
      rms_norm_eps: settings.epsilon,
      state_size: settings.state,
      expand: settings.expand,
      conv_kernel: settings.convKernel,
      time_step_rank: settings.dtRank,
      use_bias: settings.bias,
      use_conv_bias: settings.convBias,
      time_step_init_scheme: settings.dtInit,
      ...(settings.layerTypes.includes('hyena') ? writeHyena(settings) : {}),
      ...initialFloats({
        time_step_min: settings.dtMin,
        time_step_max: settings.dtMax,
        time_step_floor: settings.dtFloor,
        time_step_scale: settings.dtScale,
        initializer_range: settings.initializerRange,
      }),
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
