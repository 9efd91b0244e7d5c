/** What a key brings with it when it is completed, and whole pieces of a config. */
import { FAMILY_NAMES } from '../../models/architecture';
import type { Path } from '../configDocument';
import { SOURCE_KINDS } from '../sourceChecks';
import { configSchema } from '../schema';
import { schemasAt, valuesAt } from '../schemaWalk';
import { fits } from './entries';
import { namesComponent } from './names';

/** Text behind `key:` in block style (lines relative to the key) and in flow style. */
export interface KeyBody {
  readonly block: string;
  readonly flow: string;
  /** Completions are worth opening at its first place. */
  readonly again: boolean;
}

/** A choice of components at a snippet's place; names are the language's own, so that none needs escaping. */
export function choice(place: number, names: readonly string[], otherwise: string): string {
  return names.length > 0 ? `\${${place}|${names.join(',')}|}` : `\${${place}:${otherwise}}`;
}

/** One weight a component, alike at the start, adding up to 1. */
export function weightsSnippet(names: readonly string[], first = 1): string {
  const shown = names.length > 0 ? names.slice(0, 16) : ['name'];
  const weights = alike(shown.length);
  const entries = shown.map((name, index) => `${name}: \${${first + index}:${weights[index]!}}`);
  return `{ ${entries.join(', ')} }`;
}

/** Two decimals or as many as it takes; the first takes what rounding left. */
function alike(count: number): readonly number[] {
  const share = Math.floor(100 / count) / 100;
  const first = Math.round((1 - share * (count - 1)) * 100) / 100;
  return Array.from({ length: count }, (_, index) => (index === 0 ? first : share));
}

const inline = (text: string, again = false): KeyBody => ({
  block: ` ${text}`,
  flow: ` ${text}`,
  again,
});

/** What follows `key:` at `path`. */
export function bodyOf(path: Path, names: readonly string[]): KeyBody {
  for (const [pattern, body] of bodies) if (fits(path, pattern)) return body(names);
  const types = new Set(schemasAt(configSchema, path).map(({ _zod }) => _zod.def.type));
  const isOffered =
    valuesAt(configSchema, path).length > 0 || types.has('boolean') || namesComponent(path);
  if (types.size === 1 && types.has('object')) {
    return { block: '\n  $0', flow: ' { $0 }', again: true };
  }
  return inline('', isOffered || types.has('number'));
}

const source = inline('{ text: $0 }', true);

