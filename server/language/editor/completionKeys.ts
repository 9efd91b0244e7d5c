/** Keys that may be written at the caret, and the pieces that can begin there. */
import { FAMILY_NAMES } from '../../models/architecture';
import { familyTable } from '../../models/families';
import { LRA_TASKS, lraTasksWithKnob, type LraKnob } from '../../models/lraTasks';
import { MAD_TASKS, tasksWithKnob, type MadKnob } from '../../models/madTasks';
import type { Path } from '../configDocument';
import { SOURCE_KINDS } from '../sourceChecks';
import { fieldsRead } from '../headerChecks';
import { LRA_PATH } from '../lraChecks';
import { MAD_PATH } from '../madChecks';
import { PRETRAIN_DATA } from '../pretrainChecks';
import { configSchema } from '../schema';
import { keysAt } from '../schemaWalk';
import type { Caret } from './caret';
import type { Completion, CompletionScene } from './completionTypes';
import { dataAt, fits } from './entries';
import { keyDocumentation } from './keyDocs';
import { keysNameComponents } from './names';
import {
  bodyOf,
  choice,
  componentSnippets,
  finetuneSnippet,
  wholeConfig,
  weightsSnippet,
  type PieceSnippet,
} from './snippets';

export function keyCompletions(scene: CompletionScene): readonly Completion[] {
  const { path } = scene.caret;
  if (fits(path, ['components'])) return pieces(scene, componentSnippets);
  if (fits(path, ['components', '*', 'config']) || fits(path, STACK_CONFIG))
    return hubFields(scene);
  if (fits(path, ['hybrid', 'mixture'])) return blockNumbers(scene);
  if (keysNameComponents(path)) return weightKeys(scene);
  return [...schemaKeys(scene), ...sectionPieces(scene)];
}

function schemaKeys(scene: CompletionScene): readonly Completion[] {
  const { caret, components, document } = scene;
  const written = new Set(caret.siblings);
  const isExcluded = (key: string) =>
    exclusionsOf(caret.path, key).some((other) => written.has(other));
  return keysAt(configSchema, caret.path)
    .filter((key) => !written.has(key) && !isExcluded(key) && isMeant(caret, document.data, key))
    .map((key, index) => {
      const at = [...caret.path, key];
      const body = bodyOf(at, components);
      const behind = caret.inFlow ? body.flow : body.block;
      const text = caret.hasColon ? key : `${key}:${behind === '' ? ' ' : behind}`;
      const documentation = keyDocumentation(at);
      return {
        label: key,
        kind: 'key',
        ...(documentation === undefined ? {} : { documentation }),
        ...replacing(scene, text, !caret.hasColon && /\$/.test(behind)),
        sortText: `1${String(index).padStart(3, '0')}`,
        again: !caret.hasColon && body.again,
      };
    });
}

/** Keys that make no sense beside `key`. */
function exclusionsOf(path: Path, key: string): readonly string[] {
  const scratch = ['family', 'config', 'stack', 'init'];
  if (fits(path, ['components', '*'])) {
    if (key === 'source') return scratch;
    return scratch.includes(key) ? ['source'] : [];
  }
  if (fits(path, ['data', '*']) || fits(path, PRETRAIN_DATA)) {
    const tasks = ['mad', 'lra'];
    const pair = ['prompt', 'input', 'response'];
    const kinds = [...SOURCE_KINDS, ...tasks];
    if (kinds.includes(key)) {
      const noFields = ['text', ...tasks].includes(key) ? ['field', ...pair, 'template'] : [];
      const noPair = key === 'chat' ? pair : [];
      return [...kinds.filter((kind) => kind !== key), ...noFields, ...noPair];
    }
    if (key === 'field') return ['text', ...tasks, ...pair];
    return pair.includes(key) ? ['text', ...tasks, 'chat', 'field'] : ['text', ...tasks];
  }
  if (fits(path, ['search'])) return { seed: ['seeds'], seeds: ['seed'] }[key] ?? [];
  if (fits(path, ['hybrid', 'mixture', '*'])) return { pin: ['init'], init: ['pin'] }[key] ?? [];
  return [];
}

/** `stack` belongs to a family; fields to records; a task has its own context and splits, and only some of the knobs. */
function isMeant({ path, siblings }: Caret, data: unknown, key: string): boolean {
  if (fits(path, ['components', '*']) && key === 'stack') {
    return ['stack', undefined].some((family) => family === dataAt(data, [...path, 'family']));
  }
  if (fits(path, ['data', '*']) || fits(path, PRETRAIN_DATA)) {
    const has = (...keys: string[]) => keys.some((other) => siblings.includes(other));
    if (key === 'field') return has('jsonl', 'parquet', 'chat');
    if (key === 'prompt' || key === 'response') return has('jsonl', 'parquet');
    if (key === 'input') return has('prompt', 'response');
    return key !== 'template' || has('prompt', 'response', 'chat');
  }
  if (fits(path, ['data'])) {
    const isTask = [MAD_PATH, LRA_PATH].some((at) => dataAt(data, at) !== undefined);
    return !isTask || !['validation', 'test', 'context'].includes(key);
  }
  if (fits(path, LRA_PATH)) {
    const task = LRA_TASKS.find((name) => name === dataAt(data, [...LRA_PATH, 'task']));
    const owners = lraTasksWithKnob(key as LraKnob);
    return task === undefined || owners.length === 0 || owners.includes(task);
  }
  if (!fits(path, MAD_PATH) && !fits(path, ['program', 'tasks', '*'])) return true;
  const task = MAD_TASKS.find((name) => name === dataAt(data, [...path, 'task']));
  const owners = tasksWithKnob(key as MadKnob);
  return task === undefined || owners.length === 0 || owners.includes(task);
}

