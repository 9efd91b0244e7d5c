/** The text of a new config for models that are at hand. */
import { configSchema } from '../schema';
import { readsAsOther, RESERVED_NAMES } from './names';

export interface NewConfigModel {
  /** As `source:` takes it. */
  readonly source: string;
  readonly layers: number;
  /** Longest context; `undefined` where there is no limit. */
  readonly positions: number | undefined;
  readonly family: string;
}

/** Where no model is at hand: two to be filled in. */
const PLACES: readonly NewConfigModel[] = ['first', 'second'].map((name) => ({
  source: `./models/${name}`,
  layers: 4,
  positions: 128,
  family: name,
}));

const MAX_BLOCKS = 8;
const MAX_CONTEXT = 256;

/** Clean under a check but for its data files, and the models' own problems. */
export function newConfigText(chosen: readonly NewConfigModel[]): string {
  const models = chosen.length > 0 ? chosen : PLACES;
  const names = componentNamesFor(models);
  const blocks = Math.max(1, Math.min(MAX_BLOCKS, ...models.map(({ layers }) => layers)));
  const positions = models.flatMap(({ positions: longest }) => longest ?? []);
  const context = Math.max(1, Math.min(MAX_CONTEXT, ...positions));
  const isAlone = models.length < 2;
  return [
    '# A hybrid of pretrained language models, searched by gradient descent.',
    '# Every key has a hover text; Ctrl+Space shows what else can be written.',
    'manticore: 1',
    'components:',
    '  # The models to mix: a folder in Hugging Face layout, or hf:owner/name.',
    ...models.flatMap(({ source }, index) => [
      `  ${names[index]!}:`,
      `    source: ${plainOrQuoted(source)}`,
    ]),
    'hybrid:',
    '  # Each model’s layers are split into this many blocks, and mixed block by block.',
    `  blocks: ${blocks}`,
    ...(isAlone
      ? []
      : [
          '  # Pin a block to one model, or leave a model out of it:',
          '  # mixture:',
          `  #   1: { pin: ${names[0]!} }`,
          ...(blocks > 1 ? [`  #   2: { prune: [${names[1]!}] }`] : []),
        ]),
    'data:',
    '  train: { text: ./data/train.txt }',
    '  # Or a file of its own: { text: ./data/valid.txt }',
    '  validation: 0.05',
    `  context: ${context}`,
    'search:',
    `  algorithm: ${isAlone ? 'fixed' : 'darts'}`,
    ...(isAlone ? [] : ['  schedule: alternating']),
    '  steps: 300',
    '  batch: 8',
    '  learningRate: 3e-4',
    '  seed: 1',
    'finetune:',
    '  steps: 300',
    ...(isAlone
      ? []
      : ['# Fine-tunes every component alone under the same budget.', 'baselines: true']),
    'engine: auto',
    '',
  ].join('\n');
}

/** Names from the sources' last parts, valid and different from each other. */
function componentNamesFor(models: readonly NewConfigModel[]): readonly string[] {
  const taken = new Set<string>(RESERVED_NAMES);
  return models.map((model) => {
    const base = nameFrom(model.source) ?? nameFrom(model.family) ?? 'component';
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base}${count}`;
    taken.add(name);
    return name;
  });
}

const MAX_NAME = 24;

/** A component's name out of a source: `./models/tiny-neox` gives `neox`, `hf:state-spaces/mamba-130m-hf` gives `mamba`. */
export function nameFrom(source: string): string | undefined {
  const last = source
    .replace(/^hf:/, '')
    .replace(/@[^/@]*$/, '')
    .split(/[/\\]+/)
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .at(-1);
  const words = (last ?? '').split(/[^A-Za-z0-9]+/).filter((word) => /^[A-Za-z]/.test(word));
  const telling = words.filter((word) => !/^(tiny|small|base|medium|large|xl|hf)$/i.test(word));
  const name = (telling[0] ?? words[0] ?? '').toLowerCase().slice(0, MAX_NAME);
  const isValid = configSchema.shape.components.keyType.safeParse(name).success;
  return isValid && !readsAsOther(name) ? name : undefined;
}

/** A text as a YAML value on one line: plain where it reads as itself, else in double quotes. */
export function plainOrQuoted(text: string): string {
  const isPlain = /^[A-Za-z./~][\w./~@:-]*$/.test(text) && !text.endsWith(':');
  return isPlain && !readsAsOther(text) && text !== '~' ? text : JSON.stringify(text);
}
