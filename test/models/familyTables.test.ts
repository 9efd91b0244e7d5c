import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  attendedPositions,
  familyTable,
  layersFlops,
  locateTensor,
  tensorSize,
  unknownTensors,
} from '../../server/models/families';
import {
  cases,
  parsed,
  GPT2,
  NEO,
  NEOX,
  MAMBA,
  architectureOf,
  type Config,
} from './familyConfigs';

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

  it('decay where they are matrices, but for A_log and what makes a filter', () => {
    for (const { config, vocabulary } of cases) {
      const architecture = architectureOf(config);
      for (const spec of familyTable(architecture.family).tensors(architecture, vocabulary)) {
        const expected = spec.shape.length > 1 && !/A_log$|\.filter\./.test(spec.name);
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
