/**
 * The MAD tasks (Poli et al., arXiv 2403.17844) without their examples: knobs, defaults, how a vocabulary is divided, and
 * what can't be. Pure; the language's checks and the generators in `compute/tasks/mad` read the same rules.
 */
import type { MadSource, MadTask } from '../contract/config';

export const MAD_TASKS = [
  'in-context-recall',
  'noisy-in-context-recall',
  'fuzzy-in-context-recall',
  'memorization',
  'compression',
  'selective-copying',
] as const satisfies readonly MadTask[];

/** Knobs that not every task has. */
export type MadKnob = 'queries' | 'noise' | 'noiseVocabulary' | 'keyMotif' | 'valueMotif' | 'copy';

type MadDefaults = Omit<MadSource, 'kind' | 'task'>;

interface MadTaskTable {
  /** Beside vocabulary, length, examples, testExamples and seed, which every task has. */
  readonly knobs: readonly MadKnob[];
  readonly defaults: MadDefaults;
}

/** The baselines of the MAD paper. Knobs that a task hasn't stand at what leaves its rule alone. */
const baseline: MadDefaults = {
  vocabulary: 16,
  length: 128,
  examples: 12_800,
  testExamples: 1_280,
  seed: 1,
  queries: 'multiple',
  noise: 0,
  noiseVocabulary: 0,
  keyMotif: 1,
  valueMotif: 1,
  copy: 0,
};

const TABLES: Readonly<Record<MadTask, MadTaskTable>> = {
  'in-context-recall': { knobs: ['queries'], defaults: baseline },
  'noisy-in-context-recall': {
    knobs: ['queries', 'noise', 'noiseVocabulary'],
    defaults: { ...baseline, vocabulary: 32, noise: 0.2, noiseVocabulary: 16 },
  },
  'fuzzy-in-context-recall': {
    knobs: ['queries', 'keyMotif', 'valueMotif', 'noise', 'noiseVocabulary'],
    defaults: { ...baseline, keyMotif: 3, valueMotif: 3 },
  },
  memorization: {
    knobs: ['noise', 'noiseVocabulary'],
    defaults: { ...baseline, vocabulary: 256, length: 32, examples: 256 },
  },
  compression: {
    knobs: ['noise', 'noiseVocabulary'],
    defaults: { ...baseline, length: 32 },
  },
  'selective-copying': {
    knobs: ['copy'],
    defaults: { ...baseline, length: 256, copy: 16 },
  },
};

export function madTable(task: MadTask): MadTaskTable {
  return TABLES[task];
}

/** The tasks that have a knob. */
export function tasksWithKnob(knob: MadKnob): readonly MadTask[] {
  return MAD_TASKS.filter((task) => TABLES[task].knobs.includes(knob));
}

/** Ids of special tokens; `undefined` where the task has no such token. They follow all others. */
export interface MadVocabulary {
  /** Tokens that carry something: ids 0 … content − 1. */
  readonly content: number;
  /** Where content is divided: ids 0 … keys − 1, its lower half. */
  readonly keys: number;
  /** Ids keys … content − 1. */
  readonly values: number;
  /** First id of the noise tokens, which follow the content. */
  readonly noise: number;
  /** Left padding of fuzzy recall. */
  readonly pad: number | undefined;
  /** What blanks of selective copying are. */
  readonly blank: number | undefined;
  /** Copy prefix, insert token, compression token or copy token: the highest id. */
  readonly signal: number | undefined;
}

/** May be of no use where the knobs contradict each other (`madFaults`). */
export function madVocabulary({
  task,
  vocabulary,
  queries,
  noiseVocabulary,
}: Pick<MadSource, 'task' | 'vocabulary' | 'queries' | 'noiseVocabulary'>): MadVocabulary {
  const isRecall = task.endsWith('recall');
  const hasSignal = !isRecall || queries === 'single';
  const hasPad = task === 'fuzzy-in-context-recall';
  const hasBlank = task === 'selective-copying';
  const specials = Number(hasSignal) + Number(hasPad) + Number(hasBlank);
  const content = vocabulary - specials - noiseVocabulary;
  const keys = Math.floor(content / 2);
  const belowSignal = vocabulary - 1 - Number(hasSignal);
  return {
    content,
    keys,
    values: content - keys,
    noise: content,
    pad: hasPad ? belowSignal : undefined,
    blank: hasBlank ? belowSignal : undefined,
    signal: hasSignal ? vocabulary - 1 : undefined,
  };
}

/** Positions of an example: what a model reads and predicts at. */
export function madContext({
  task,
  length,
  queries,
}: Pick<MadSource, 'task' | 'length' | 'queries'>): number {
  // A sequence of pairs is shifted by one token; with a single query the copy prefix makes it one longer first.
  const isOneShorter = queries === 'multiple' && /^(noisy-)?in-context-recall$/.test(task);
  return isOneShorter ? length - 1 : length;
}

