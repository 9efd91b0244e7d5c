/** Between the language (`server/lsp`) and the runs (`server/lsp/runs`): neither reaches into the other's files. */
import type { Connection, Disposable } from 'vscode-languageserver';
import type { EditorSettings, Outcome } from '../contract/editor';
import type { RunListEntry, SweepListEntry } from '../contract/runViews';
import type { RunWeights } from '../language/editor/runWeights';
import type { ModelReader } from '../models/modelReader';

/** What runs need of the rest of the server. */
export interface RunsHost {
  /** An open config as it stands in the editor, `undefined` when it isn't open. */
  readonly textOf: (uri: string) => { readonly text: string; readonly version: number } | undefined;
  /** Absolute paths of the open configs that lie on this machine's disk. */
  readonly openConfigs: () => readonly string[];
  /** Called when a config was opened or closed. */
  readonly onOpenConfigs: (listener: () => void) => Disposable;
  /** As last pulled; every value valid. */
  readonly settings: () => EditorSettings;
  /** Resolves when no newer ones are on their way. */
  readonly settingsPulled: () => Promise<void>;
  readonly onSettings: (listener: () => void) => Disposable;
  readonly isTrusted: () => boolean;
  /** Trust is only ever granted, never withdrawn. */
  readonly onTrusted: (listener: () => void) => Disposable;
  /** Absolute paths. */
  readonly workspaceFolders: () => readonly string[];
  readonly onWorkspaceFolders: (listener: () => void) => Disposable;
  /** The disk as it is, for a config at this path: no answer is older than its question, none is guessed. */
  readonly modelReader: (configPath: string) => ModelReader;
  /** A model was downloaded or exported: open configs are checked again. */
  readonly modelsChanged: () => void;
  /** A line for the log channel. */
  readonly log: (message: string) => void;
}

/** A run's mark on one block. */
export interface BlockMarks {
  /** Weights of the components that the pin named; `undefined` when it isn't pinned. */
  readonly pin: Readonly<Record<string, number>> | undefined;
  readonly prune: readonly string[];
}

/** What the language shows of runs. Paths of configs are absolute. */
export interface RunsService {
  /** The newest run of a config. */
  readonly runOf: (configPath: string) => RunListEntry | undefined;
  /** The sweep of a config that goes on, else its newest. */
  readonly sweepOf: (configPath: string) => SweepListEntry | undefined;
  /** What the newest run of a config says of α; `undefined` where none fits these components and blocks. */
  readonly weightsOf: (
    configPath: string,
    components: readonly string[],
    blocks: number,
  ) => RunWeights | undefined;
  /** Pins and prunings of a run as they stand now, by block from 1 on. */
  readonly marksOf: (dir: string) => Promise<Outcome<readonly BlockMarks[]>>;
  /** Called when anything that `runOf` or `weightsOf` answer has changed. */
  readonly onChange: (listener: () => void) => Disposable;
  /** Lets go of watchers and processes; runs go on. */
  readonly dispose: () => Promise<void>;
}

/** What `server/lsp/runs/registerRuns.ts` exports. */
export type RegisterRuns = (connection: Connection, host: RunsHost) => RunsService;
