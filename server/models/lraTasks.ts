/**
 * The Long Range Arena (Tay et al., arXiv 2011.04006) without its examples: sizes, knobs, defaults, and what can't be.
 * Pure; the language's checks and what makes or reads the examples (`compute/tasks/lra`) read the same rules.
 */
import type { LraSource, LraTask } from '../contract/config';
import type { ClassifierShape } from './classifier';

export const LRA_TASKS = [
  'listops',
  'text',
  'retrieval',
  'image',
  'pathfinder32',
  'pathfinder64',
  'pathfinder128',
] as const satisfies readonly LraTask[];

/** Knobs that not every task has. */
export type LraKnob = 'length' | 'minLength' | 'depth' | 'arguments' | 'contour';

type LraDefaults = Omit<LraSource, 'kind' | 'task' | 'folder'>;

export interface LraTaskTable {
  readonly vocabulary: number;
  readonly classifier: ClassifierShape;
  /** Whether there are examples without files. */
  readonly isGenerated: boolean;
  /** Beside folder, examples, testExamples and seed, which every task has. */
  readonly knobs: readonly LraKnob[];
  readonly defaults: LraDefaults;
}

const one = (classes: number): ClassifierShape => ({ classes, sequences: 1 });

/** Knobs that a task hasn't stand at 0; `examples` of files: all of them. */
const files: LraDefaults = {
  length: 0,
  examples: undefined,
  testExamples: undefined,
  seed: 1,
  minLength: 0,
  depth: 0,
  arguments: 0,
  contour: 0,
};

const pathfinder = (side: number): LraTaskTable => ({
  vocabulary: 256,
  classifier: one(2),
  isGenerated: true,
  knobs: ['contour'],
  defaults: {
    ...files,
    length: side * side,
    examples: 160_000,
    testExamples: 20_000,
    contour: 14,
  },
});

const TABLES: Readonly<Record<LraTask, LraTaskTable>> = {
  listops: {
    vocabulary: 18,
    classifier: one(10),
    isGenerated: true,
    knobs: ['length', 'minLength', 'depth', 'arguments'],
    defaults: {
      ...files,
      length: 2000,
      examples: 96_000,
      testExamples: 2_000,
      minLength: 500,
      depth: 10,
      arguments: 10,
    },
  },
  text: {
    vocabulary: 129,
    classifier: one(2),
    isGenerated: false,
    knobs: ['length'],
    defaults: { ...files, length: 4096 },
  },
  retrieval: {
    vocabulary: 98,
    classifier: { classes: 2, sequences: 2 },
    isGenerated: false,
    knobs: ['length'],
    defaults: { ...files, length: 4000 },
  },
  image: {
    vocabulary: 256,
    classifier: one(10),
    isGenerated: false,
    knobs: [],
    defaults: { ...files, length: 1024 },
  },
  pathfinder32: pathfinder(32),
  pathfinder64: pathfinder(64),
  pathfinder128: pathfinder(128),
};

export function lraTable(task: LraTask): LraTaskTable {
  return TABLES[task];
}

/** The tasks that have a knob. */
export function lraTasksWithKnob(knob: LraKnob): readonly LraTask[] {
  return LRA_TASKS.filter((task) => TABLES[task].knobs.includes(knob));
}

/** Pixels along an edge of a Pathfinder image. */
export function pathfinderSide({ length }: Pick<LraSource, 'length'>): number {
  return Math.sqrt(length);
}

/** Dashes of the long contours in each folder of the release's images. */
export const RELEASED_CONTOURS: ReadonlyMap<number, string> = new Map([
  [6, 'curv_baseline'],
  [9, 'curv_contour_length_9'],
  [14, 'curv_contour_length_14'],
]);

/** A file or folder that each release's folder has, below it; `undefined` for contours that none has. */
export function releaseMarker({
  task,
  contour,
}: Pick<LraSource, 'task' | 'contour'>): string | undefined {
  switch (task) {
    case 'listops':
      return 'basic_train.tsv';
    case 'text':
      return 'train/pos';
    case 'retrieval':
      return 'new_aan_pairs.train.tsv';
    case 'image':
      return 'data_batch_1.bin';
    case 'pathfinder32':
    case 'pathfinder64':
    case 'pathfinder128': {
      const own = RELEASED_CONTOURS.get(contour);
      return own && `${own}/metadata`;
    }
  }
}

/** A contradiction among the knobs. */
export interface LraFault {
  readonly knob: LraKnob;
  readonly message: string;
  /** A value of the knob that is possible. */
  readonly possible: number;
}

/** Most tokens of all examples together, one byte each: 4 GiB, which a typed array holds on every platform. */
export const MAX_LRA_TOKENS = 2 ** 32;

/** Every reason why no examples of these knobs can be generated; none when they can. */
export function lraFaults(source: LraSource): readonly LraFault[] {
  const { task, length, minLength } = source;
  if (task !== 'listops') return [];
  if (minLength + 1 >= length) {
    return [
      {
        knob: 'minLength',
        message: `No sequence is longer than ${minLength} and shorter than ${length} tokens`,
        possible: Math.max(0, length - 2),
      },
    ];
  }
  const longest = longestTree(source);
  if (longest > minLength) return [];
  return [
    {
      knob: 'minLength',
      message: `The largest tree of depth ${source.depth} with ${source.arguments} arguments an operator has ${longest} tokens, no more than the ${minLength} of \`minLength\``,
      possible: Math.max(0, Math.floor(longest / 4)),
    },
  ];
}

/** Tokens of the largest tree: an operator and a bracket at every inner node, a digit at every leaf. */
function longestTree({ depth, arguments: most, length }: LraSource): number {
  let tokens = 1;
  for (let level = 1; level < depth && tokens < length; level++) tokens = 2 + most * tokens;
  return tokens;
}
