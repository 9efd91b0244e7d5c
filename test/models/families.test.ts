import fc from 'fast-check';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FAMILY_NAMES, type FamilyTable } from '../../server/models/architecture';
import {
  attendedPositions,
  familyForConfig,
  familyForModelType,
  familyTable,
  layersFlops,
  locateTensor,
  parameterCount,
  tensorSize,
  unknownTensors,
} from '../../server/models/families';

type Config = Readonly<Record<string, unknown>>;

const parsed = (file: string): unknown => JSON.parse(readFileSync(path.resolve(file), 'utf8'));

/** Configs of the golden cases, by name. */
const FOLDER = 'test/compute/families/golden';
const cases = readdirSync(path.resolve(FOLDER))
  .sort()
  .map((file) => {
    const golden = parsed(path.join(FOLDER, file)) as { config: Config; vocabulary: number };
    return { name: file.replace('.json', ''), ...golden };
  });

const counts = parsed('test/models/golden/parameterCounts.json') as {
  models: Record<string, { config: Config; parameters: number }>;
};

const GPT2: Config = { model_type: 'gpt2', n_embd: 12, n_layer: 2, n_head: 3 };
const NEO: Config = {
  model_type: 'gpt_neo',
  hidden_size: 12,
  num_layers: 4,
  num_heads: 3,
  attention_types: [[['global', 'local'], 2]],
};
const NEOX: Config = {
  model_type: 'gpt_neox',
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 40,
};
const MAMBA: Config = { model_type: 'mamba', hidden_size: 20, num_hidden_layers: 2 };
const ORIGINAL: Config = { d_model: 20, n_layer: 2, vocab_size: 50277, ssm_cfg: {} };

