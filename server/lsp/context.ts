/** What every feature is handed. */
import type { ClientCapabilities, Connection } from 'vscode-languageserver';
import type { Checker } from './checker';
import type { DiskClient } from './disk/diskClient';
import type { ConfigDocuments } from './documents';
import type { RunsService } from './runsInterface';
import type { Settings } from './settings';
import type { Workspace } from './workspace';

export interface LanguageContext {
  readonly connection: Connection;
  readonly documents: ConfigDocuments;
  readonly workspace: Workspace;
  readonly checker: Checker;
  readonly settings: Settings;
  readonly disk: DiskClient;
  readonly runs: RunsService;
  /** Of the client; as it said when it began. */
  readonly client: () => ClientCapabilities;
  /** An internal error, for the log: what was being done, and what came of it. */
  readonly failed: (doing: string, error: unknown) => void;
}