/** Two motifs of full length: a pair that can be told apart from others. */
function pairLength({ keyMotif, valueMotif }: MadSource): number {
  return keyMotif + valueMotif;
}

/** Shortest length that holds what the task needs. */
export function leastLength(source: MadSource): number {
  switch (source.task) {
    case 'in-context-recall':
    case 'noisy-in-context-recall':
      return 4;
    case 'fuzzy-in-context-recall':
      return 2 * pairLength(source) - (source.queries === 'single' ? 0 : 1);
    case 'memorization':
    case 'compression':
      return 2;
    case 'selective-copying':
      return 2 * source.copy + 2;
  }
}

/** Smallest vocabulary that holds what the task needs, its noise tokens included. */
export function leastVocabulary(source: MadSource): number {
  const { content } = madVocabulary(source);
  const specials = source.vocabulary - source.noiseVocabulary - content;
  return specials + source.noiseVocabulary + leastContent(source);
}

function leastContent({ task, keyMotif, valueMotif }: MadSource): number {
  switch (task) {
    case 'in-context-recall':
    case 'noisy-in-context-recall':
    case 'memorization':
      return 2;
    case 'fuzzy-in-context-recall':
      // Keys are the lower half, rounded down.
      return Math.max(2 * keyMotif, 2 * valueMotif - 1);
    case 'compression':
    case 'selective-copying':
      return 2;
  }
}

/** A contradiction among the knobs. */
export interface MadFault {
  readonly knob: 'vocabulary' | 'length' | MadKnob;
  readonly message: string;
  /** A value of the knob that is possible. */
  readonly possible: number;
}

/** Most positions of all training and test examples together: half a gigabyte of inputs and targets. */
export const MAX_MAD_POSITIONS = 2 ** 26;

/** Every reason why there are no examples of these knobs; none when there are. */
export function madFaults(source: MadSource): readonly MadFault[] {
  const { task, vocabulary, length, noise, noiseVocabulary, copy } = source;
  const faults: MadFault[] = [];
  if (task === 'selective-copying' && copy < 1) {
    faults.push({ knob: 'copy', message: 'At least one token must be copied', possible: 16 });
  }
  if (noise > 0 && noiseVocabulary < 1) {
    faults.push({
      knob: 'noise',
      message: `Noise of ${noise} needs noise tokens, and \`noiseVocabulary\` is 0`,
      possible: 0,
    });
  }
  const fewest = leastVocabulary(source);
  if (vocabulary < fewest) {
    faults.push({
      knob: 'vocabulary',
      message: `A vocabulary of ${vocabulary} is too small: ${vocabularyNeeds(source)}`,
      possible: fewest,
    });
  }
  const shortest = leastLength(source);
  if (length < shortest) {
    faults.push({
      knob: 'length',
      message: `A length of ${length} is too short: ${lengthNeeds(source)}`,
      possible: shortest,
    });
  } else if (length % 2 === 1 && /^((noisy-)?in-context-recall|memorization)$/.test(task)) {
    faults.push({
      knob: 'length',
      message: `A length of ${length} leaves half a pair: \`${task}\` needs an even one`,
      possible: length + 1,
    });
  }
  return faults;
}

function vocabularyNeeds(source: MadSource): string {
  const { task, noiseVocabulary, keyMotif, valueMotif } = source;
  const least = leastContent(source);
  const specials = leastVocabulary(source) - noiseVocabulary - least;
  const parts = [
    ...(noiseVocabulary > 0 ? [`${noiseVocabulary} noise tokens`] : []),
    ...(specials > 0 ? [`${specials} special token${specials > 1 ? 's' : ''}`] : []),
    task === 'fuzzy-in-context-recall'
      ? `${least} for motifs of ${keyMotif} and ${valueMotif} different tokens`
      : task === 'compression' || task === 'selective-copying'
        ? '2 different tokens'
        : 'a key and a value',
  ];
  return `it holds ${parts.join(', ')}`;
}

function lengthNeeds(source: MadSource): string {
  switch (source.task) {
    case 'fuzzy-in-context-recall':
      return `a pair of ${source.keyMotif} and ${source.valueMotif} tokens is shown, then asked for`;
    case 'selective-copying':
      return `${source.copy} tokens to copy, at least one blank, the copy token and ${source.copy} blanks to copy them to`;
    case 'in-context-recall':
    case 'noisy-in-context-recall':
      return 'a pair is shown, then asked for';
    case 'memorization':
    case 'compression':
      return 'there is nothing to ask for';
  }
}
