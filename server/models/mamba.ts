/**
 * Mamba (Gu & Dao 2023) as `transformers` describes it (`model_type: mamba`) and as the originals do
 * (`state-spaces/mamba-*`: `d_model`, `n_layer`, `ssm_cfg`, no `model_type`).
 */
import type { Architecture, FamilyTable } from './architecture';
import {
  ConfigFields,
  initialFloats,
  isRecord,
  LIMITS,
  NO_SPECIAL_TOKENS,
  refuseForeign,
  shown,
} from './configFields';
import { isOriginalMamba, mixerFields, readOriginalSizes } from './originalMamba';
import { constant, normal, TensorList, uniform } from './tensorList';

export type MambaSettings = Readonly<{
  /** dInner: channels of convolution and scan. */
  inner: number;
  expand: number;
  /** State entries a channel, n. */
  state: number;
  /** Taps of the causal convolution, k. */
  convKernel: number;
  dtRank: number;
  /** Biases of in_proj and out_proj. */
  bias: boolean;
  convBias: boolean;
  epsilon: number;
  dtMin: number;
  dtMax: number;
  dtFloor: number;
  dtScale: number;
  dtInit: 'random' | 'constant';
  rescalePrenormResidual: boolean;
  initializerRange: number;
}>;

export function mambaSettings(architecture: Architecture): MambaSettings {
  return architecture.settings as MambaSettings;
}

const MODEL_TYPES = ['mamba'];

/** Keys of a mixer: [transformers', the original `ssm_cfg`'s]. */
const KEYS = {
  state: ['state_size', 'd_state'],
  convKernel: ['conv_kernel', 'd_conv'],
  expand: ['expand', 'expand'],
  dtRank: ['time_step_rank', 'dt_rank'],
  dtMin: ['time_step_min', 'dt_min'],
  dtMax: ['time_step_max', 'dt_max'],
  dtFloor: ['time_step_floor', 'dt_init_floor'],
  dtScale: ['time_step_scale', 'dt_scale'],
  dtInit: ['time_step_init_scheme', 'dt_init'],
  bias: ['use_bias', 'bias'],
  convBias: ['use_conv_bias', 'conv_bias'],
} as const;

function readRank(fields: ConfigFields, key: string, width: number): number {
  if (fields.value(key) === 'auto') return Math.ceil(width / 16);
  return fields.integer([key], { min: 1, max: LIMITS.width, fallback: Math.ceil(width / 16) });
}

function readInitScheme(fields: ConfigFields, key: string): 'random' | 'constant' {
  const scheme = fields.value(key) ?? 'random';
  if (scheme === 'random' || scheme === 'constant') return scheme;
  fields.problem(key, `\`${key}\` must be random or constant, not ${shown(scheme)}.`);
  return 'random';
}

/** @param spelling 0: transformers' keys, 1: the original's */
function readMixer(fields: ConfigFields, spelling: 0 | 1, width: number) {
  const key = (name: keyof typeof KEYS) => KEYS[name][spelling];
  const expand = fields.integer([key('expand')], { min: 1, max: 64, fallback: 2 });
  return {
    inner: expand * width,
    expand,
    ...mixerFields(fields, (name) => KEYS[name][spelling], 16),
    dtRank: readRank(fields, key('dtRank'), width),
    dtScale: fields.number([key('dtScale')], 0, 1e3, 1),
    dtInit: readInitScheme(fields, key('dtInit')),
  };
}

type Result = ReturnType<FamilyTable['read']>;

function readTransformers(config: Readonly<Record<string, unknown>>): Result {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const width = fields.integer(['hidden_size'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['num_hidden_layers'], { min: 1, max: LIMITS.layers });
  const vocabularyRows = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_280,
  });
  const mixer = readMixer(fields, 0, width);
  // The activation of the convolution; versions of `transformers` differ on whether the gate follows it.
  fields.refuse('hidden_act', (act) => act === 'silu' || act === 'swish', 'only silu is');
  fields.refuse(
    'intermediate_size',
    (inner) => inner === mixer.inner,
    'it must be expand × hidden_size',
  );
  const settings: MambaSettings = {
    ...mixer,
    epsilon: fields.epsilon(['layer_norm_epsilon'], 1e-5),
    rescalePrenormResidual: fields.flag('rescale_prenorm_residual', false),
    initializerRange: fields.number(['initializer_range'], 0, 10, 0.1),
  };
  // `residual_in_fp32`, `use_mambapy` and `use_associative_scan` choose precision or speed: here all is float32.
  const tiedHead = fields.flag('tie_word_embeddings', true);
  return finish(fields, { layers, width, vocabularyRows, tiedHead, settings });
}

/** From scratch, such a config starts as one of `transformers`' does. */
function readOriginal(config: Readonly<Record<string, unknown>>): Result {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const { mixer, ...sizes } = readOriginalSizes(fields);
  mixer.refuse('layer', (value) => value === 'Mamba1', 'only Mamba1 and Mamba2 are');
  const settings: MambaSettings = {
    ...readMixer(mixer, 1, sizes.width),
    epsilon: 1e-5,
    rescalePrenormResidual: false,
    initializerRange: 0.1,
  };
  fields.adopt(mixer);
  return finish(fields, { ...sizes, settings });
}

