import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openEngine } from '../../../server/compute/engine/engine';
import { HybridError } from '../../../server/compute/hybrid/errors';
import type { Hybrid } from '../../../server/compute/hybrid/hybrid';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import { exportForTransformers } from '../../../server/compute/hybrid/transformers/exportTransformers';
import { openModelFolder } from '../../../server/weights/modelFolder';
import golden from './golden/transformers.json';
import {
  caseHybrid,
  caseLogits,
  digestOf,
  TRANSFORMERS_CASES,
  writeCases,
} from './transformersCases';
import { distance, VOCABULARY } from './tinyHybrid';

/** Logits of `exportParity`'s kind: another library's float32. */
const TOLERANCE = 1e-4;

const python = process.env['MANTICORE_PEER_PYTHON'];
const script = path.resolve('test/reference/transformersExport.py');

/** Words `w0` … `w12`; `w0` ends a text. */
const TOKENIZER = {
  version: '1.0',
  added_tokens: [
    {
      ...{ id: 0, content: 'w0', special: true, normalized: false },
      ...{ single_word: false, lstrip: false, rstrip: false },
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

const fromBase64 = (text: string) => {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(bytes.buffer);
};

async function assertSameWeights(one: Hybrid, other: Hybrid): Promise<void> {
  assert.deepEqual(
    other.parameters.list().map(({ name }) => name),
    one.parameters.list().map(({ name }) => name),
  );
  for (const { name } of one.parameters.list()) {
    assert.deepEqual(await other.parameters.read(name), await one.parameters.read(name), name);
  }
}

describe('a hybrid exported for transformers', () => {
  let root: string;
  let tokenizer: string;
  before(async () => {
    await openEngine('cpu');
    root = await mkdtemp(path.join(tmpdir(), 'transformers-'));
    tokenizer = path.join(root, 'tokenizer');
    await mkdir(tokenizer);
    await writeFile(path.join(tokenizer, 'tokenizer.json'), JSON.stringify(TOKENIZER));
    const config = {
      tokenizer_class: 'Nemo',
      auto_map: { AutoTokenizer: ['someone/elses--code.Nemo', null] },
      eos_token: 'w0',
      model_max_length: 40,
    };
    await writeFile(path.join(tokenizer, 'tokenizer_config.json'), JSON.stringify(config));
    await writeCases(path.join(root, 'plain'), undefined);
  });
  after(() => rm(root, { recursive: true }));

  for (const [name, tested] of Object.entries(TRANSFORMERS_CASES)) {
    it(`is byte for byte what the Python of it computed these logits from: ${name}`, async () => {
      const folder = path.join(root, 'plain', name);
      const { files, logits } = golden.cases[name as keyof typeof golden.cases];
      const digests: Record<string, string> = {};
      for (const file of (await readdir(folder)).sort()) {
        digests[file] = await digestOf(path.join(folder, file));
      }
      assert.deepEqual(digests, files, 'run test/reference/transformersExport.py again');
      const hybrid = await caseHybrid(tested);
      const error = distance(caseLogits(hybrid, tested), fromBase64(logits));
      assert.ok(error <= TOLERANCE, `${error}`);

      const loaded = await loadHybrid(folder);
      await assertSameWeights(hybrid, loaded);
      assert.deepEqual(loaded.alphas, tested.alphas);
      hybrid.parameters.dispose();
      loaded.parameters.dispose();
    });
  }

  it('holds nothing of what was pruned, and no name of a config in a tensor’s name', async () => {
    const files = await openModelFolder(path.join(root, 'plain', 'transition-first-pruned'));
    const names = [...files.tensors.keys()];
    await files.close();
    assert.ok(names.every((name) => /^(components|projectors)\.[01]\./.test(name)));
    assert.ok(names.includes('projectors.0.1.in.hidden.weight'));
    assert.ok(!names.some((name) => name.startsWith('projectors.1.0.')), 'pruned from block 1');
    assert.ok(!names.includes('components.0.norm_f.weight'), 'pruned from block 3');
    assert.ok(!names.some((name) => name.startsWith('components.0.layers.3.')));
  });

  it('brings its tokenizer as data: no class and no code of its folder’s choosing', async () => {
    const tested = TRANSFORMERS_CASES['plain-mixture']!;
    const hybrid = await caseHybrid(tested);
    const folder = path.join(root, 'with-tokenizer');
    const input = { hybrid, alphas: tested.alphas, configs: [], tokenizer, dtype: 'BF16' } as const;
    const beside = () => Promise.resolve([{ name: 'README.md', content: 'card' }]);
    const written = await exportForTransformers(folder, input, beside);
    assert.deepEqual(written, [
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
      'modeling_manticore.py',
      'generation_config.json',
      'README.md',
      'config.json',
    ]);
    const json = async (file: string) =>
      JSON.parse(await readFile(path.join(folder, file), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(await json('tokenizer_config.json'), {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_type: 'manticore',
      clean_up_tokenization_spaces: false,
      model_max_length: 40,
      eos_token: 'w0',
      unk_token: 'w1',
    });
    assert.deepEqual(await json('generation_config.json'), {
      eos_token_id: 0,
      pad_token_id: 0,
      use_cache: true,
    });
    const config = await json('config.json');
    assert.equal(config['torch_dtype'], 'bfloat16');
    assert.equal(config['max_position_embeddings'], 16, 'GPT-2 has learned positions');
    // BF16 holds these weights exactly.
    const loaded = await loadHybrid(folder);
    await assertSameWeights(hybrid, loaded);
    hybrid.parameters.dispose();
    loaded.parameters.dispose();
  });

  it('is refused where a hybrid predicts no next token: an auto-encoder, a classifier', async () => {
    const tested = TRANSFORMERS_CASES['plain-mixture']!;
    const hybrid = await caseHybrid(tested);
    const input = {
      alphas: tested.alphas,
      configs: [],
      tokenizer: undefined,
      dtype: 'F32',
    } as const;
    for (const [code, change] of [
      ['auto-encoder', { autoEncoder: true }],
      ['classifier', { classifier: { classes: 2, sequences: 1 } }],
    ] as const) {
      const design = { ...hybrid.design, ...change };
      await assert.rejects(
        exportForTransformers(path.join(root, 'no'), { hybrid: { ...hybrid, design }, ...input }),
        (error) => error instanceof HybridError && error.code === code,
      );
    }
    hybrid.parameters.dispose();
  });

  const title = 'loads, generates, trains and is saved there';
  if (python === undefined) {
    it(`${title} (MANTICORE_PEER_PYTHON names no Python with torch and transformers)`);
    return;
  }
  it(title, async () => {
    const out = path.join(root, 'checked');
    await writeCases(out, tokenizer);
    const { stdout } = await promisify(execFile)(python, [script, '--check', out]);
    for (const [name, tested] of Object.entries(TRANSFORMERS_CASES)) {
      assert.match(stdout, new RegExp(`^${name} .*all holds$`, 'm'));
      const hybrid = await caseHybrid(tested);
      const saved = await loadHybrid(path.join(out, 'saved', name));
      await assertSameWeights(hybrid, saved);
      assert.deepEqual(saved.alphas, tested.alphas);
      hybrid.parameters.dispose();
      saved.parameters.dispose();
    }
  }).timeout(600_000);
});
