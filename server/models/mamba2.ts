/**
 * Mamba-2 (Dao & Gu, arXiv 2405.21060) as `transformers` describes it (`model_type: mamba2`) and as the originals do
 * (`state-spaces/mamba2-*`: as an original Mamba, with `ssm_cfg.layer: Mamba2`).
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
import { isOriginalMamba, mixerFields, originalLayer, readOriginalSizes } from './originalMamba';
import { constant, normal, TensorList, uniform } from './tensorList';

export type Mamba2Settings = Readonly<{
  /** dInner: channels of the scan, heads · headDim. */
  inner: number;
  expand: number;
  heads: number;
  headDim: number;
  /** Groups of heads that share B and C. */
  groups: number;
  /** State entries a channel, n. */
  state: number;
  /** Taps of the causal convolution, k. */
  convKernel: number;
  /** Biases of in_proj and out_proj. */
  bias: boolean;
  convBias: boolean;
  epsilon: number;
  /** Δ is cut to [least, most]; most may be infinite. */
  stepLeast: number;
  stepMost: number;
  dtMin: number;
  dtMax: number;
  dtFloor: number;
  rescalePrenormResidual: boolean;
  initializerRange: number;
}>;

export function mamba2Settings(architecture: Architecture): Mamba2Settings {
  return architecture.settings as Mamba2Settings;
}

/** Channels of the convolution: x, B and C together. */
export function convolvedChannels({ inner, groups, state }: Mamba2Settings): number {
  return inner + 2 * groups * state;
}

/**
 * Positions of a chunk in which the scan is computed: √(n·p), at which what is kept of pairs of positions and of states is
 * least, as the power of two below.
 */
export function chunkLength(state: number, headDim: number): number {
  const balanced = 2 ** Math.floor(Math.log2(state * headDim) / 2);
  return Math.max(16, Math.min(128, balanced));
}

const MODEL_TYPES = ['mamba2'];

/** Keys of a mixer: [transformers', the original `ssm_cfg`'s]. */
const KEYS = {
  state: ['state_size', 'd_state'],
  convKernel: ['conv_kernel', 'd_conv'],
  expand: ['expand', 'expand'],
  headDim: ['head_dim', 'headdim'],
  groups: ['n_groups', 'ngroups'],
  dtMin: ['time_step_min', 'dt_min'],
  dtMax: ['time_step_max', 'dt_max'],
  dtFloor: ['time_step_floor', 'dt_init_floor'],
  stepLimit: ['time_step_limit', 'dt_limit'],
  bias: ['use_bias', 'bias'],
  convBias: ['use_conv_bias', 'conv_bias'],
} as const;

/** Infinity as `transformers` 5 writes it, since JSON has none. */
const INFINITE = { __float__: 'Infinity' } as const;

/** A bound of Δ: a number, or one of the ways in which files say infinite. */
function stepBound(value: unknown): number | undefined {
  if (isRecord(value) && value['__float__'] === INFINITE.__float__) return Infinity;
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

function readStepLimit(fields: ConfigFields, key: string): { least: number; most: number } {
  const value = fields.value(key) ?? [0, INFINITE];
  const bounds: readonly unknown[] = Array.isArray(value) ? value : [];
  const [least, most] = bounds.map(stepBound);
  const isRange = least !== undefined && most !== undefined && bounds.length === 2;
  if (isRange && least <= most && least < Infinity) return { least, most };
  fields.problem(
    key,
    `\`${key}\` must be two numbers that are not negative, the smaller first, not ${shown(value)}.`,
  );
  return { least: 0, most: Infinity };
}

/** @param spelling 0: transformers' keys, 1: the original's */
function readMixer(
  fields: ConfigFields,
  spelling: 0 | 1,
  width: number,
  groupsFallback: number,
): Omit<Mamba2Settings, 'epsilon' | 'rescalePrenormResidual' | 'initializerRange'> {
  const key = (name: keyof typeof KEYS) => KEYS[name][spelling];
  const expand = fields.integer([key('expand')], { min: 1, max: 64, fallback: 2 });
  const inner = expand * width;
  const headDim = fields.integer([key('headDim')], { min: 1, max: LIMITS.inner, fallback: 64 });
  const named = spelling === 0 ? fields.value('num_heads') : undefined;
  const heads =
    named === undefined && spelling === 1
      ? Math.max(1, Math.floor(inner / headDim))
      : fields.integer(['num_heads'], { min: 1, max: LIMITS.inner, fallback: 128 });
  if (heads * headDim !== inner) {
    fields.problem(
      named === undefined ? key('headDim') : 'num_heads',
      `The ${inner} channels (${expand} × ${width}) are not ${heads} heads of ${headDim}.`,
    );
  }
  const groups = fields.integer([key('groups')], {
    min: 1,
    max: LIMITS.inner,
    fallback: groupsFallback,
  });
  if (heads % groups !== 0) {
    fields.problem(
      key('groups'),
      `The ${heads} heads cannot be shared evenly by ${groups} groups.`,
    );
  }
  const { least, most } = readStepLimit(fields, key('stepLimit'));
  return {
    ...{ inner, expand, heads, headDim, groups, stepLeast: least, stepMost: most },
    ...mixerFields(fields, (name) => KEYS[name][spelling], 128),
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
    fallback: 32_768,
  });
  const mixer = readMixer(fields, 0, width, 8);
  fields.refuse('hidden_act', (act) => act === 'silu' || act === 'swish', 'only silu is');
  fields.refuse('norm_before_gate', (value) => value === false, 'the gate comes before the norm');
  const settings: Mamba2Settings = {
    ...mixer,
    epsilon: fields.epsilon(['layer_norm_epsilon'], 1e-5),
    rescalePrenormResidual: fields.flag('rescale_prenorm_residual', false),
    initializerRange: fields.number(['initializer_range'], 0, 10, 0.1),
  };
  // `residual_in_fp32` chooses precision and `chunk_size` speed; `time_step_rank` is read by nothing.
  const tiedHead = fields.flag('tie_word_embeddings', false);
  return finish(fields, { layers, width, vocabularyRows, tiedHead, settings });
}

