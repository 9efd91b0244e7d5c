/**
 * Configs of the original code of Mamba and Mamba-2 (`state-spaces/*`: `d_model`, `n_layer`, `ssm_cfg`, no `model_type`), and
 * the keys that mixers of both families have.
 */
import { ConfigFields, isRecord, LIMITS, shown } from './configFields';

/** Whether a config is of the original code's kind. */
export function isOriginalMamba(config: Readonly<Record<string, unknown>>): boolean {
  return (
    (config['model_type'] ?? undefined) === undefined &&
    Object.hasOwn(config, 'd_model') &&
    Object.hasOwn(config, 'n_layer')
  );
}

/** Which mixer such a config asks for. */
export function originalLayer(config: Readonly<Record<string, unknown>>): unknown {
  const given = config['ssm_cfg'];
  return isRecord(given) && Object.hasOwn(given, 'layer') ? given['layer'] : undefined;
}

/** All but the mixer's own keys, which `mixer` reads. */
export function readOriginalSizes(fields: ConfigFields) {
  const width = fields.integer(['d_model'], { min: 1, max: LIMITS.width });
  const layers = fields.integer(['n_layer'], { min: 1, max: LIMITS.layers });
  const vocabulary = fields.integer(['vocab_size'], {
    min: 1,
    max: LIMITS.vocabulary,
    fallback: 50_277,
  });
  const multiple = fields.integer(['pad_vocab_size_multiple'], {
    min: 1,
    max: 65_536,
    fallback: 8,
  });
  fields.refuse('rms_norm', (value) => value === true, 'only RMSNorm is');
  fields.refuse(
    'd_intermediate',
    (value) => value === 0,
    'layers with a feed-forward part are another family',
  );
  fields.refuse(
    'attn_layer_idx',
    (value) => Array.isArray(value) && value.length === 0,
    'layers of attention among those of Mamba are another family',
  );
  const given = fields.value('ssm_cfg') ?? {};
  if (!isRecord(given))
    fields.problem('ssm_cfg', `\`ssm_cfg\` must be an object, not ${shown(given)}.`);
  const tiedHead = fields.flag('tie_embeddings', true);
  const vocabularyRows = Math.ceil(vocabulary / multiple) * multiple;
  const mixer = new ConfigFields(isRecord(given) ? given : {}, 'ssm_cfg.');
  return { width, layers, vocabularyRows, tiedHead, mixer };
}

type MixerKey = 'state' | 'convKernel' | 'dtMin' | 'dtMax' | 'dtFloor' | 'bias' | 'convBias';

/** @param key a field's name in this config's spelling @param state fallback of the state's size */
export function mixerFields(fields: ConfigFields, key: (name: MixerKey) => string, state: number) {
  const dtMin = fields.number([key('dtMin')], 1e-9, 1e3, 0.001);
  const dtMax = fields.number([key('dtMax')], 1e-9, 1e3, 0.1);
  if (dtMin > dtMax)
    fields.problem(key('dtMin'), `\`${key('dtMin')}\` is above \`${key('dtMax')}\`.`);
  return {
    state: fields.integer([key('state')], { min: 1, max: 4096, fallback: state }),
    convKernel: fields.integer([key('convKernel')], { min: 1, max: 256, fallback: 4 }),
    bias: fields.flag(key('bias'), false),
    convBias: fields.flag(key('convBias'), true),
    dtMin,
    dtMax,
    dtFloor: fields.number([key('dtFloor')], 1e-12, 1e3, 1e-4),
  };
}
