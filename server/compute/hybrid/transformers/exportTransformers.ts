/**
 * A hybrid as a folder that Hugging Face `transformers` loads: `AutoModelForCausalLM.from_pretrained(folder,
 * trust_remote_code=True)`. The Python in it is `modeling_manticore.py` beside this file, the same in every export: what
 * differs from hybrid to hybrid stands in `config.json`, which that code reads as data.
 */
import path from 'node:path';
import { writeFully } from '../../../files/atomicFile';
import { familyTable } from '../../../models/families';
import { hasProjectors } from '../../../models/hybridTensors';
import { readInFolder, writeAtomically } from '../../../weights/modelFiles';
import { WEIGHTS_FILE } from '../../../weights/modelFolder';
import { WeightsError } from '../../../weights/errors';
import { loadTokenizer, MAX_TOKENIZER_BYTES, TOKENIZER_FILE } from '../../../weights/tokenizer';
import { writeSafetensors } from '../../../weights/writeSafetensors';
import { positionLimit, type ConstantRows } from '../decode';
import { notCausal } from '../errors';
import { liveRows, specialIds, tensorToWrite, TORCH_TYPES, type HybridExport } from '../export';
import type { HybridDesign } from '../hybrid';
import { HYBRID_MODEL_TYPE, tensorsOf, writeHybridConfig } from '../hybridConfig';
import modelingCode from './modeling_manticore.py';
import { TRANSFORMERS_CLASS, transformersTensorName } from './names';

/** What is written beside the model: a card, pictures. */
export interface ExtraFile {
  readonly name: string;
  readonly content: string | Uint8Array;
}

const MODULE = 'modeling_manticore';

/** Keys of a `tokenizer_config.json` that are taken over; others can name code to run or files elsewhere. */
const TOKENIZER_KEYS = ['model_max_length', 'padding_side', 'truncation_side', 'chat_template'];

/**
 * Writes the folder, `config.json` last. `loadHybrid` reads it too, and what `save_pretrained` makes of it; rows of the
 * components' tables beyond V are left out.
 * @param beside makes what else is to stand in the folder
 * @returns names of the files written
 * @throws HybridError for an auto-encoder and a classifier, which predict no next token; WeightsError when the disk
 * refuses
 */
export async function exportForTransformers(
  folder: string,
  input: HybridExport,
  beside: () => Promise<readonly ExtraFile[]> = () => Promise.resolve([]),
): Promise<string[]> {
  const { hybrid, alphas, dtype } = input;
  const { design, parameters } = hybrid;
  if (design.autoEncoder) throw notCausal('auto-encoder');
  if (design.classifier) throw notCausal('classifier');
  const live = liveRows(hybrid, alphas);
  const names = design.components.map(({ name }) => name);
  const tensors = tensorsOf({ design, live }).map((spec) =>
    tensorToWrite(parameters, transformersTensorName(spec, names), spec.name, spec.shape, dtype),
  );
  await writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
  const ids = await specialIds(input.tokenizer);
  const files: ExtraFile[] = [
    ...(input.tokenizer === undefined ? [] : await tokenizerFiles(input.tokenizer)),
    { name: `${MODULE}.py`, content: modelingCode },
    { name: 'generation_config.json', content: json(generationConfig(ids)) },
    ...(await beside()),
    {
      name: 'config.json',
      content: json({
        ...configFor(design, alphas, live),
        torch_dtype: TORCH_TYPES[dtype],
        ...positionsOf(positionLimit(hybrid, alphas)),
        ...ids,
      }),
    },
  ];
  for (const { name, content } of files) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await writeAtomically(path.join(folder, name), (handle) => writeFully(handle, bytes));
  }
  return [WEIGHTS_FILE, ...files.map(({ name }) => name)];
}

/** `config.json`: that of a hybrid, each component's config as its family's table writes it, and which class reads it. */
function configFor(
  design: HybridDesign,
  alphas: ConstantRows,
  live: readonly (readonly number[])[],
): Record<string, unknown> {
  const configs = design.components.map(({ architecture }) =>
    familyTable(architecture.family).write(architecture, design.vocabulary),
  );
  const own = writeHybridConfig({ design, alphas, live, configs });
  const pairs = live.map((members, block) =>
    members.filter((component) => hasProjectors({ ...design, live }, component, block)),
  );
  const blocks = own['blocks'] as readonly Record<string, unknown>[];
  return {
    ...own,
    architectures: [TRANSFORMERS_CLASS],
    auto_map: {
      AutoConfig: `${MODULE}.ManticoreConfig`,
      AutoModelForCausalLM: `${MODULE}.${TRANSFORMERS_CLASS}`,
    },
    blocks: blocks.map((block, index) => ({ ...block, projectors: pairs[index]! })),
    use_cache: true,
  };
}

const positionsOf = (limit: number): Record<string, number> =>
  Number.isFinite(limit) ? { max_position_embeddings: limit } : {};

/** Sequences of unequal length are padded with the end of text where the tokenizer has no token for it. */
function generationConfig(ids: Readonly<Record<string, number>>): Record<string, unknown> {
  const pad = ids['pad_token_id'] ?? ids['eos_token_id'];
  return { ...ids, ...(pad === undefined ? {} : { pad_token_id: pad }), use_cache: true };
}

/** The tokenizer as `transformers`' plain class reads it: all that it does stands in `tokenizer.json`. */
async function tokenizerFiles(folder: string): Promise<ExtraFile[]> {
  const { special, decode } = await loadTokenizer(folder);
  const given = await readTokenizerConfig(folder);
  const config: Record<string, unknown> = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_type: HYBRID_MODEL_TYPE,
    clean_up_tokenization_spaces: false,
  };
  for (const key of TOKENIZER_KEYS) if (Object.hasOwn(given, key)) config[key] = given[key];
  for (const [role, id] of Object.entries(special)) config[`${role}_token`] = decode([id]);
  return [
    {
      name: TOKENIZER_FILE,
      content: await readInFolder(folder, TOKENIZER_FILE, MAX_TOKENIZER_BYTES),
    },
    { name: 'tokenizer_config.json', content: json(config) },
  ];
}

async function readTokenizerConfig(folder: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const bytes = await readInFolder(folder, 'tokenizer_config.json', MAX_TOKENIZER_BYTES);
    const config: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof config === 'object' && config !== null ? { ...config } : {};
  } catch (error) {
    // `loadTokenizer` has read it before: it is JSON, or not there.
    if (error instanceof WeightsError && error.code === 'file-missing') return {};
    throw error;
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
