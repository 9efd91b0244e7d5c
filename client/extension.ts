/** What the parts of the extension share; made once by `main.ts`. */
import { workspace, type ExtensionContext, type LogOutputChannel } from 'vscode';
import type { EditorSettings } from '../server/contract/editor';
import type { Panels } from './panel/panels';
import type { Reports } from './reports';
import type { RunList } from './runs/runList';
import type { ServerConnection } from './server';
import type { TextDocuments } from './textDocuments';

export interface Extension {
  readonly context: ExtensionContext;
  readonly log: LogOutputChannel;
  readonly server: ServerConnection;
  readonly runs: RunList;
  readonly panels: Panels;
  readonly reports: Reports;
  readonly texts: TextDocuments;
  /** Shows a sweep in the view of runs, the keyboard staying where it is. */
  readonly revealSweep: (dir: string) => Promise<void>;
}

/** The client's own settings, beside the server's. */
export interface ClientSettings extends EditorSettings {
  readonly openWeightsOnRun: boolean;
  readonly progress: 'statusBar' | 'notification';
  readonly 'statusBar.enabled': boolean;
  readonly 'decorations.enabled': boolean;
  readonly 'inlayHints.enabled': boolean;
}

/** A setting's value; `package.json` holds the defaults. */
export function setting<K extends keyof ClientSettings>(
  name: K,
  fallback: ClientSettings[K],
): ClientSettings[K] {
  return workspace.getConfiguration('manticore').get<ClientSettings[K]>(name, fallback);
}
