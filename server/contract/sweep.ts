/** A sweep: a grid of settings over one config, each cell of it a run. In `sweep.json`, in reports and as `--json` lines. */
import type { Stage } from './events';
import type { RunState } from './run';

/** A dotted key as `--set` takes it, and plain data for it. */
export interface Setting {
  readonly key: string;
  readonly value: unknown;
}

/** One key of a sweep with its values, in the order of the text. */
export interface SweepAxis {
  readonly key: string;
  readonly values: readonly unknown[];
}

/** `waiting`: no run was made for it yet. */
export type CellState = RunState | 'waiting';

/** What is shown of a sweep: a process works on it, or how it stands. */
export type SweepState = 'running' | SweepEnd;

/** `failed`: some cells failed or were lost; `stopped`: some were stopped, or never started. */
export type SweepEnd = 'done' | 'stopped' | 'failed';

/**
 * What `manticore search` and `attach` print with `--json` for a sweep, one a line, and what the terminal draws. Cells
 * count from 1.
 */
export type SweepEvent =
  | {
      readonly type: 'sweep';
      readonly id: string;
      readonly dir: string;
      readonly axes: readonly SweepAxis[];
      readonly cells: readonly {
        readonly cell: number;
        readonly settings: readonly Setting[];
        readonly state: CellState;
      }[];
    }
  /** A cell's state has changed; `run` and `dir` once there is a run folder. */
  | {
      readonly type: 'cell';
      readonly cell: number;
      readonly state: CellState;
      readonly run?: string;
      readonly dir?: string;
      /** Why it failed. */
      readonly message?: string;
    }
  /** A running cell has come to a tenth of a stage. */
  | {
      readonly type: 'progress';
      readonly cell: number;
      readonly stage: Stage;
      readonly subject: string;
      readonly seed: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly etaSeconds: number;
    }
  | {
      readonly type: 'end';
      readonly status: SweepEnd;
      readonly done: number;
      /** Cells that failed or were lost. */
      readonly failed: readonly number[];
      readonly report: string;
    };
