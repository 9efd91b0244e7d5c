/**
 * What the editor's client and the language server say to each other beyond the Language Server Protocol. Requests and
 * notifications are named in the two maps; the maps' docs say who sends each, and why.
 */
import type { ControlRequest } from './control';
import type { EngineReport } from './engine';
import type { Alphas, RunEvent, Where } from './events';
import type { ComputeMessage, ExportFormat, ExportType } from './jobs';
import type { RunState } from './run';
import type { LossCurve, RunLists, RunRef, RunSnapshot } from './runViews';

/** An error for the user: `message` says what is wrong and where, `hint` what to do. */
export interface UserError {
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** What a request answers: user errors are values, only bugs reject. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: UserError };

/** `initializationOptions` of the language server. */
export interface ServerOptions {
  /** Whether the workspace is trusted: without it nothing runs, and only files inside the workspace are read. */
  readonly trusted: boolean;
}

/** The section `manticore` of the user's settings, as the server pulls it. */
export interface EditorSettings {
  /** `config`: as the config says. */
  readonly engine: 'config' | 'auto' | 'wasm' | 'webgpu' | 'tensorflow';
  /** Empty: the best Node at hand. */
  readonly nodePath: string;
  /** Empty: `.manticore/runs` beside the config. Relative: from the config's workspace folder. */
  readonly runsFolder: string;
  readonly inlayHints: { readonly enabled: boolean };
}

/** One block of an open config, with what a run says of it. Sent for decorations. */
export interface BlockWeights {
  /** From 1. */
  readonly block: number;
  /** Line of the document, from 0, whose end the decoration follows. */
  readonly line: number;
  readonly components: readonly {
    readonly name: string;
    /** α; `undefined` when no run has told it. */
    readonly alpha: number | undefined;
    /** Change since the last checkpoint; `undefined` before there was one. */
    readonly trend: number | undefined;
    readonly pruned: boolean;
  }[];
  readonly pinned: boolean;
}

/** A model that a new config may use. */
export interface ModelChoice {
  /** As `source:` takes it, relative to the folder that was asked about. */
  readonly source: string;
  readonly label: string;
  readonly family: string;
  readonly layers: number;
  readonly parameters: number;
}

export interface TextChange {
  /** UTF-16 positions, from 0. */
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
  readonly newText: string;
}