/** From scratch, such a config starts as one of `transformers`' does. */
function readOriginal(config: Readonly<Record<string, unknown>>): Result {
  const fields = new ConfigFields(config);
  refuseForeign(fields, MODEL_TYPES);
  const { mixer, ...sizes } = readOriginalSizes(fields);
  mixer.refuse('layer', (value) => value === 'Mamba2', 'this family is Mamba2');
  mixer.refuse('norm_before_gate', (value) => value === false, 'the gate comes before the norm');
  mixer.refuse('rmsnorm', (value) => value === true, 'only the gated RMSNorm is');
  mixer.refuse('D_has_hdim', (value) => value === false, 'D is one number a head');
  mixer.refuse('activation', (act) => act === 'silu' || act === 'swish', 'only silu is');
  mixer.refuse(
    'd_ssm',
    (channels) => channels === 2 * sizes.width && mixer.value('expand') === undefined,
    'all channels go through the scan',
  );
  const settings: Mamba2Settings = {
    ...readMixer(mixer, 1, sizes.width, 1),
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
  return { value: { family: 'mamba2', ...read, maxPositions: undefined }, problems: [] };
}

/** Whether a config is of the original code's kind, and of this family. */
export function isOriginalMamba2(config: Readonly<Record<string, unknown>>): boolean {
  return isOriginalMamba(config) && originalLayer(config) === 'Mamba2';
}

const tensors: FamilyTable['tensors'] = (architecture, vocabulary) => {
  const { width, layers, tiedHead } = architecture;
  const settings = mamba2Settings(architecture);
  const { inner, heads, convKernel } = settings;
  const convolved = convolvedChannels(settings);
  const init = normal(settings.initializerRange);
  const residualScale = settings.rescalePrenormResidual ? 1 / Math.sqrt(layers) : 1;
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
    const projected = inner + convolved + heads;
    list.vector(place, `${at}.norm.weight`, [width], constant(1));
    list.vector(place, `${mixer}.dt_bias`, [heads], dtBias);
    list.vector(place, `${mixer}.A_log`, [heads], { kind: 'mambaALog' });
    list.vector(place, `${mixer}.D`, [heads], constant(1));
    list.matrix(
      place,
      `${mixer}.conv1d.weight`,
      [convolved, 1, convKernel],
      uniform(1 / Math.sqrt(convKernel)),
    );
    if (settings.convBias) list.vector(place, `${mixer}.conv1d.bias`, [convolved], constant(0));
    list.matrix(place, `${mixer}.in_proj.weight`, [projected, width], init);
    if (settings.bias) list.vector(place, `${mixer}.in_proj.bias`, [projected], constant(0));
    list.vector(place, `${mixer}.norm.weight`, [inner], constant(1));
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

export const mamba2: FamilyTable = {
  name: 'mamba2',
  modelTypes: MODEL_TYPES,
  read: (config) =>
    isRecord(config) && isOriginalMamba(config) ? readOriginal(config) : readTransformers(config),
  tensors,
  isBuffer: () => false,
  dropout: () => ({}),
  layerCost: (architecture) => {
    const { width } = architecture;
    const settings = mamba2Settings(architecture);
    const { inner, state, heads, convKernel } = settings;
    const convolved = convolvedChannels(settings);
    const projections = 2 * width * (inner + convolved + heads) + 2 * inner * width;
    // A state entry: decay, Δx·B and add, product with C and add. A channel: Δ·x, D·x and add. A head: Δ·A, exp. As a scan:
    // the chunks in which it is computed (compute/engine/kernels/stateSpaceDual.ts) take about as many.
    const scan = 5 * inner * state + 3 * inner + 2 * heads;
    return {
      perToken: projections + 2 * convKernel * convolved + scan,
      perTokenPerContext: 0,
    };
  },
  headCost: (architecture, vocabulary) => 2 * architecture.width * vocabulary,
  write: (architecture, vocabulary) => {
    const settings = mamba2Settings(architecture);
    const { stepLeast, stepMost } = settings;
    const isCut = stepLeast > 0 || stepMost < Infinity;
    return {
      architectures: ['Mamba2ForCausalLM'],
      model_type: 'mamba2',
      vocab_size: vocabulary,
      ...NO_SPECIAL_TOKENS,
      pad_token_id: null,
      hidden_size: architecture.width,
      num_hidden_layers: architecture.layers,
      expand: settings.expand,
      num_heads: settings.heads,
      head_dim: settings.headDim,
      n_groups: settings.groups,
      state_size: settings.state,
      conv_kernel: settings.convKernel,
      ...(isCut && {
        time_step_limit: [stepLeast, stepMost === Infinity ? INFINITE : stepMost],
      }),
      ...initialFloats({
        time_step_min: settings.dtMin,
        time_step_max: settings.dtMax,
        time_step_floor: settings.dtFloor,
        initializer_range: settings.initializerRange,
      }),
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
