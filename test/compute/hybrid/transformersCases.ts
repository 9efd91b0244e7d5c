/** Hybrids whose export for `transformers` is compared with what the Python of that export computes. */
import * as tf from '@tensorflow/tfjs-core';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { RandomStream } from '../../../server/models/random';
import type { BuiltHybrid } from '../../../server/compute/hybrid/build';
import type { ConstantRows } from '../../../server/compute/hybrid/decode';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import { exportForTransformers } from '../../../server/compute/hybrid/transformers/exportTransformers';
import { startingHybrid, valuesOf, VOCABULARY, type TinyOptions } from './tinyHybrid';

export interface TransformersCase {
  readonly options: TinyOptions;
  /** α, [N][K]. */
  readonly alphas: ConstantRows;
  /** Tokens of each of two sequences. */
  readonly length: number;
}

const gpt2 = { name: 'two', family: 'gpt2', layers: 3, width: 8 } as const;
const neo = { name: 'neo', family: 'gptNeo', layers: 2, width: 12 } as const;
const neox = { name: 'neox', family: 'gptNeox', layers: 3, width: 16 } as const;
const mamba = { name: 'mamba', family: 'mamba', layers: 4, width: 8 } as const;

export const TRANSFORMERS_CASES: Readonly<Record<string, TransformersCase>> = {
  'every-family': {
    options: {
      components: [
        gpt2,
        { ...neo, config: { attention_types: [[['global', 'local'], 1]] } },
        { ...neox, config: { rotary_pct: 0.5 } },
        mamba,
      ],
      blocks: 2,
    },
    alphas: [
      [0.25, 0.125, 0.375, 0.25],
      [0.125, 0.25, 0.25, 0.375],
    ],
    length: 13,
  },
  'transition-first-pruned': {
    options: {
      // Names that are Python's own words: none may reach its modules.
      components: [
        { ...mamba, name: 'keys', config: { use_bias: true, use_conv_bias: false } },
        {
          ...neox,
          name: 'class',
          config: {
            tie_word_embeddings: true,
            use_parallel_residual: false,
            attention_bias: false,
            hidden_act: 'silu',
          },
        },
      ],
      blocks: 3,
      gate: 'transition',
      head: 'first',
      projectors: { kind: 'mlp-skip' },
      prune: { 0: [1], 2: [0] },
    },
    alphas: [
      [1, 0],
      [0.375, 0.625],
      [0, 1],
    ],
    length: 13,
  },
  'long-sequence': {
    options: {
      components: [
        { ...mamba, config: { tie_word_embeddings: false, conv_kernel: 1 } },
        { ...neox, layers: 2 },
      ],
      blocks: 2,
      projectors: { kind: 'mlp' },
      prune: { 1: [1] },
    },
    alphas: [
      [0.75, 0.25],
      [1, 0],
    ],
    length: 150,
  },
  'gpt-flags': {
    options: {
      components: [
        {
          ...gpt2,
          config: {
            scale_attn_by_inverse_layer_idx: true,
            scale_attn_weights: false,
            activation_function: 'relu',
            n_inner: 20,
            tie_word_embeddings: false,
          },
        },
        { ...neo, config: { activation_function: 'gelu', intermediate_size: 20 } },
      ],
      blocks: 2,
      gate: 'transition',
      projectors: { kind: 'linear-skip' },
    },
    alphas: [
      [0.5, 0.5],
      [0.25, 0.75],
    ],
    length: 13,
  },
  'grouped-heads': {
    options: {
      components: [
        {
          ...{ name: 'llama', family: 'llama', layers: 3, width: 8 },
          config: {
            rope_scaling: {
              rope_type: 'llama3',
              factor: 4,
              low_freq_factor: 1,
              high_freq_factor: 4,
              original_max_position_embeddings: 8,
            },
            attention_bias: true,
          },
        },
        {
          ...{ name: 'second', family: 'mamba2', layers: 2, width: 12 },
          config: { time_step_limit: [0.01, 0.9], tie_word_embeddings: true },
        },
      ],
      blocks: 2,
    },
    alphas: [
      [0.25, 0.75],
      [0.625, 0.375],
    ],
    length: 70,
  },
  stack: {
    options: {
      components: [{ name: 'former', family: 'stack', layers: 5, width: 8 }, neox],
      blocks: 3,
    },
    alphas: [
      [0.5, 0.5],
      [0.75, 0.25],
      [0.25, 0.75],
    ],
    length: 13,
  },
  'long-convolutions': {
    options: {
      components: [
        {
          ...{ name: 'former', family: 'stack', layers: 3, width: 8 },
          config: {
            layer_types: ['hyena', 'attention', 'hyena'],
            max_seq_len: 64,
            filter_order: 6,
            emb_dim: 5,
            activation_freq: 2.5,
          },
        },
        mamba,
      ],
      blocks: 2,
    },
    alphas: [
      [0.5, 0.5],
      [0.75, 0.25],
    ],
    length: 37,
  },
  'plain-mixture': {
    options: { components: [mamba, gpt2], blocks: 1, gate: 'none', projectors: { kind: 'none' } },
    alphas: [[0.625, 0.375]],
    length: 13,
  },
};

/** Every weight a small multiple of a power of two: BF16 holds it exactly, and no library's rounding has a say in it. */
export async function caseHybrid({ options }: TransformersCase): Promise<BuiltHybrid> {
  const hybrid = await startingHybrid(options);
  for (const { name } of hybrid.parameters.list()) {
    const stream = RandomStream.named(11, name);
    const isGain = /(norm|norm_f|ln_\w|layernorm)\.weight$/.test(name);
    const values = await hybrid.parameters.read(name);
    hybrid.parameters.write(
      name,
      values.map(() =>
        isGain ? 1 + (stream.below(63) - 31) / 128 : (stream.below(255) - 127) / 512,
      ),
    );
  }
  return hybrid;
}

/** Two sequences. */
export function caseIds({ length }: TransformersCase): number[][] {
  const stream = RandomStream.named(12, 'ids');
  return [0, 1].map(() => Array.from({ length }, () => stream.below(VOCABULARY)));
}

/** [2 · l · V] */
export function caseLogits(hybrid: Hybrid, tested: TransformersCase): Float32Array {
  return valuesOf(() =>
    forward(hybrid, tf.tensor2d(caseIds(tested), undefined, 'int32'), tested.alphas, {
      training: false,
      dropoutKey: 0,
    }),
  );
}

/**
 * Writes each case's folder, and beside them what `transformersExport.py` is to be compared with: `<name>.json` (ids) and
 * `<name>.f32` (our logits).
 */
export async function writeCases(out: string, tokenizer: string | undefined): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const [name, tested] of Object.entries(TRANSFORMERS_CASES)) {
    const hybrid = await caseHybrid(tested);
    const folder = path.join(out, name);
    await mkdir(folder);
    const { alphas } = tested;
    const configs = hybrid.plan.components.map(({ config }) => config);
    await exportForTransformers(folder, { hybrid, alphas, configs, tokenizer, dtype: 'F32' });
    await writeFile(path.join(out, `${name}.json`), JSON.stringify(caseIds(tested)));
    const logits = caseLogits(hybrid, tested);
    await writeFile(path.join(out, `${name}.f32`), new Uint8Array(logits.buffer));
    hybrid.parameters.dispose();
  }
}

/** SHA-256 of a file, in hex. */
export const digestOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
