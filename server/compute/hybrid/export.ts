/** Folders made of a hybrid: the hybrid itself, or one of its components in its family's own layout. */
import path from 'node:path';
import type { ExportType } from '../../contract/jobs';
import { writeFully } from '../../files/atomicFile';
import type { Architecture, TensorSpec } from '../../models/architecture';
import { familyTable } from '../../models/families';
import { componentTensorName } from '../../models/hybridTensors';
import { WeightsError } from '../../weights/errors';
import { readInFolder, writeAtomically } from '../../weights/modelFiles';
import { WEIGHTS_FILE } from '../../weights/modelFolder';
import { loadTokenizer, MAX_TOKENIZER_BYTES } from '../../weights/tokenizer';
import { writeSafetensors, type TensorToWrite } from '../../weights/writeSafetensors';
import type { ConstantRows } from './decode';
import {
  autoEncoderExport,
  classifierExport,
  componentIncomplete,
  componentUnknown,
} from './errors';
import type { Hybrid } from './hybrid';
import { tensorsOf, writeHybridConfig } from './hybridConfig';
import type { ParameterStore } from './parameters';

export interface ExportInput {
  readonly hybrid: Hybrid;
  /** Folder of the hybrid's tokenizer; a synthetic task has none. */
  readonly tokenizer: string | undefined;
  /** F16 and BF16 round to nearest. */
  readonly dtype: ExportType;
}

export interface HybridExport extends ExportInput {
  /** α, [N][K]. */
  readonly alphas: ConstantRows;
  /** Each component's own `config.json`, as it was read. */
  readonly configs: readonly Readonly<Record<string, unknown>>[];
}

/** Where a hybrid's folder keeps rows of a component's table beyond V. */
export const SURPLUS_PREFIX = 'surplus/';

/** PyTorch's names. */
export const TORCH_TYPES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
] as const;

/**
 * Writes a hybrid that `loadHybrid` reads again, bit for bit with F32: weights under the parameters' names, tokenizer,
 * and at last `config.json`, without which it is no hybrid. @returns names of the files written
 * @throws WeightsError when the disk refuses
 */
export async function exportHybrid(folder: string, input: HybridExport): Promise<string[]> {
  const { hybrid, alphas, configs, dtype } = input;
  const { design, parameters } = hybrid;
  const live = liveRows(hybrid, alphas);
  const specs = tensorsOf({ design, live });
  const tensors = specs.map(({ name, shape }) =>
    tensorToWrite(parameters, name, name, shape, dtype),
  );
  for (const { name, shape } of specs) {
    const rows = parameters.surplus.get(name);
    if (rows) tensors.push(surplusToWrite(SURPLUS_PREFIX + name, rows, shape, dtype));
  }
  await writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
  const files = await copyTokenizer(input.tokenizer, folder);
  const config = writeHybridConfig({ design, alphas, live, configs });
  await writeConfig(folder, { ...config, ...(await specialIds(input.tokenizer)) });
  return [WEIGHTS_FILE, ...files, 'config.json'];
}

/** Components that have tensors in each block, by position. */
export function liveRows(
  { design, parameters }: Hybrid,
  alphas: ConstantRows,
): readonly (readonly number[])[] {
  return alphas.map((_, block) =>
    [...design.components.keys()].filter((component) => parameters.isLive(component, block)),
  );
}

/**
 * Writes one component as `transformers` would: its family's names, rows beyond V put back. @returns names of the files
 * @throws HybridError when there is no such component, or a part of it was pruned; WeightsError when the disk refuses
 */
