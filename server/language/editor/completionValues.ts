/** Values and items of lists that may be written at the caret. */
import type { Path } from '../configDocument';
import { PRETRAIN_DATA } from '../pretrainChecks';
import { SOURCE_KINDS } from '../sourceChecks';
import { configSchema } from '../schema';
import { schemasAt, valuesAt } from '../schemaWalk';
import type { Completion, CompletionScene } from './completionTypes';
import { dataAt, fits, keysOf } from './entries';
import { defaultAt } from './keyDocs';
import { code } from './markdown';
import { meaningOf } from './meanings';
import { keysNameComponents, namesComponent } from './names';
import { dataFiles, modelSources } from './completionPaths';
import { choice, weightsSnippet } from './snippets';

export async function valueCompletions(scene: CompletionScene): Promise<readonly Completion[]> {
  const { path } = scene.caret;
  if (MODEL_PATHS.some((pattern) => fits(path, pattern))) return modelSources(scene);
  if (FILE_PATHS.some((pattern) => fits(path, pattern))) return dataFiles(scene);
  return [
    ...componentValues(scene, path),
    ...schemaValues(scene, scene.caret.path),
    ...numbers(scene),
    ...mappings(scene),
  ];
}

const MODEL_PATHS: readonly Path[] = [
  ['components', '*', 'source'],
  ['components', '*', 'tokenizer'],
  ['hybrid', 'projectors', 'from'],
];
const FILE_PATHS: readonly Path[] = [
  ...[...SOURCE_KINDS, 'template'].flatMap((key) => [
    ['data', '*', key],
    [...PRETRAIN_DATA, key],
  ]),
];

export function itemCompletions(scene: CompletionScene): readonly Completion[] {
  const { path, siblings } = scene.caret;
  const item = [...path, '0'];
  return [
    ...componentValues(scene, item).filter(({ label }) => !siblings.includes(label)),
    ...schemaValues(scene, item),
  ];
}

function componentValues(scene: CompletionScene, path: Path): readonly Completion[] {
  if (!namesComponent(path)) return [];
  const { document, components } = scene;
  const block = path.slice(0, 3);
  const pruned = dataAt(document.data, [...block, 'prune']);
  const isPin = fits(path, ['hybrid', 'mixture', '*', 'pin']);
  const isOut = (name: string) => isPin && Array.isArray(pruned) && pruned.includes(name);
  return components
    .filter((name) => !isOut(name))
    .map((name, index) => {
      const source = dataAt(document.data, ['components', name, 'source']);
      return {
        label: name,
        kind: 'component',
        ...(typeof source === 'string' ? { documentation: `Source ${code(source)}` } : {}),
        ...placed(scene, name),
        sortText: `1${String(index).padStart(3, '0')}`,
      };
    });
}

function schemaValues(scene: CompletionScene, path: Path): readonly Completion[] {
  const literals = schemasAt(configSchema, path).flatMap(({ _zod }) => {
    const { def } = _zod;
    if (def.type === 'boolean') return ['true', 'false'];
    return def.type === 'literal' && 'values' in def ? (def.values as unknown[]).map(String) : [];
  });
  const values = [...new Set([...valuesAt(configSchema, path), ...literals])];
  const usual = defaultAt(path);
  return values.map((value, index) => {
    const meaning = meaningOf(path, value);
    return {
      label: value,
      kind: fits(path, ['components', '*', 'family']) ? 'family' : 'value',
      ...(value === usual ? { detail: 'default' } : {}),
      ...(meaning === undefined ? {} : { documentation: meaning }),
      ...placed(scene, value),
      sortText: `1${String(index).padStart(3, '0')}`,
    };
  });
}

/** A number to start from: the default, or one that what is written tells. */
function numbers(scene: CompletionScene): readonly Completion[] {
  const { path } = scene.caret;
  const offer = (label: string, detail: string): readonly Completion[] => [
    { label, kind: 'value', detail, ...placed(scene, label) },
  ];
  if (fits(path, ['hybrid', 'blocks'])) {
    const { mostBlocks } = scene;
    return mostBlocks === undefined ? [] : offer(String(mostBlocks), 'the most: one layer a block');
  }
  if (fits(path, ['engine', 'memoryLimit'])) return offer('4 GB', 'a size');
  if (keysNameComponents(path.slice(0, -1))) {
    const rest = remainder(scene);
    return rest === undefined ? [] : offer(rest, 'what is left of 1');
  }
  const usual = defaultAt(path);
  const isNumber = usual !== undefined && Number.isFinite(Number(usual));
  return isNumber ? offer(usual, 'default') : [];
}

