/** `run.json` in a run folder: written by the compute process, read by every client. Nothing in it is trusted. */

export type RunState = 'starting' | 'running' | 'paused' | 'done' | 'stopped' | 'failed' | 'lost';

export interface RunManifest {
  readonly id: string;
  /** The config's path when the run began, for display. */
  readonly config: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly state: RunState;
  readonly engine: {
    readonly name: string;
    readonly device: string;
    readonly tier: string;
    readonly threads: number;
    readonly node: string;
  };
  readonly versions: Readonly<Record<string, string>>;
  /** Of a run that is a cell of a sweep. */
  readonly sweep?: RunOfSweep | undefined;
}

export interface RunOfSweep {
  /** The sweep's id. */
  readonly id: string;
  /** From 1. */
  readonly cell: number;
  readonly cells: number;
  /** `search.learningRate=1e-4, search.seed=2`. */
  readonly name: string;
}
