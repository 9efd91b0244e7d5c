/** Configs of the families for tests: small ones, the golden cases', and published models'. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from '../../server/models/architecture';
import { familyForConfig } from '../../server/models/families';

export type Config = Readonly<Record<string, unknown>>;

export const parsed = (file: string): unknown =>
  JSON.parse(readFileSync(path.resolve(file), 'utf8'));

/** Configs of the golden cases, by name. */
const FOLDER = 'test/compute/families/golden';
export const cases = readdirSync(path.resolve(FOLDER))
  .sort()
  .map((file) => {
    const golden = parsed(path.join(FOLDER, file)) as { config: Config; vocabulary: number };
    return { name: file.replace('.json', ''), ...golden };
  });

/** Published models with the parameters that transformers counts. */
export const counts = parsed('test/models/golden/parameterCounts.json') as {
  models: Record<string, { config: Config; parameters: number }>;
};

/** The smallest configs of each kind. */
export const GPT2: Config = { model_type: 'gpt2', n_embd: 12, n_layer: 2, n_head: 3 };
export const NEO: Config = {
  model_type: 'gpt_neo',
  hidden_size: 12,
  num_layers: 4,
  num_heads: 3,
  attention_types: [[['global', 'local'], 2]],
};
export const NEOX: Config = {
  model_type: 'gpt_neox',
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 40,
};
export const LLAMA: Config = {
  model_type: 'llama',
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 40,
};
export const MAMBA2: Config = {
  model_type: 'mamba2',
  hidden_size: 16,
  num_hidden_layers: 2,
  num_heads: 4,
  head_dim: 8,
  n_groups: 2,
};
export const MAMBA: Config = { model_type: 'mamba', hidden_size: 20, num_hidden_layers: 2 };
export const ORIGINAL: Config = { d_model: 20, n_layer: 2, vocab_size: 50277, ssm_cfg: {} };

/** What a good config reads as. */
export function architectureOf(config: Config): Architecture {
  const { value, problems } = familyForConfig(config)!.read(config);
  assert.deepEqual(problems, []);
  return value!;
}
