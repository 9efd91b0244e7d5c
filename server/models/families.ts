/** The supported families by name, by the hub's `model_type`, and what can be said of any of them. */
import {
  type Architecture,
  FAMILY_NAMES,
  type FamilyName,
  type FamilyTable,
  type LayerCost,
  type TensorSpec,
} from './architecture';
import { isRecord } from './configFields';
import { gpt2 } from './gpt2';
import { gptNeo } from './gptNeo';
import { gptNeox } from './gptNeox';
import { llama } from './llama';
import { mamba } from './mamba';
import { isOriginalMamba2, mamba2 } from './mamba2';
import { isOriginalMamba } from './originalMamba';
import { stack } from './stack';

const TABLES: Readonly<Record<FamilyName, FamilyTable>> = {
  gpt2,
  gptNeo,
  gptNeox,
  llama,
  mamba,
  mamba2,
  stack,
};

export function familyTable(name: FamilyName): FamilyTable {
  return TABLES[name];
}

/** The family of a hub `model_type`; `undefined` when it isn't supported. */
export function familyForModelType(modelType: string): FamilyTable | undefined {
  return FAMILY_NAMES.map(familyTable).find((table) => table.modelTypes.includes(modelType));
}

/** The family of a parsed `config.json`: by `model_type`, or an original Mamba's, which has none. */
export function familyForConfig(config: unknown): FamilyTable | undefined {
  if (!isRecord(config)) return undefined;
  const modelType = Object.hasOwn(config, 'model_type') ? config['model_type'] : undefined;
  if (typeof modelType === 'string') return familyForModelType(modelType);
  if (isOriginalMamba2(config)) return mamba2;
  return isOriginalMamba(config) ? mamba : undefined;
}

/** Every `model_type` that is supported, for messages. */
export function supportedModelTypes(): readonly string[] {
  return FAMILY_NAMES.flatMap((name) => TABLES[name].modelTypes);
}

/** Dropout rates by the config's own keys; empty for a family without dropout. */
export function dropoutRates(architecture: Architecture): Readonly<Record<string, number>> {
  return familyTable(architecture.family).dropout(architecture);
}

/** Numbers in a tensor. */
export function tensorSize(spec: TensorSpec): number {
  return spec.shape.reduce((size, side) => size * side, 1);
}

/** Trainable parameters of the whole component with V rows; a tied head counts once. */
export function parameterCount(architecture: Architecture, vocabulary: number): number {
  return familyTable(architecture.family)
    .tensors(architecture, vocabulary)
    .reduce((sum, spec) => sum + tensorSize(spec), 0);
}

/** The same without a head of its own. */
export function bodyParameters(architecture: Architecture, vocabulary: number): number {
  return familyTable(architecture.family)
    .tensors(architecture, vocabulary)
    .filter(({ place }) => place.kind !== 'head')
    .reduce((sum, spec) => sum + tensorSize(spec), 0);
}

/** Positions that a token attends to, on average over a sequence of `context` tokens, itself counted. */
export function attendedPositions(context: number, window = context): number {
  const reach = Math.min(window, context);
  if (reach <= 0) return 0;
  return ((reach * (reach + 1)) / 2 + (context - reach) * reach) / context;
}

/** Forward FLOPs a token of one layer in a sequence of `context` tokens. Norms and activations are not counted. */
function layerFlops(cost: LayerCost, context: number): number {
  return cost.perToken + cost.perTokenPerContext * attendedPositions(context, cost.window);
}

/** Forward FLOPs a token of layers [first, end). */
export function layersFlops(
  architecture: Architecture,
  range: { readonly first: number; readonly end: number },
  context: number,
): number {
  const table = familyTable(architecture.family);
  let sum = 0;
  for (let layer = range.first; layer < range.end; layer++) {
    sum += layerFlops(table.layerCost(architecture, layer), context);
  }
  return sum;
}

/** The name under which a file carries a tensor; `undefined` when it has none of them. */
export function locateTensor(spec: TensorSpec, has: (name: string) => boolean): string | undefined {
  return [spec.name, ...spec.aliases].find(has);
}

/** Names of a head in files; one that a tied model carries is a copy of its embeddings. */
const HEAD_NAMES = ['lm_head.weight', 'embed_out.weight'];

/**
 * Tensors of a file that the architecture has no place for (more layers than the config says, adapters, another
 * model's parts): loading would silently leave them out. Masks, rotary frequencies and a tied head's copy are known.
 */
export function unknownTensors(architecture: Architecture, names: readonly string[]): string[] {
  const table = familyTable(architecture.family);
  const known = new Set(
    table.tensors(architecture, 1).flatMap((spec) => [spec.name, ...spec.aliases]),
  );
  if (architecture.tiedHead) for (const name of HEAD_NAMES) known.add(name);
  return names.filter((name) => !known.has(name) && !table.isBuffer(name));
}