const STACK_CONFIG: Path = ['baselines', 'stacks', '*', 'config'];

/** Fields of the hub's `config.json` that the component's family reads. */
function hubFields(scene: CompletionScene): readonly Completion[] {
  const { caret, document } = scene;
  const isBaseline = fits(caret.path, STACK_CONFIG);
  const family = isBaseline
    ? 'stack'
    : dataAt(document.data, [...caret.path.slice(0, -1), 'family']);
  const meant = FAMILY_NAMES.find((name) => name === family);
  if (!meant) return [];
  const fields = [...fieldsRead({}, familyTable(meant))].filter(
    // `stack` beside `config` says what the layers are.
    (name) =>
      name !== 'model_type' && name !== 'layer_types' && !(isBaseline && name === 'vocab_size'),
  );
  return fields
    .filter((field) => !caret.siblings.includes(field))
    .map((field, index) => ({
      label: field,
      kind: 'key',
      detail: `config.json of ${meant}`,
      ...replacing(scene, caret.hasColon ? field : `${field}: `, false),
      sortText: `1${String(index).padStart(3, '0')}`,
    }));
}

/** Most block numbers that are offered. */
const MAX_BLOCKS_OFFERED = 128;

function blockNumbers(scene: CompletionScene): readonly Completion[] {
  const { caret, document, components } = scene;
  const count = dataAt(document.data, ['hybrid', 'blocks']);
  const known = typeof count === 'number' && Number.isInteger(count) && count > 0;
  const last = known ? Math.min(count, 1024) : caret.siblings.length + 1;
  const written = new Set(caret.siblings);
  const free = Array.from({ length: last }, (_, index) => String(index + 1)).filter(
    (block) => !written.has(block),
  );
  return [...free.slice(0, MAX_BLOCKS_OFFERED).flatMap(offer), ...allBlocks(scene)];

  function offer(block: string, index: number): readonly Completion[] {
    const sortText = `1${String(index).padStart(4, '0')}`;
    const key = {
      label: block,
      kind: 'block' as const,
      detail: known ? `block ${block} of ${count}` : `block ${block}`,
      ...replacing(scene, caret.hasColon ? block : `${block}: { $0 }`, !caret.hasColon),
      sortText,
      again: !caret.hasColon,
    };
    if (caret.hasColon || index > 0) return [key];
    const pin = `${block}: { pin: ${choice(1, components, 'name')} }`;
    const weights = `${block}: { pin: ${weightsSnippet(components)} }`;
    const prune = `${block}: { prune: [${choice(1, components, 'name')}] }`;
    return [
      key,
      snippet(scene, `pin block ${block}`, 'to one component', pin, `${sortText}a`),
      snippet(scene, `mix block ${block}`, 'in fixed parts', weights, `${sortText}b`),
      snippet(scene, `prune block ${block}`, 'leaves a component out', prune, `${sortText}c`),
    ];
  }
}

/** The entry that stands for every block without one of its own. */
function allBlocks(scene: CompletionScene): readonly Completion[] {
  const { caret } = scene;
  if (caret.siblings.includes('all')) return [];
  return [
    {
      label: 'all',
      kind: 'block',
      detail: 'every block without an entry of its own',
      ...replacing(scene, caret.hasColon ? 'all' : 'all: { $0 }', !caret.hasColon),
      sortText: '2',
      again: !caret.hasColon,
    },
  ];
}

/** Names of components as keys of weights. */
function weightKeys(scene: CompletionScene): readonly Completion[] {
  const { caret, components } = scene;
  return components
    .filter((name) => !caret.siblings.includes(name))
    .map((name, index) => ({
      label: name,
      kind: 'component',
      ...replacing(scene, caret.hasColon ? name : `${name}: `, false),
      sortText: `1${String(index).padStart(3, '0')}`,
      again: !caret.hasColon,
    }));
}

/** Larger pieces that may begin at the top level. */
function sectionPieces(scene: CompletionScene): readonly Completion[] {
  const { caret } = scene;
  if (caret.path.length > 0 || caret.inFlow || caret.hasColon || caret.column > 0) return [];
  const found: PieceSnippet[] = [];
  if (caret.siblings.length === 0) found.push(wholeConfig);
  else if (!caret.siblings.includes('finetune')) found.push(finetuneSnippet);
  return pieces(scene, found);
}

function pieces(scene: CompletionScene, list: readonly PieceSnippet[]): readonly Completion[] {
  const { caret } = scene;
  if (caret.inFlow || caret.hasColon) return [];
  return list.map(({ label, detail, text }, index) =>
    snippet(scene, label, detail, text, `2${index}`),
  );
}

function snippet(
  scene: CompletionScene,
  label: string,
  detail: string,
  text: string,
  sortText: string,
): Completion {
  const plain = text.replace(/\$\{\d+[:|]([^},|]*)[^}]*\}|\$\d/g, '$1');
  const documentation = ['```yaml', plain, '```'].join('\n');
  return {
    label,
    kind: 'snippet',
    detail,
    documentation,
    ...replacing(scene, text, true),
    sortText,
  };
}

/** The edit that puts `text` in the word's place; its further lines are indented as the word is. */
function replacing(
  { caret, document }: CompletionScene,
  text: string,
  isSnippet: boolean,
): Pick<Completion, 'edit' | 'snippet'> {
  const eol = document.text.includes('\r\n') ? '\r\n' : '\n';
  const whole = text.replaceAll('\n', `${eol}${' '.repeat(caret.column)}`);
  return { edit: { span: caret.word, text: whole }, snippet: isSnippet };
}