export async function exportComponent(
  folder: string,
  component: string,
  input: ExportInput,
): Promise<string[]> {
  const { design, parameters } = input.hybrid;
  const found = design.components.find(({ name }) => name === component);
  if (!found) {
    throw componentUnknown(
      component,
      design.components.map(({ name }) => name),
    );
  }
  if (design.autoEncoder) throw autoEncoderExport(component);
  if (design.classifier) throw classifierExport(component);
  const { architecture } = found;
  const table = familyTable(architecture.family);
  const specs = table.tensors(architecture, design.vocabulary);
  const rows = fileRows(component, specs, parameters, architecture, design.vocabulary);
  const tensors = specs.map((spec) => {
    const name = componentTensorName(component, spec.name);
    if (!parameters.has(name)) throw componentIncomplete(component, spec.name);
    const isTable = rows > design.vocabulary && parameters.surplus.has(name);
    const shape = isTable ? [rows, ...spec.shape.slice(1)] : spec.shape;
    return tensorToWrite(parameters, spec.fileName, name, shape, input.dtype);
  });
  await writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
  const files = await copyTokenizer(input.tokenizer, folder);
  const config = { ...table.write(architecture, rows), torch_dtype: TORCH_TYPES[input.dtype] };
  await writeConfig(folder, { ...config, ...(await specialIds(input.tokenizer)) });
  return [WEIGHTS_FILE, ...files, 'config.json'];
}

/** Rows of the component's tables in a file: V, and those that were dropped when it was loaded. */
function fileRows(
  component: string,
  specs: readonly TensorSpec[],
  { surplus }: ParameterStore,
  architecture: Architecture,
  vocabulary: number,
): number {
  const embedding = specs.find(({ place }) => place.kind === 'embedding');
  const dropped = embedding && surplus.get(componentTensorName(component, embedding.name));
  return vocabulary + (dropped ? dropped.length / architecture.width : 0);
}

/** Values of a parameter, with the rows beyond V where `shape` has room for them. */
export function tensorToWrite(
  parameters: ParameterStore,
  fileName: string,
  name: string,
  shape: readonly number[],
  dtype: ExportType,
): TensorToWrite {
  const data = async (): Promise<Float32Array> => {
    const { variable } = parameters.get(name);
    const values = await variable.data<'float32'>();
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (size === values.length) return Float32Array.from(values);
    const whole = new Float32Array(size);
    whole.set(values);
    whole.set(parameters.surplus.get(name)!, values.length);
    return whole;
  };
  return { name: fileName, dtype, shape, data };
}

function surplusToWrite(
  name: string,
  rows: Float32Array,
  [, ...inner]: readonly number[],
  dtype: ExportType,
): TensorToWrite {
  const width = inner.reduce((product, extent) => product * extent, 1);
  return { name, dtype, shape: [rows.length / width, ...inner], data: rows };
}

async function copyTokenizer(from: string | undefined, to: string): Promise<string[]> {
  if (from === undefined) return [];
  const copied: string[] = [];
  for (const name of TOKENIZER_FILES) {
    const bytes = await readIfThere(from, name);
    if (!bytes) continue;
    await writeAtomically(path.join(to, name), (handle) => writeFully(handle, bytes));
    copied.push(name);
  }
  return copied;
}

/** Whether a folder brings a tokenizer: one of a hybrid that was trained on a synthetic task doesn't. */
export async function hasTokenizer(folder: string): Promise<boolean> {
  return (await readIfThere(folder, TOKENIZER_FILES[0])) !== undefined;
}

async function readIfThere(folder: string, name: string): Promise<Uint8Array | undefined> {
  try {
    return await readInFolder(folder, name, MAX_TOKENIZER_BYTES);
  } catch (error) {
    if (error instanceof WeightsError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

/** Special tokens as a `config.json` names them: some tokenizers say so nowhere else. */
export async function specialIds(tokenizer: string | undefined): Promise<Record<string, number>> {
  if (tokenizer === undefined) return {};
  const { special } = await loadTokenizer(tokenizer);
  const ids: Record<string, number> = {};
  for (const role of ['bos', 'eos', 'pad'] as const) {
    const id = special[role];
    if (id !== undefined) ids[`${role}_token_id`] = id;
  }
  return ids;
}

async function writeConfig(folder: string, config: Record<string, unknown>): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(config, null, 2)}\n`);
  await writeAtomically(path.join(folder, 'config.json'), (handle) => writeFully(handle, text));
}