const bodies: readonly (readonly [Path, (names: readonly string[]) => KeyBody])[] = [
  [['manticore'], () => inline('1')],
  [
    ['components'],
    () => ({
      block: '\n  ${1:name}:\n    source: $0',
      flow: ' { ${1:name}: { source: $0 } }',
      again: false,
    }),
  ],
  [['hybrid'], () => ({ block: '\n  blocks: ${0:4}', flow: ' { blocks: ${0:4} }', again: false })],
  [
    ['hybrid', 'mixture'],
    (names) => {
      const pin = choice(2, names, 'name');
      return {
        block: `\n  \${1:1}: { pin: ${pin} }`,
        flow: ` { \${1:1}: { pin: ${pin} } }`,
        again: false,
      };
    },
  ],
  [['hybrid', 'mixture', '*', 'pin'], () => inline('', true)],
  [['hybrid', 'mixture', '*', 'prune'], () => inline('[$0]', true)],
  [['hybrid', 'mixture', '*', 'init'], (names) => inline(weightsSnippet(names))],
  [
    ['data'],
    () => ({
      block: '\n  train: { text: ${1:./data/train.txt} }\n  context: ${0:128}',
      flow: ' { train: { text: ${1:./data/train.txt} }, context: ${0:128} }',
      again: false,
    }),
  ],
  [['data', 'train'], () => source],
  [['data', 'test'], () => source],
  [['data', 'validation'], () => inline('', true)],
  [
    ['search'],
    () => ({ block: '\n  steps: ${0:300}', flow: ' { steps: ${0:300} }', again: false }),
  ],
  [
    ['finetune'],
    () => ({ block: '\n  steps: ${0:300}', flow: ' { steps: ${0:300} }', again: false }),
  ],
  [
    ['program'],
    () => ({
      block: '\n  tasks: [${1:in-context-recall}, ${0:selective-copying}]',
      flow: ' { tasks: [${1:in-context-recall}, ${0:selective-copying}] }',
      again: false,
    }),
  ],
  [['program', 'tasks'], () => inline('[$0]', true)],
  [['program', 'weights'], () => inline('[$0]')],
  [
    ['search', 'cost'],
    () => ({
      block: '\n  kind: ${1:flops}\n  weight: ${0:0.5}',
      flow: ' { kind: ${1:flops}, weight: ${0:0.5} }',
      again: false,
    }),
  ],
  [['search', 'seeds'], () => inline('[${1:1}, ${2:2}, ${3:3}]')],
  [['data', 'train', 'mad'], () => inline('', true)],
  [['data', 'train', 'lra'], () => inline('', true)],
  [['components', '*', 'init'], () => inline('random')],
  [['components', '*', 'source'], () => inline('', true)],
  [['components', '*', 'tokenizer'], () => inline('', true)],
  [
    ['baselines', 'stacks', '*', 'config'],
    () => ({ block: '\n  $0', flow: ' { $0 }', again: true }),
  ],
  [['components', '*', 'config'], () => ({ block: '\n  $0', flow: ' { $0 }', again: true })],
  [['hybrid', 'projectors', 'from'], () => inline('', true)],
  [
    ['hybrid', 'projectors', 'pretrain'],
    () => ({
      block: '\n  data: { text: ${1:./data/general.txt} }\n  steps: ${0:300}',
      flow: ' { data: { text: ${1:./data/general.txt} }, steps: ${0:300} }',
      again: false,
    }),
  ],
  [['hybrid', 'projectors', 'pretrain', 'data'], () => source],
  ...['train', 'validation', 'test'].flatMap((split) =>
    [...SOURCE_KINDS, 'template'].map((key): readonly [Path, () => KeyBody] => [
      ['data', split, key],
      () => inline('', true),
    ]),
  ),
];

export interface PieceSnippet {
  readonly label: string;
  readonly detail: string;
  /** Lines relative to the place where it begins. */
  readonly text: string;
}

/** Components to start from, for `components`. */
export const componentSnippets: readonly PieceSnippet[] = [
  {
    label: 'component from a folder',
    detail: 'a model in Hugging Face layout',
    text: '${1:name}:\n  source: ${0:./models/some-model}',
  },
  {
    label: 'component from the hub',
    detail: 'hf:owner/name, downloaded once',
    text: '${1:name}:\n  source: hf:${2:EleutherAI}/${0:pythia-160m}',
  },
  {
    label: 'component from scratch',
    detail: 'a family with random weights',
    text: [
      '${1:name}:',
      `  family: \${2|${FAMILY_NAMES.join(',')}|}`,
      '  config:',
      '    $0',
      '  init: random',
      '  tokenizer: ${3:./tokenizer}',
    ].join('\n'),
  },
];

/** The fine-tuning as a whole. */
export const finetuneSnippet: PieceSnippet = {
  label: 'finetune with α decided',
  detail: 'each block keeps its largest component',
  text: 'finetune:\n  steps: ${1:300}\n  alphas: ${2|argmax,soft|}\n  weights: ${3|rewind,keep|}',
};

/** A config from nothing. */
export const wholeConfig: PieceSnippet = {
  label: 'manticore config',
  detail: 'a whole config of two models',
  text: [
    'manticore: 1',
    'components:',
    '  ${1:neox}:',
    '    source: ${2:./models/tiny-neox}',
    '  ${3:mamba}:',
    '    source: ${4:./models/tiny-mamba}',
    'hybrid:',
    '  blocks: ${5:4}',
    'data:',
    '  train: { text: ${6:./data/train.txt} }',
    '  validation: 0.05',
    '  context: ${7:128}',
    'search:',
    '  algorithm: ${8|darts,gaea,dash|}',
    '  schedule: ${9|alternating,simultaneous,bilevel|}',
    '  steps: ${10:300}',
    '  batch: ${11:8}',
    '  learningRate: ${12:3e-4}',
    '  seed: 1',
    'finetune:',
    '  steps: ${13:300}',
    'baselines: true',
    'engine: auto',
    '$0',
  ].join('\n'),
};
