/**
 * Reads a folder that `exportHybrid` wrote (a run's `result`), or `exportForTransformers`, or `save_pretrained` after that.
 * Nothing in it is trusted.
 */
import path from 'node:path';
import type { PlanTensor } from '../../contract/plan';
import { WeightsError } from '../../weights/errors';
import { openModelFolder, type ModelFolder } from '../../weights/modelFolder';
import { readProjectorManifest } from '../../weights/projectorManifest';
import { emptyStore } from './build';
import type { ConstantRows } from './decode';
import { noHybrid, resultDamaged } from './errors';
import { SURPLUS_PREFIX } from './export';
import type { Hybrid } from './hybrid';
import { readHybridConfig, tensorsOf } from './hybridConfig';
import { transformersTensorName } from './transformers/names';

export interface LoadedHybrid extends Hybrid {
  /** α, [N][K]: the rows to run it with. */
  readonly alphas: ConstantRows;
  /** Each component's own `config.json`. */
  readonly configs: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Loads a hybrid; the caller disposes of its parameters. Its tokenizer is in the same folder.
 * @throws HybridError when it is no whole hybrid; WeightsError when a file is missing or damaged
 */
export async function loadHybrid(folder: string): Promise<LoadedHybrid> {
  const files = await openResult(folder);
  try {
    const { design, alphas, live, configs, forTransformers } = readHybridConfig(
      files.config,
      folder,
    );
    const specs = tensorsOf({ design, live });
    const names = design.components.map(({ name }) => name);
    const fileName = (spec: PlanTensor) =>
      forTransformers ? transformersTensorName(spec, names) : spec.name;
    for (const spec of specs) checkShape(files, fileName(spec), spec);
    const blocks = live.map((members) => ({ live: members }));
    const parameters = emptyStore(design, { tensors: specs, blocks });
    try {
      for (const spec of specs) {
        parameters.fill(spec, (await files.read(fileName(spec))).data);
        const surplus = SURPLUS_PREFIX + spec.name;
        if (files.tensors.has(surplus)) {
          parameters.surplus.set(spec.name, await readSurplus(files, surplus, spec));
        }
      }
    } catch (error) {
      parameters.dispose();
      throw error;
    }
    return { design, parameters, alphas, configs };
  } finally {
    await files.close();
  }
}

async function openResult(folder: string): Promise<ModelFolder> {
  try {
    return await openModelFolder(folder);
  } catch (error) {
    const isMissing = error instanceof WeightsError && error.code === 'file-missing';
    if (!isMissing) throw error;
    const projectors = await readProjectorManifest(path.join(folder, 'projectors'));
    throw projectors ? noHybrid(folder) : error;
  }
}

function checkShape({ tensors, path }: ModelFolder, name: string, { shape }: PlanTensor): void {
  const found = tensors.get(name);
  if (!found) throw resultDamaged(path, `${name} is missing`);
  if (found.shape.length !== shape.length || found.shape.some((size, at) => size !== shape[at])) {
    throw resultDamaged(path, `${name} has shape [${found.shape.join(', ')}]`);
  }
}

/** Rows beyond V: they must be as wide as the table that they were cut from. */
async function readSurplus(
  files: ModelFolder,
  surplus: string,
  { shape }: PlanTensor,
): Promise<Float32Array> {
  const { shape: found, data } = await files.read(surplus);
  const inner = shape.slice(1);
  if (found.length !== shape.length || inner.some((size, at) => size !== found[at + 1])) {
    throw resultDamaged(files.path, `${surplus} has shape [${found.join(', ')}]`);
  }
  return data;
}
