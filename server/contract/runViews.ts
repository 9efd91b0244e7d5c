/** Runs and sweeps as the editor's lists, status bar and panel show them. */
import type { UserError } from './editor';
import type { Alphas, PreparingEvent, RunEvent, StepEvent, Where } from './events';
import type { LayerSpan } from './plan';
import type { RunState } from './run';
import type { CellState, SweepState } from './sweep';

export interface RunRef {
  readonly id: string;
  /** Absolute, links resolved: what names a run in every message. */
  readonly dir: string;
}

/** Where a running job is, for the status bar and the tree. */
export interface RunProgress extends Where {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly tokensPerSecond: number;
  /** Of the whole run, as far as its plan tells; else of this job. */
  readonly etaSeconds: number;
  readonly memoryBytes: number;
  /** Of the whole run, 0 to 1. */
  readonly fraction: number;
}

/** A run as a list shows it. */
export interface RunListEntry extends RunRef {
  /** The folder's name. */
  readonly name: string;
  /** The config's path when the run began, for display and to find its document. */
  readonly config: string;
  readonly state: RunState;
  readonly startedAt: string;
  /** Name and device, empty before it is known. */
  readonly engine: string;
  readonly stage: string | undefined;
  /** Nats. */
  readonly bestValidationLoss: number | undefined;
  /** While it runs or is paused. */
  readonly progress: RunProgress | undefined;
  /** While large data are read and encoded, before its next step. */
  readonly preparing:
    | {
        readonly split: PreparingEvent['split'];
        /** Of the data's file, 0 to 1. */
        readonly fraction: number;
      }
    | undefined;
  /** Why it failed or was lost. */
  readonly failure: UserError | undefined;
}

/** A sweep as a list shows it. */
export interface SweepListEntry extends RunRef {
  /** The folder's name. */
  readonly name: string;
  /** The config's path when the sweep began. */
  readonly config: string;
  readonly startedAt: string;
  readonly state: SweepState;
  readonly cells: readonly {
    /** From 1. */
    readonly cell: number;
    /** Its settings, on one line. */
    readonly name: string;
    readonly state: CellState;
    /** Folder of its run, when that is in the list of runs. */
    readonly run: string | undefined;
    /** Why it failed. */
    readonly message: string | undefined;
  }[];
}

/** Everything that lists show, newest first. */
export interface RunLists {
  readonly runs: readonly RunListEntry[];
  readonly sweeps: readonly SweepListEntry[];
}

/** A loss curve: every step, or so thinned that no lowest and no highest point is lost. */
export interface LossCurve extends Where {
  /** Steps the job has. */
  readonly total: number;
  readonly steps: readonly number[];
  /** Nats; null where it was no finite number. */
  readonly loss: readonly (number | null)[];
}

/** α of one search at some of its steps, ascending, the first and the latest among them. */
export interface AlphaFrames extends Where {
  /** Steps that the log holds, of which `steps` is a part. */
  readonly recorded: number;
  readonly steps: readonly number[];
  readonly alphas: readonly Alphas[];
}

/** What a panel draws first; the events from `nextSeq` on follow by `manticore/runEvents`. */
export interface RunSnapshot extends RunRef {
  readonly name: string;
  readonly config: string;
  readonly state: RunState;
  readonly startedAt: string;
  readonly nextSeq: number;
  /** From `plan.json`, as far as it can be believed. */
  readonly plan:
    | {
        readonly components: readonly {
          readonly name: string;
          readonly family: string;
          readonly parameters: number;
          /** Layers of each block. */
          readonly groups: readonly LayerSpan[];
        }[];
        readonly blocks: readonly {
          readonly live: readonly number[];
          readonly pinned: readonly number[] | undefined;
          readonly initial: readonly number[];
        }[];
        readonly jobs: readonly (Where & { readonly steps: number })[];
        /** The synthetic task that is learnt: answers are right or wrong there, and perplexity says nothing. */
        readonly task?: string | undefined;
      }
    | undefined;
  /** Every event that counts, in the log's order, but `step` events. */
  readonly events: readonly Exclude<RunEvent, StepEvent>[];
  readonly curves: readonly LossCurve[];
  readonly frames: readonly AlphaFrames[];
  readonly latest: StepEvent | undefined;
  /** Lines of the log that could not be read. */
  readonly skipped: number;
}