function finish(
  fields: ConfigFields,
  read: Pick<Architecture, 'layers' | 'width' | 'vocabularyRows' | 'tiedHead' | 'settings'>,
): Result {
  if (fields.problems.length > 0) return { value: undefined, problems: fields.problems };
  return { value: { family: 'mamba', ...read, maxPositions: undefined }, problems: [] };
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead } = architecture;
  const settings = mambaSettings(architecture);
  const { inner, state, convKernel, dtRank } = settings;
  const init = normal(settings.initializerRange);
  const residualScale = settings.rescalePrenormResidual ? 1 / Math.sqrt(layers) : 1;
  const dtStd = dtRank ** -0.5 * settings.dtScale;
  const dtBias = {
    kind: 'mambaDtBias',
    min: settings.dtMin,
    max: settings.dtMax,
    floor: settings.dtFloor,
  } as const;
  const list = new TensorList('backbone.');
  list.matrix({ kind: 'embedding' }, 'embeddings.weight', [vocabulary, width], init, [
    'backbone.embedding.weight',
    'embedding.weight',
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const place = { kind: 'layer', layer } as const;
    const at = `layers.${layer}`;
    const mixer = `${at}.mixer`;
    list.vector(place, `${at}.norm.weight`, [width], constant(1));
    list.vector(place, `${mixer}.A_log`, [inner, state], { kind: 'mambaALog' });
    list.vector(place, `${mixer}.D`, [inner], constant(1));
    list.matrix(
      place,
      `${mixer}.conv1d.weight`,
      [inner, 1, convKernel],
      uniform(1 / Math.sqrt(convKernel)),
    );
    if (settings.convBias) list.vector(place, `${mixer}.conv1d.bias`, [inner], constant(0));
    list.matrix(place, `${mixer}.in_proj.weight`, [2 * inner, width], init);
    if (settings.bias) list.vector(place, `${mixer}.in_proj.bias`, [2 * inner], constant(0));
    list.matrix(place, `${mixer}.x_proj.weight`, [dtRank + 2 * state, inner], init);
    list.matrix(
      place,
      `${mixer}.dt_proj.weight`,
      [inner, dtRank],
      settings.dtInit === 'constant' ? constant(dtStd) : uniform(dtStd),
    );
    list.vector(place, `${mixer}.dt_proj.bias`, [inner], dtBias);
    list.matrix(
      place,
      `${mixer}.out_proj.weight`,
      [width, inner],
      uniform(residualScale / Math.sqrt(inner)),
    );
    if (settings.bias) list.vector(place, `${mixer}.out_proj.bias`, [width], constant(0));
  }
  list.vector({ kind: 'finalNorm' }, 'norm_f.weight', [width], constant(1));
  if (!tiedHead) list.head('lm_head.weight', [vocabulary, width], init, []);
  return list.specs;
};

export const mamba: FamilyTable = {
  name: 'mamba',
  modelTypes: MODEL_TYPES,
  read: (config) =>
    isRecord(config) && isOriginalMamba(config) ? readOriginal(config) : readTransformers(config),
  tensors,
  isBuffer: () => false,
  dropout: () => ({}),
  layerCost: (architecture) => {
    const { width } = architecture;
    const { inner, state, convKernel, dtRank } = mambaSettings(architecture);
    const projections = 2 * width * 2 * inner + 2 * inner * width;
    const selection = 2 * inner * (dtRank + 2 * state) + 2 * dtRank * inner;
    // A state entry: Δ·A, exp, Δu·B, decay and add, product with C and add. A channel: Δ·u, D·u and add.
    const scan = 7 * inner * state + 3 * inner;
    return {
      perToken: projections + selection + 2 * convKernel * inner + scan,
      perTokenPerContext: 0,
    };
  },
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = mambaSettings(architecture);
    return {
      architectures: ['MambaForCausalLM'],
      model_type: 'mamba',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      hidden_size: architecture.width,
      num_hidden_layers: architecture.layers,
      intermediate_size: settings.inner,
      expand: settings.expand,
      state_size: settings.state,
      conv_kernel: settings.convKernel,
      time_step_rank: settings.dtRank,
      ...initialFloats({
        time_step_min: settings.dtMin,
        time_step_max: settings.dtMax,
        time_step_floor: settings.dtFloor,
        time_step_scale: settings.dtScale,
        initializer_range: settings.initializerRange,
      }),
      time_step_init_scheme: settings.dtInit,
      use_bias: settings.bias,
      use_conv_bias: settings.convBias,
      hidden_act: 'silu',
      layer_norm_epsilon: settings.epsilon,
      rescale_prenorm_residual: settings.rescalePrenormResidual,
      residual_in_fp32: true,
      tie_word_embeddings: architecture.tiedHead,
    };
  },
};