/** Requests of the client, answered by the server: method → [params, result]. */
export interface EditorRequests {
  /**
   * Run Manticore Search: checks the config (the open text, else the file) and starts its compute process; of a config with
   * `sweep` the process that works through its cells.
   */
  'manticore/startSearch': [
    {
      readonly uri: string;
      /** Start although another run is going on. Else the answer then is the error `another-run`. */
      readonly besides: boolean;
    },
    Outcome<RunRef & { /** Runs of the sweep, where it is one. */ readonly cells?: number }>,
  ];
  /**
   * Resume Search: a paused run goes on; a stopped, failed or lost one starts again at its last checkpoint. Resume Sweep:
   * every cell that isn't done goes on or begins.
   */
  'manticore/resumeRun': [{ readonly dir: string }, Outcome<RunRef>];
  /** Stop, pause, pin, prune …: answered once it is applied, between two steps. A sweep can be stopped. */
  'manticore/controlRun': [
    { readonly dir: string; readonly request: ControlRequest },
    Outcome<{ readonly step: number }>,
  ];
  /** The panel opens or becomes visible again. */
  'manticore/runSnapshot': [{ readonly dir: string }, Outcome<RunSnapshot>];
  /** Events from `fromSeq` on are wanted, until `manticore/unwatchRun`. Watching again starts again at `fromSeq`. */
  'manticore/watchRun': [{ readonly dir: string; readonly fromSeq: number }, Outcome<null>];
  'manticore/unwatchRun': [{ readonly dir: string }, Outcome<null>];
  /** α after exact steps, for the panel's slider; null where the log has none. */
  'manticore/alphasAt': [
    { readonly dir: string; readonly where: Where; readonly steps: readonly number[] },
    Outcome<readonly (Alphas | null)[]>,
  ];
  /** Losses of a stretch of steps, for zooming. */
  'manticore/lossBetween': [
    {
      readonly dir: string;
      readonly where: Where;
      readonly fromStep: number;
      readonly toStep: number;
      readonly maxPoints: number;
    },
    Outcome<LossCurve>,
  ];
  /** Open Report, of a run or a sweep: made again from the runs' data; a stored one is never opened. */
  'manticore/buildReport': [
    {
      readonly dir: string;
      /** The theme it is shown in; default `auto`, the reader's system's. */
      readonly appearance?: 'auto' | 'light' | 'dark';
    },
    Outcome<{ readonly html: string; readonly headline: string }>,
  ];
  /** The text of a run's or a sweep's `compute.log`, its end only where it is long. */
  'manticore/computeLog': [{ readonly dir: string }, Outcome<string>];
  /** Every known run and sweep again, beside the notification: for a client that has just begun. */
  'manticore/listRuns': [null, RunLists];
  /** Show Engines. `job` names it in `manticore/jobProgress`; cancelling the request ends its process. */
  'manticore/engines': [{ readonly job: string }, Outcome<readonly EngineReport[]>];
  'manticore/installEngine': [
    { readonly job: string; readonly name: string },
    Outcome<{ readonly where: string }>,
  ];
  'manticore/generate': [
    {
      readonly job: string;
      readonly dir: string;
      readonly prompt: string;
      readonly maxTokens: number;
      readonly temperature: number;
      readonly topP: number;
      readonly seed: number;
    },
    Outcome<{ readonly text: string; readonly tokens: number; readonly tokensPerSecond: number }>,
  ];
  'manticore/export': [
    {
      readonly job: string;
      readonly dir: string;
      /** Absolute. */
      readonly to: string;
      readonly component: string | undefined;
      readonly format: ExportFormat;
      readonly dtype: ExportType;
    },
    Outcome<{ readonly path: string; readonly files: readonly string[] }>,
  ];
  /** Download Model: `source` is `hf:owner/name[@revision]`. */
  'manticore/download': [
    { readonly job: string; readonly source: string },
    Outcome<{ readonly path: string }>,
  ];
  /** Write to config: the edit that makes the config's pins and prunings those of the run. */
  'manticore/mixtureEdit': [
    { readonly uri: string; readonly dir: string },
    Outcome<{ readonly version: number | null; readonly changes: readonly TextChange[] }>,
  ];
  /** New Hybrid Config: models that are at hand, seen from a folder (absolute). */
  'manticore/models': [{ readonly folder: string }, Outcome<readonly ModelChoice[]>];
  /** New Hybrid Config: the text of a config of these sources that is clean under `check` but for its data files. */
  'manticore/newConfig': [
    { readonly folder: string; readonly sources: readonly string[] },
    Outcome<string>,
  ];
}

/** Notifications of the server to the client: method → params. */
export interface ServerNotifications {
  /** Something of the list changed; at most twice a second. */
  'manticore/runs': RunLists;
  /** Events of a watched run as they stand in the log (`resumed` included), in batches, at most ten a second. */
  'manticore/runEvents': {
    readonly dir: string;
    readonly events: readonly RunEvent[];
    readonly state: RunState;
    /** The run folder is gone: nothing more comes. */
    readonly gone: boolean;
  };
  /** For decorations of an open config; an empty list takes them away. */
  'manticore/blockWeights': {
    readonly uri: string;
    readonly version: number;
    readonly blocks: readonly BlockWeights[];
    /** `live`: a run of this config goes on; `last`: from its last run; `config`: none has run. */
    readonly source: 'live' | 'last' | 'config';
  };
  /** What a job says as it goes: tokens, bytes, lines of an installer. */
  'manticore/jobProgress': {
    readonly job: string;
    readonly message:
      | ComputeMessage
      | { readonly type: 'line'; readonly text: string }
      | {
          readonly type: 'download';
          readonly file: string;
          readonly doneBytes: number;
          readonly totalBytes: number;
        };
  };
}

/** Notifications of the client to the server: method → params. */
export interface ClientNotifications {
  /** The user has granted trust. */
  'manticore/trusted': null;
}

/** Commands that code lenses and code actions of the server name, and the client carries out: id → arguments. */
export interface EditorCommands {
  /** A config's URI. */
  'manticore.runSearch': readonly [uri: string];
  /** A run's folder. */
  'manticore.resumeSearch': readonly [dir: string];
  'manticore.openWeights': readonly [dir: string];
  'manticore.stopSearch': readonly [dir: string];
  /** A sweep's folder. */
  'manticore.stopSweep': readonly [dir: string];
  'manticore.resumeSweep': readonly [dir: string];
  'manticore.openSweepReport': readonly [dir: string];
  'manticore.downloadModel': readonly [source: string];
}
