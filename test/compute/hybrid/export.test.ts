import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FAMILY_NAMES } from '../../../server/models/architecture';
import { familyForConfig, familyTable } from '../../../server/models/families';
import { RandomStream } from '../../../server/models/random';
import { openModelFolder } from '../../../server/weights/modelFolder';
import { loadTokenizer } from '../../../server/weights/tokenizer';
import { openEngine } from '../../../server/compute/engine/engine';
import {
  buildHybrid,
  type BuiltHybrid,
  type TensorSource,
} from '../../../server/compute/hybrid/build';
import type { ConstantRows } from '../../../server/compute/hybrid/decode';
import { HybridError, type HybridErrorCode } from '../../../server/compute/hybrid/errors';
import { exportComponent, exportHybrid } from '../../../server/compute/hybrid/export';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import {
  someIds,
  softRows,
  tinyHybrid,
  tinyPlan,
  valuesOf,
  VOCABULARY,
  type TinyComponent,
} from './tinyHybrid';

const narrow: TinyComponent = { name: 'narrow', family: 'mamba', layers: 3, width: 8 };
const wide: TinyComponent = { name: 'wide', family: 'gptNeox', layers: 4, width: 12 };
const soft = (blocks: number) => softRows(blocks, 2) as ConstantRows;

/** A tokenizer of 13 words, `w0` its end of text. */
const TOKENIZER = {
  version: '1.0',
  added_tokens: [
    {
      id: 0,
      content: 'w0',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: {
    type: 'WordLevel',
    vocab: Object.fromEntries(Array.from({ length: VOCABULARY }, (_, id) => [`w${id}`, id])),
    unk_token: 'w1',
  },
};

const sameBits = (left: Float32Array, right: Float32Array) =>
  Buffer.from(left.buffer, left.byteOffset, left.byteLength).equals(
    Buffer.from(right.buffer, right.byteOffset, right.byteLength),
  );

async function assertSameParameters(left: Hybrid, right: Hybrid): Promise<void> {
  const names = left.parameters.list().map(({ name }) => name);
  assert.deepEqual(
    right.parameters.list().map(({ name }) => name),
    names,
  );
  for (const name of names) {
    const [one, other] = [await left.parameters.read(name), await right.parameters.read(name)];
    assert.ok(sameBits(one, other), name);
  }
}

/** Components' weights in memory, with rows beyond V. */
function memorySource(hybrid: BuiltHybrid, m: number, rows: number): TensorSource {
  const { name, architecture } = hybrid.design.components[m]!;
  const specs = familyTable(architecture.family).tensors(architecture, rows);
  return {
    has: (tensor) => specs.some((spec) => spec.name === tensor),
    read: (tensor) => {
      const { shape } = specs.find((spec) => spec.name === tensor)!;
      const stream = RandomStream.named(3, `${name}/${tensor}`);
      const size = shape.reduce((product, extent) => product * extent, 1);
      // Multiples of 1/64 below 4: F16 and BF16 hold them exactly.
      const data = new Float32Array(size).map(() => (stream.below(255) - 127) / 64);
      return Promise.resolve({ shape, data });
    },
  };
}

describe('the folder of a hybrid', () => {
  let root: string;
  let tokenizer: string;
  let folder: string;
  before(async () => {
    await openEngine('cpu');
    root = await mkdtemp(path.join(tmpdir(), 'hybrid-'));
    tokenizer = path.join(root, 'tokenizer');
    folder = path.join(root, 'result');
    await mkdir(tokenizer);
    await writeFile(path.join(tokenizer, 'tokenizer.json'), JSON.stringify(TOKENIZER));
    await writeFile(path.join(tokenizer, 'config.json'), JSON.stringify({ eos_token_id: 0 }));
  });
  after(() => rm(root, { recursive: true }));

  const configsOf = (hybrid: BuiltHybrid) => hybrid.plan.components.map(({ config }) => config);
  const exportInput = (hybrid: BuiltHybrid, blocks: number) => ({
    hybrid,
    tokenizer,
    dtype: 'F32' as const,
    alphas: soft(blocks),
    configs: configsOf(hybrid),
  });

  it('loads again bit for bit: weights, α, logits, tokenizer', async () => {
    const hybrid = await tinyHybrid({
      components: [narrow, wide],
      blocks: 2,
      gate: 'transition',
      head: 'first',
      projectors: { kind: 'mlp-skip' },
    });
    const files = await exportHybrid(folder, exportInput(hybrid, 2));
    assert.deepEqual(files, ['model.safetensors', 'tokenizer.json', 'config.json']);
    const loaded = await loadHybrid(folder);
    await assertSameParameters(hybrid, loaded);
    assert.deepEqual(loaded.alphas, soft(2));
    assert.deepEqual(loaded.design, hybrid.design);
    assert.deepEqual(loaded.configs, configsOf(hybrid));
    const ids = someIds(1, 5);
    const logits = (of: Hybrid) =>
      valuesOf(() => forward(of, ids, soft(2), { training: false, dropoutKey: 0 }));
    assert.ok(sameBits(logits(hybrid), logits(loaded)));
    const { size, special } = await loadTokenizer(folder);
    assert.equal(size, VOCABULARY);
    assert.equal(special.eos, 0, 'the end of text is known without the folder it came from');
    ids.dispose();
    hybrid.parameters.dispose();
    loaded.parameters.dispose();
  });

  it('holds nothing of what was pruned, in the plan or since', async () => {
    const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 3, prune: { 0: [1] } });
    await hybrid.parameters.park(0, 2);
    const alphas = [
      [1, 0],
      [0.25, 0.75],
      [0, 1],
    ];
    await exportHybrid(folder, { ...exportInput(hybrid, 3), alphas });
    const loaded = await loadHybrid(folder);
    assert.equal(loaded.parameters.isLive(1, 0), false);
    assert.equal(loaded.parameters.isLive(0, 2), false);
    assert.ok(!loaded.parameters.has('components/narrow/norm_f.weight'));
    assert.deepEqual(loaded.alphas, alphas);
    const ids = someIds(1, 5);
    const logits = (of: Hybrid) =>
      valuesOf(() => forward(of, ids, alphas, { training: false, dropoutKey: 0 }));
    assert.ok(sameBits(logits(hybrid), logits(loaded)));
    await assert.rejects(
      exportComponent(path.join(root, 'none'), 'narrow', exportInput(hybrid, 3)),
      (error) => error instanceof HybridError && error.code === 'component-incomplete',
    );
    ids.dispose();
    hybrid.parameters.dispose();
    loaded.parameters.dispose();
  });

  for (const family of FAMILY_NAMES) {
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      it(`a component comes out as it went in, rows beyond V too: ${family}, ${dtype}`, async () => {
        const tested: TinyComponent = { name: 'tested', family, layers: 2, width: 8 };
        const options = { components: [tested, wide], blocks: 2 };
        const shape = await tinyHybrid(options);
        const rows = VOCABULARY + 3;
        const source = memorySource(shape, 0, rows);
        const none = { weights: undefined, tokenizer: undefined };
        const hybrid = await buildHybrid(
          tinyPlan(options),
          (m) => Promise.resolve(m === 0 ? { weights: source, tokenizer: undefined } : none),
          1,
        );
        const direct = path.join(root, `${family}-${dtype}`);
        await exportComponent(direct, 'tested', { hybrid, tokenizer, dtype });

        // The same through the hybrid's own folder.
        const through = path.join(root, `${family}-${dtype}-through`);
        await exportHybrid(folder, { ...exportInput(hybrid, 2), dtype });
        const loaded = await loadHybrid(folder);
        await exportComponent(through, 'tested', { hybrid: loaded, tokenizer: folder, dtype });

        for (const exported of [direct, through]) {
          const files = await openModelFolder(exported);
          const read = familyForConfig(files.config)!.read(files.config);
          assert.deepEqual(read.problems, []);
          const { architecture } = hybrid.design.components[0]!;
          assert.deepEqual(read.value, { ...architecture, vocabularyRows: rows });
          for (const spec of familyTable(family).tensors(architecture, rows)) {
            const found = await files.read(spec.fileName);
            assert.equal(found.dtype, dtype);
            assert.deepEqual(found.shape, spec.shape);
            assert.ok(sameBits(found.data, (await source.read(spec.name)).data), spec.name);
          }
          await files.close();
        }
        for (const each of [shape, hybrid, loaded]) each.parameters.dispose();
      });
    }
  }

  it('lends its projectors and embeddings to another hybrid', async () => {
    const options = { components: [narrow, wide], blocks: 2 };
    const lender = await tinyHybrid(options);
    await exportHybrid(folder, exportInput(lender, 2));
    const files = await openModelFolder(folder);
    const projectors = {
      name: 'result',
      tensors: { has: (name: string) => files.tensors.has(name), read: files.read },
    };
    const source = () => Promise.resolve({ weights: undefined, tokenizer: undefined });
    const borrower = await buildHybrid(tinyPlan(options), source, 7, { projectors });
    for (const { name, place } of borrower.parameters.list()) {
      const isLent = name.startsWith('projectors/') || place === 'embedding';
      const borrowed = await borrower.parameters.read(name);
      const same = sameBits(borrowed, await lender.parameters.read(name));
      assert.equal(same, isLent, name);
    }
    const before = tf.memory().numTensors;
    const refused = (code: HybridErrorCode) => (error: unknown) =>
      error instanceof HybridError && error.code === code;
    await assert.rejects(
      buildHybrid(tinyPlan({ ...options, blocks: 3 }), source, 7, { projectors }),
      refused('projectors-missing'),
    );
    const other = { ...wide, width: 16 };
    await assert.rejects(
      buildHybrid(tinyPlan({ ...options, components: [narrow, other] }), source, 7, { projectors }),
      refused('projectors-differ'),
    );
    assert.equal(tf.memory().numTensors, before);
    await files.close();
    lender.parameters.dispose();
    borrower.parameters.dispose();
  });

  describe('that is damaged', () => {
    let config: string;
    let text: string;
    before(async () => {
      config = path.join(folder, 'config.json');
      const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 2 });
      await exportHybrid(folder, exportInput(hybrid, 2));
      hybrid.parameters.dispose();
      text = await readFile(config, 'utf8');
    });

    type Json = Record<string, unknown> & {
      components: { name: string; config: Record<string, unknown> }[];
      blocks: { alphas: number[]; live: number[] }[];
    };
    const damages: Record<string, (json: Json) => void> = {
      'of another model type': (json) => (json['model_type'] = 'gpt2'),
      'of a later version': (json) => (json['manticore'] = 2),
      'with a gate that is none': (json) => (json['gate'] = 'wide open'),
      'with a name that climbs': (json) => (json.components[0]!.name = '../../x'),
      'with one name twice': (json) => (json.components[0]!.name = 'wide'),
      'with a component of no family': (json) => delete json.components[0]!.config['hidden_size'],
      'with more blocks than layers': (json) =>
        (json.blocks = [...json.blocks, ...json.blocks, ...json.blocks]),
      'with no block': (json) => (json.blocks = []),
      'with too few weights': (json) => json.blocks[0]!.alphas.pop(),
      'with weights that sum to 2': (json) => (json.blocks[0]!.alphas = [1, 1]),
      'with a weight where nothing is live': (json) => json.blocks[1]!.live.pop(),
      'with components that are not there': (json) => json.blocks[1]!.live.push(2),
      'of another width': (json) => (json.components[1]!.config['hidden_size'] = 16),
      'of another vocabulary': (json) => (json['vocab_size'] = VOCABULARY + 1),
      'of another depth': (json) => (json.components[1]!.config['num_hidden_layers'] = 5),
    };
    for (const [name, damage] of Object.entries(damages)) {
      it(`is refused: ${name}`, async () => {
        const json = JSON.parse(text) as Json;
        damage(json);
        await writeFile(config, JSON.stringify(json));
        const { numTensors } = tf.memory();
        await assert.rejects(
          loadHybrid(folder),
          (error) =>
            error instanceof HybridError && error.code === 'result-damaged' && error.hint !== '',
        );
        assert.equal(tf.memory().numTensors, numTensors);
      });
    }
  });
});