function architectureOf(config: Config) {
  const { value, problems } = familyForConfig(config)!.read(config);
  assert.deepEqual(problems, []);
  return value!;
}

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
    assert.equal(familyForModelType('llama'), undefined);
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
    for (const config of [GPT2, NEO, NEOX, MAMBA]) {
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
    ['Mamba-2 inside', { ...ORIGINAL, ssm_cfg: { layer: 'Mamba2' } }, 'ssm_cfg.layer'],
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
    const { problems } = familyTable('gpt2').read({ ...GPT2, model_type: 'llama' });
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
    const good = [GPT2, NEO, NEOX, MAMBA, ORIGINAL, ...cases.map(({ config }) => config)];
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

describe('writing config.json', () => {
  it('what is written reads as the same architecture', () => {
    for (const { name, config, vocabulary } of cases) {
      const architecture = architectureOf(config);
      const written = familyTable(architecture.family).write(architecture, vocabulary);
      const again = architectureOf(JSON.parse(JSON.stringify(written)) as Config);
      assert.deepEqual(again, { ...architecture, vocabularyRows: vocabulary }, name);
    }
  });

  it('has no integer where transformers wants a float', () => {
    const config = { ...MAMBA, time_step_scale: 2, time_step_max: 1, initializer_range: 1 };
    const written = familyTable('mamba').write(architectureOf(config), 9);
    assert.ok(!('time_step_scale' in written) && !('initializer_range' in written));
    assert.equal(written['time_step_min'], 0.001);
  });

  it('is what transformers was seen to read (test/reference/families.py)', () => {
    const file = path.resolve('test/models/golden/written.json');
    const written = Object.fromEntries(
      cases.map(({ name, config, vocabulary }) => {
        const architecture = architectureOf(config);
        return [name, familyTable(architecture.family).write(architecture, vocabulary)];
      }),
    );
    if (process.env['UPDATE_GOLDEN']) {
      writeFileSync(file, `${JSON.stringify(written, null, 1)}\n`);
    }
    assert.deepEqual(JSON.parse(JSON.stringify(written)), parsed(file));
  });
});

describe('tensors', () => {
  it('have names and places of their own, layer by layer', () => {
    for (const { name, config, vocabulary } of cases) {
      const architecture = architectureOf(config);
      const specs = familyTable(architecture.family).tensors(architecture, vocabulary);
      assert.equal(new Set(specs.map((spec) => spec.name)).size, specs.length, name);
      assert.equal(new Set(specs.map((spec) => spec.fileName)).size, specs.length, name);
      const layers = specs.flatMap(({ place }) => (place.kind === 'layer' ? [place.layer] : []));
      assert.deepEqual(
        [...new Set(layers)],
        Array.from({ length: architecture.layers }, (_, layer) => layer),
      );
      const heads = specs.filter(({ place }) => place.kind === 'head').length;
      assert.equal(heads, architecture.tiedHead ? 0 : 1, name);
    }
  });

  it('decay where they are matrices, but for A_log', () => {
    for (const { config, vocabulary } of cases) {
      const architecture = architectureOf(config);
      for (const spec of familyTable(architecture.family).tensors(architecture, vocabulary)) {
        const expected = spec.shape.length > 1 && !spec.name.endsWith('A_log');
        assert.equal(spec.decay, expected, spec.name);
      }
    }
  });

  it('are found with the prefix, without it, and under an old name', () => {
    const neox = architectureOf(NEOX);
    const head = familyTable('gptNeox').tensors(neox, 9).at(-1)!;
    assert.equal(
      locateTensor(head, (name) => name === 'lm_head.weight'),
      'lm_head.weight',
    );
    const table = familyTable('mamba').tensors(architectureOf(MAMBA), 9)[0]!;
    for (const name of ['embeddings.weight', 'backbone.embeddings.weight', 'embedding.weight']) {
      assert.equal(
        locateTensor(table, (candidate) => candidate === name),
        name,
      );
    }
    assert.equal(
      locateTensor(table, () => false),
      undefined,
    );
  });

  it('masks and rotary frequencies are known, biases are not taken for masks', () => {
    const { isBuffer } = familyTable('gpt2');
    assert.ok(isBuffer('transformer.h.11.attn.bias') && isBuffer('h.0.attn.masked_bias'));
    assert.ok(!isBuffer('h.0.attn.c_attn.bias') && !isBuffer('h.0.ln_1.bias'));
    const neox = familyTable('gptNeox').isBuffer;
    assert.ok(neox('gpt_neox.layers.3.attention.rotary_emb.inv_freq'));
    assert.ok(!neox('gpt_neox.layers.3.attention.dense.bias'));
  });

  it('a file may hold more than the architecture has: then the rest is named', () => {
    const architecture = architectureOf(GPT2);
    const file = familyTable('gpt2').tensors(architecture, 9);
    const names = [
      ...file.map(({ fileName }) => fileName),
      'h.0.attn.bias',
      'lm_head.weight', // a copy of the tied embeddings
      'transformer.h.2.ln_1.weight', // there are two layers
      'h.0.attn.c_attn.lora_A',
    ];
    assert.deepEqual(unknownTensors(architecture, names), names.slice(-2));
    const untied = architectureOf({ ...GPT2, tie_word_embeddings: false });
    assert.deepEqual(unknownTensors(untied, ['lm_head.weight', 'embed_out.weight']), [
      'embed_out.weight',
    ]);
  });

  it('start as transformers starts them', () => {
    const gpt2 = architectureOf({ ...GPT2, initializer_range: 0.1 });
    const specs = new Map(
      familyTable('gpt2')
        .tensors(gpt2, 9)
        .map((spec) => [spec.name, spec]),
    );
    assert.deepEqual(specs.get('h.0.attn.c_attn.weight')?.init, { kind: 'normal', std: 0.1 });
    // Two residual paths in each of two layers.
    assert.deepEqual(specs.get('h.1.mlp.c_proj.weight')?.init, { kind: 'normal', std: 0.05 });
    assert.deepEqual(specs.get('ln_f.weight')?.init, { kind: 'constant', value: 1 });
    const mamba = architectureOf({ ...MAMBA, rescale_prenorm_residual: true, time_step_rank: 4 });
    const mixer = new Map(
      familyTable('mamba')
        .tensors(mamba, 9)
        .map((spec) => [spec.name.replace('layers.0.mixer.', ''), spec.init]),
    );
    assert.deepEqual(mixer.get('A_log'), { kind: 'mambaALog' });
    assert.deepEqual(mixer.get('dt_proj.weight'), { kind: 'uniform', bound: 0.5 });
    assert.deepEqual(mixer.get('conv1d.weight'), { kind: 'uniform', bound: 0.5 });
    const bound = 1 / Math.sqrt(2) / Math.sqrt(40);
    assert.deepEqual(mixer.get('out_proj.weight'), { kind: 'uniform', bound });
    assert.deepEqual(mixer.get('dt_proj.bias'), {
      kind: 'mambaDtBias',
      min: 0.001,
      max: 0.1,
      floor: 1e-4,
    });
  });
});

describe('costs', () => {
  it('two operations for each weight of a product, and attention over what a token sees', () => {
    const architecture = architectureOf(GPT2);
    const table = familyTable('gpt2');
    const matrices = table
      .tensors(architecture, 9)
      .filter(({ place, decay }) => decay && place.kind === 'layer' && place.layer === 0)
      .reduce((sum, spec) => sum + tensorSize(spec), 0);
    const cost = table.layerCost(architecture, 0);
    assert.equal(cost.perToken, 2 * matrices);
    assert.equal(cost.perTokenPerContext, 4 * 12); // q·k and p·v, both d wide
    assert.equal(table.headCost(architecture, 9), 2 * 12 * 9);
  });

  it('counts the positions that a token attends to', () => {
    assert.equal(attendedPositions(4), 2.5); // (1 + 2 + 3 + 4) / 4
    assert.equal(attendedPositions(4, 2), 1.75); // (1 + 2 + 2 + 2) / 4
    assert.equal(attendedPositions(4, 100), 2.5);
  });

  it('a local layer costs less than a global one once the window is full', () => {
    const architecture = architectureOf({ ...NEO, window_size: 8 });
    const at = (layer: number, context: number) =>
      layersFlops(architecture, { first: layer, end: layer + 1 }, context);
    assert.equal(at(1, 8), at(0, 8));
    assert.ok(at(1, 64) < at(0, 64));
  });

  it("Mamba's grows with its matrices, not with the length", () => {
    const architecture = architectureOf(MAMBA);
    const range = { first: 0, end: 2 };
    assert.equal(layersFlops(architecture, range, 8), layersFlops(architecture, range, 4096));
    const matrices = 2 * (80 * 20 + (2 + 32) * 40 + 40 * 2 + 20 * 40);
    assert.ok(layersFlops(architecture, { first: 0, end: 1 }, 8) > matrices);
  });
});