/** What the other weights leave of 1. */
function remainder({ document, caret }: CompletionScene): string | undefined {
  const parent = caret.path.slice(0, -1);
  const others = keysOf(document.data, parent).filter((key) => key !== caret.path.at(-1));
  const weights = others.map((key) => dataAt(document.data, [...parent, key]));
  const sum = weights.reduce<number>((total, weight) => total + (Number(weight) || 0), 0);
  return sum >= 0 && sum < 1 ? String(Number((1 - sum).toFixed(6))) : undefined;
}

/** Mappings on one line, where one may stand. */
function mappings(scene: CompletionScene): readonly Completion[] {
  const { caret, components } = scene;
  if (caret.quote !== '') return [];
  const one = choice(1, components, 'name');
  const found: [pattern: Path, label: string, text: string][] = [
    [['components', '*'], '{ source: … }', '{ source: $0 }'],
    [['data', 'train'], '{ text: … }', '{ text: $0 }'],
    [['data', 'train'], '{ jsonl: … }', '{ jsonl: $0 }'],
    [['data', 'train'], '{ parquet: … }', '{ parquet: $0 }'],
    [['data', 'train'], '{ chat: … }', '{ chat: $0 }'],
    [['data', 'train'], '{ mad: … }', '{ mad: $0 }'],
    [['data', 'train'], '{ lra: … }', '{ lra: $0 }'],
    [['data', 'train', 'mad'], '{ task: … }', '{ task: $0 }'],
    [['data', 'train', 'lra'], '{ task: … }', '{ task: $0 }'],
    [['program', 'tasks', '*'], '{ task: … }', '{ task: $0 }'],
    [['data', 'validation'], '{ text: … }', '{ text: $0 }'],
    [['data', 'test'], '{ text: … }', '{ text: $0 }'],
    [['hybrid', 'mixture', '*'], '{ pin: … }', `{ pin: ${one} }`],
    [['hybrid', 'mixture', '*'], '{ prune: … }', `{ prune: [${one}] }`],
    [['hybrid', 'mixture', '*', 'pin'], '{ … } in parts', weightsSnippet(components)],
    [['hybrid', 'mixture', '*', 'init'], '{ … } in parts', weightsSnippet(components)],
    [['hybrid', 'mixture', '*', 'prune'], '[ … ]', `[${one}]`],
    [['finetune'], '{ steps: … }', '{ steps: ${1:300} }'],
    [['finetune', 'alphas'], '{ threshold: … }', '{ threshold: ${1:0.1} }'],
    [['baselines'], '{ match: … }', '{ match: ${1|steps,flops|} }'],
    [
      ['baselines', 'stacks', '*'],
      '{ stack: … }',
      '{ stack: [${1:mamba, attention}], config: { hidden_size: ${2:64}, num_attention_heads: ${3:2} } }',
    ],
    [['engine'], '{ name: … }', '{ name: ${1|auto,wasm,webgpu,tensorflow|} }'],
    [['search', 'seeds'], '[1, 2, 3]', '[${1:1}, ${2:2}, ${3:3}]'],
  ];
  return found
    .filter(([pattern]) => fits(caret.path, pattern))
    .map(([, label, text], index) => ({
      label,
      kind: 'snippet',
      ...placed(scene, text),
      snippet: true,
      sortText: `2${index}`,
      again: text.includes('$0'),
    }));
}

/** The edit that puts a value in the word's place; a blank before it where one is wanted and missing. */
function placed(
  { caret, document }: CompletionScene,
  text: string,
): Pick<Completion, 'edit' | 'snippet'> {
  const before = document.text[caret.word.start - 1];
  const gap = caret.quote === '' && (before === ':' || before === '-') ? ' ' : '';
  return { edit: { span: caret.word, text: gap + text }, snippet: false };
}
