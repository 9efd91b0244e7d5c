import fc from 'fast-check';
import assert from 'node:assert/strict';
import { FAMILY_NAMES, type FamilyTable } from '../../server/models/architecture';
import {
  familyForConfig,
  familyForModelType,
  familyTable,
  layersFlops,
  parameterCount,
} from '../../server/models/families';
import {
  cases,
  counts,
  GPT2,
  NEO,
  NEOX,
  LLAMA,
  MAMBA,
  MAMBA2,
  ORIGINAL,
  architectureOf,
  type Config,
} from './familyConfigs';

/** Llama 3's scaling, but for the context before it. */
const LLAMA3: Config = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

/** Fields that `read` complains about, and its first sentence. */
function refusal(config: Config): { fields: string[]; message: string } {
  const { value, problems } = familyForConfig(config)!.read(config);
  assert.equal(value, undefined);
  assert.ok(problems.length > 0);
  return { fields: problems.map(({ field }) => field), message: problems[0]!.message };
}

describe('families by name', () => {
  it('finds a family by model_type, and none for others', () => {
    assert.equal(familyForModelType('gpt_neox')?.name, 'gptNeox');
    assert.equal(familyForModelType('llama')?.name, 'llama');
    assert.equal(familyForModelType('mistral'), undefined);
    assert.equal(familyForConfig({ model_type: 'toString' }), undefined);
  });

  it('knows an original Mamba, which has no model_type', () => {
    assert.equal(familyForConfig(ORIGINAL)?.name, 'mamba');
    assert.equal(familyForConfig({ vocab_size: 9 }), undefined);
    assert.equal(familyForConfig(null), undefined);
  });
});

describe('reading config.json', () => {
  it('takes published models, and counts the parameters that transformers counts', () => {
    for (const [name, { config, parameters }] of Object.entries(counts.models)) {
      const architecture = architectureOf(config);
      assert.equal(parameterCount(architecture, architecture.vocabularyRows), parameters, name);
    }
  });

  it('takes either spelling of a size, and refuses two that differ', () => {
    assert.equal(architectureOf({ ...GPT2, n_embd: null, hidden_size: 12 }).width, 12);
    assert.deepEqual(refusal({ ...GPT2, hidden_size: 24 }).fields, ['hidden_size']);
  });

  it('reads the rotary keys of transformers 5 and the older ones alike', () => {
    const old = architectureOf({ ...NEOX, rotary_pct: 0.5, rotary_emb_base: 77 });
    const alias = architectureOf({ ...NEOX, partial_rotary_factor: 0.5, rope_theta: 77 });
    const nested = { rope_type: 'default', rope_theta: 77, partial_rotary_factor: 0.5 };
    assert.equal(old.settings['rotaryDims'], 4);
    assert.equal(old.settings['rotaryBase'], 77);
    assert.deepEqual(alias, old);
    assert.deepEqual(architectureOf({ ...NEOX, rope_parameters: nested }), old);
    assert.deepEqual(architectureOf({ ...NEOX, rope_scaling: null }).settings['rotaryDims'], 2);
    assert.deepEqual(refusal({ ...NEOX, rotary_pct: 0.25, rope_parameters: nested }).fields, [
      'rope_parameters.partial_rotary_factor',
    ]);
  });

  it("reads Llama's rotary keys in every spelling", () => {
    const old = architectureOf({ ...LLAMA, rope_theta: 77, rope_scaling: { ...LLAMA3 } });
    const nested = architectureOf({ ...LLAMA, rope_parameters: { ...LLAMA3, rope_theta: 77 } });
    assert.deepEqual(old, nested);
    // Without one of its own, the context before the change is the model's.
    assert.deepEqual(old.settings['rotaryScaling'], {
      ...{ kind: 'llama3', factor: 8, low: 1, high: 4, trained: 2048 },
    });
    const apart = { ...LLAMA, rope_scaling: { ...LLAMA3 }, original_max_position_embeddings: 64 };
    const scaling = architectureOf(apart).settings['rotaryScaling'] as { trained: number };
    assert.equal(scaling.trained, 64);
    const linear = { ...LLAMA, rope_scaling: { type: 'linear', factor: 3 } };
    assert.deepEqual(architectureOf(linear).settings['rotaryScaling'], {
      ...{ kind: 'linear', factor: 3 },
    });
  });

  it('takes an infinite step in each way of writing it', () => {
    const infinite = { __float__: 'Infinity' };
    const plain = architectureOf(MAMBA2);
    assert.equal(plain.settings['stepMost'], Infinity);
    assert.deepEqual(architectureOf({ ...MAMBA2, time_step_limit: [0, infinite] }), plain);
    const cut = architectureOf({ ...MAMBA2, time_step_limit: [0.5, infinite] });
    const written = familyTable('mamba2').write(cut, 9);
    assert.deepEqual(written['time_step_limit'], [0.5, infinite]);
  });

  it('reads the original Mamba-2 keys as those of transformers', () => {
    const ssm = { layer: 'Mamba2', d_state: 6, d_conv: 3, headdim: 8, ngroups: 5, bias: true };
    const original = architectureOf({ ...ORIGINAL, ssm_cfg: ssm, rms_norm: true });
    assert.equal(original.family, 'mamba2');
    const hub = {
      ...{ vocab_size: 50280, state_size: 6, conv_kernel: 3, head_dim: 8, num_heads: 5 },
      ...{ hidden_size: 20, n_groups: 5, use_bias: true, tie_word_embeddings: true },
    };
    assert.deepEqual(original, architectureOf({ ...MAMBA2, ...hub }));
  });

  it('rounds the rotary width down, as transformers does', () => {
    const config = { ...NEOX, num_attention_heads: 2, rotary_pct: 0.55 };
    assert.equal(architectureOf(config).settings['rotaryDims'], 6); // 12 · 0.55 = 6.6
  });

  it('reads the original Mamba keys as those of transformers', () => {
    const ssm = { layer: 'Mamba1', d_state: 6, d_conv: 3, expand: 3, dt_rank: 'auto', bias: true };
    const original = architectureOf({ ...ORIGINAL, ssm_cfg: ssm, rms_norm: true });
    const hub = {
      vocab_size: 50280, // 50,277 rounded up to a multiple of 8
      state_size: 6,
      conv_kernel: 3,
      expand: 3,
      time_step_rank: 2,
      use_bias: true,
    };
    assert.deepEqual(original, architectureOf({ ...MAMBA, ...hub }));
    assert.equal(architectureOf({ ...ORIGINAL, pad_vocab_size_multiple: 1 }).vocabularyRows, 50277);
  });

  it('passes flags that do not matter in float32', () => {
    const idle = { use_cache: false, torch_dtype: 'float16', dtype: 'bfloat16', architectures: [] };
    for (const config of [GPT2, NEO, NEOX, LLAMA, MAMBA, MAMBA2]) {
      assert.deepEqual(architectureOf({ ...config, ...idle }), architectureOf(config));
    }
    const upcast = { reorder_and_upcast_attn: true, add_cross_attention: false, pruned_heads: {} };
    assert.deepEqual(architectureOf({ ...GPT2, ...upcast }), architectureOf(GPT2));
    const speed = { use_mambapy: true, residual_in_fp32: false, intermediate_size: 40 };
    assert.deepEqual(architectureOf({ ...MAMBA, ...speed }), architectureOf(MAMBA));
  });

  const refused: readonly (readonly [string, Config, string])[] = [
    ['cross-attention', { ...GPT2, add_cross_attention: true }, 'add_cross_attention'],
    ['an encoder', { ...NEO, is_encoder_decoder: true }, 'is_encoder_decoder'],
    ['pruned heads', { ...GPT2, pruned_heads: { 0: [1] } }, 'pruned_heads'],
    ['quantised weights', { ...NEOX, quantization_config: { bits: 4 } }, 'quantization_config'],
    ['code of its own', { ...MAMBA, auto_map: { AutoModel: 'm.M' } }, 'auto_map'],
    [
      'an unknown activation',
      { ...GPT2, activation_function: 'quick_gelu' },
      'activation_function',
    ],
    ['an inherited name', { ...NEOX, hidden_act: 'constructor' }, 'hidden_act'],
    ['heads that do not divide', { ...GPT2, n_head: 5 }, 'n_head'],
    ['an odd rotary width', { ...NEOX, rotary_pct: 0.4 }, 'rotary_pct'],
    [
      'scaled rotary',
      { ...NEOX, rope_scaling: { type: 'linear', factor: 2 } },
      'rope_scaling.type',
    ],
    [
      'yarn',
      { ...NEOX, rope_parameters: { rope_type: 'yarn', rope_theta: 10 } },
      'rope_parameters.rope_type',
    ],
    ['too few kinds of attention', { ...NEO, num_layers: 5 }, 'attention_types'],
    ['an unknown kind', { ...NEO, attention_types: [[['sparse'], 4]] }, 'attention_types'],
    ['endless kinds', { ...NEO, attention_types: [[['global'], 1e9]] }, 'attention_types'],
    [
      'kinds that differ',
      { ...NEO, attention_layers: ['local', 'local', 'local', 'local'] },
      'attention_layers',
    ],
    ['a window of nothing', { ...NEO, window_size: 0 }, 'window_size'],
    ['another gate in Mamba', { ...MAMBA, hidden_act: 'gelu' }, 'hidden_act'],
    ['another inner width', { ...MAMBA, intermediate_size: 41 }, 'intermediate_size'],
    ['another layer in Mamba', { ...ORIGINAL, ssm_cfg: { layer: 'Mamba3' } }, 'ssm_cfg.layer'],
    ['queries that cannot share keys', { ...LLAMA, num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['an odd head', { ...LLAMA, head_dim: 5 }, 'head_dim'],
    ['heads that turn in part', { ...LLAMA, partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [
      'another scaling of rotary positions',
      { ...LLAMA, rope_scaling: { type: 'dynamic', factor: 2 } },
      'rope_scaling.type',
    ],
    [
      'a scaling without its factor',
      { ...LLAMA, rope_scaling: { rope_type: 'linear' } },
      'rope_scaling.factor',
    ],
    [
      'bands of frequencies the wrong way round',
      {
        ...LLAMA,
        rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 4, high_freq_factor: 1 },
      },
      'rope_scaling.low_freq_factor',
    ],
    [
      'two contexts of pretraining',
      {
        ...LLAMA,
        original_max_position_embeddings: 64,
        rope_scaling: { ...LLAMA3, original_max_position_embeddings: 32 },
      },
      'rope_scaling.original_max_position_embeddings',
    ],
    ['heads that are not the channels', { ...MAMBA2, num_heads: 5 }, 'num_heads'],
    ['groups that do not divide', { ...MAMBA2, n_groups: 3 }, 'n_groups'],
    ['a step limit of one number', { ...MAMBA2, time_step_limit: [1] }, 'time_step_limit'],
    ['a step limit upside down', { ...MAMBA2, time_step_limit: [2, 1] }, 'time_step_limit'],
    ['a norm before the gate', { ...MAMBA2, norm_before_gate: true }, 'norm_before_gate'],
    ['another gate in Mamba-2', { ...MAMBA2, hidden_act: 'relu' }, 'hidden_act'],
    [
      "a skip for each of a head's channels",
      { ...ORIGINAL, ssm_cfg: { layer: 'Mamba2', headdim: 8, D_has_hdim: true } },
      'ssm_cfg.D_has_hdim',
    ],
    ['LayerNorm in Mamba', { ...ORIGINAL, rms_norm: false }, 'rms_norm'],
    ['attention in Mamba', { ...ORIGINAL, attn_layer_idx: [1] }, 'attn_layer_idx'],
    ['a feed-forward part in Mamba', { ...ORIGINAL, d_intermediate: 64 }, 'd_intermediate'],
    ['dropout of everything', { ...GPT2, resid_pdrop: 1 }, 'resid_pdrop'],
    ['an absurd size', { ...NEOX, hidden_size: 1e12 }, 'hidden_size'],
    ['half a layer', { ...MAMBA, num_hidden_layers: 1.5 }, 'num_hidden_layers'],
    ['a size in words', { ...GPT2, vocab_size: 'many' }, 'vocab_size'],
  ];
  for (const [what, config, field] of refused) {
    it(`refuses ${what} by name`, () => {
      const { fields, message } = refusal(config);
      assert.ok(fields.includes(field), fields.join(', '));
      assert.match(message, /^[A-Z`].*\.$/s);
    });
  }

  it('refuses a family table that meets another family', () => {
    const { problems } = familyTable('gpt2').read({ ...GPT2, model_type: 'mistral' });
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['model_type'],
    );
  });

  it('asks for the sizes that make a model, and has defaults for the rest', () => {
    assert.deepEqual(refusal({ model_type: 'gpt2' }).fields, ['n_embd', 'n_layer', 'n_head']);
    assert.deepEqual(refusal({ model_type: 'mamba' }).fields, ['hidden_size', 'num_hidden_layers']);
  });
});

describe('hostile configs', () => {
  const tables: readonly FamilyTable[] = FAMILY_NAMES.map(familyTable);

  it('never throw, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (config) => {
        for (const table of tables) {
          const { value, problems } = table.read(config as Config);
          assert.equal(value === undefined, problems.length > 0);
        }
      }),
    );
  });

  it('never throw when one field of a good config is something else; what is read has finite costs', () => {
    const good = [
      GPT2,
      NEO,
      NEOX,
      LLAMA,
      MAMBA,
      MAMBA2,
      ORIGINAL,
      ...cases.map(({ config }) => config),
    ];
    const broken = fc
      .tuple(fc.constantFrom(...good), fc.jsonValue(), fc.nat())
      .map(([config, value, at]) => {
        const fields = Object.keys(config).filter((field) => field !== 'model_type');
        return { ...config, [fields[at % fields.length]!]: value };
      });
    fc.assert(
      fc.property(broken, (config) => {
        const table = familyForConfig(config);
        const { value } = table?.read(config) ?? { value: undefined };
        if (value === undefined) return;
        const written = table!.write(value, 7);
        assert.equal(written['vocab_size'], 7);
        const flops = layersFlops(value, { first: 0, end: value.layers }, 100);
        assert.ok(Number.isFinite(flops) && flops > 0);
      }),
      { numRuns: 300 },
    );
  });

  it('survive nesting too deep for a recursive walk', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
    assert.deepEqual(refusal({ ...NEO, attention_types: deep }).fields, ['attention_types']);
    assert.deepEqual(refusal({ ...NEOX, rope_scaling: deep }).fields, ['rope_scaling']);
    assert.deepEqual(refusal({ ...GPT2, n_head: deep }).fields[0], 'n_head');
  });
});
