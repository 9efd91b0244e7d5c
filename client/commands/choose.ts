/** Which run or config a command is about: its argument, else the only one, the one in view, or a question. */
import { Uri, window, workspace, type QuickPickItem } from 'vscode';
import type { RunState } from '../../server/contract/run';
import type { Extension } from '../extension';
import { hasResult, isActive, isResumable, runDescription, stateIcon } from '../runs/runText';
import { escapeIcons } from '../text/escape';
import { isConfigName, runDirOf } from './arguments';
import { noConfig, noRun, refuseToRead, type Need } from './refusals';
import { place, tellRefusal } from './tell';

const fits: Record<Need, (state: RunState) => boolean> = {
  any: () => true,
  active: isActive,
  running: (state) => state === 'running' || state === 'starting',
  resumable: isResumable,
  result: hasResult,
};

/** A run, or `undefined` when none was chosen; the user has been told why there is none. */
export async function chooseRun(
  extension: Extension,
  argument: unknown,
  need: Need,
  title: string,
): Promise<{ readonly dir: string; readonly name: string } | undefined> {
  const refusal = refuseToRead(place());
  if (refusal !== undefined) {
    await tellRefusal(refusal);
    return undefined;
  }
  const named = runDirOf(argument);
  if (named !== undefined) {
    return {
      dir: named,
      name:
        (extension.runs.find(named) ?? extension.runs.findSweep(named))?.name ?? baseName(named),
    };
  }
  if (!extension.runs.isKnown) await extension.runs.refresh();
  const candidates = extension.runs.runs.filter((run) => fits[need](run.state));
  // A menu of a config's editor: the newest run of that config.
  const own =
    argument instanceof Uri
      ? candidates.find(({ config }) => Uri.file(config).toString() === argument.toString())
      : undefined;
  if (own !== undefined) return own;
  const shown = candidates.find((run) => run.dir === extension.panels.activeDir);
  if (shown !== undefined) return shown;
  if (candidates.length === 0) {
    await tellRefusal(noRun(need));
    return undefined;
  }
  if (candidates.length === 1) return candidates[0];
  return pick(candidates, {
    ...{ title, placeHolder: 'Which run?' },
    icon: ({ state }) => stateIcon(state).icon,
    description: runDescription,
  });
}

/** A run or a sweep of several, by name; `undefined` when none was chosen. */
export async function pick<E extends { readonly name: string; readonly config: string }>(
  entries: readonly E[],
  how: {
    readonly title: string;
    readonly placeHolder: string;
    readonly icon: (entry: E) => string;
    readonly description: (entry: E, now: Date) => string;
  },
): Promise<E | undefined> {
  const now = new Date();
  const items = entries.map((entry) => ({
    label: `$(${how.icon(entry)}) ${escapeIcons(entry.name)}`,
    description: escapeIcons(how.description(entry, now)),
    detail: escapeIcons(entry.config),
    entry,
  }));
  const chosen = await window.showQuickPick(items, {
    title: how.title,
    placeHolder: how.placeHolder,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.entry;
}

/** The config that a command is about; `undefined` when none was chosen (said where there is none). */
export async function chooseConfig(argument: unknown, title: string): Promise<Uri | undefined> {
  // A code lens gives text; menus of the explorer and the editor give the URI itself.
  if (argument instanceof Uri) return argument;
  if (typeof argument === 'string' && argument !== '') return Uri.parse(argument, true);
  const active = window.activeTextEditor?.document;
  if (active?.languageId === 'manticore') return active.uri;
  const visible = window.visibleTextEditors.filter(
    ({ document }) => document.languageId === 'manticore',
  );
  if (visible.length === 1) return visible[0]?.document.uri;
  const found = await findConfigs(200);
  const open = workspace.textDocuments
    .filter((document) => document.languageId === 'manticore' && !document.isClosed)
    .map(({ uri }) => uri)
    .filter(({ scheme }) => scheme === 'file' || scheme === 'untitled');
  const all = [...new Map([...open, ...found].map((uri) => [uri.toString(), uri])).values()];
  if (all.length === 0) {
    await tellRefusal(noConfig((workspace.workspaceFolders ?? []).length > 0));
    return undefined;
  }
  if (all.length === 1) return all[0];
  const items: (QuickPickItem & { uri: Uri })[] = all.map((uri) => ({
    label: escapeIcons(baseName(uri.path)),
    description: escapeIcons(workspace.asRelativePath(uri)),
    uri,
  }));
  items.sort((a, b) => (a.description ?? '').localeCompare(b.description ?? ''));
  const chosen = await window.showQuickPick(items, {
    title,
    placeHolder: 'Which config?',
    matchOnDescription: true,
  });
  return chosen?.uri;
}

export const configPattern = '**/*.manticore.{yaml,yml}';

/** Configs of the workspace, but not the snapshots in run folders. */
export async function findConfigs(limit: number): Promise<readonly Uri[]> {
  const found = await workspace.findFiles(configPattern, '**/{node_modules,.manticore}/**', limit);
  return found.filter(({ path }) => isConfigName(path));
}

function baseName(path: string): string {
  return path.split(/[\\/]/u).findLast((part) => part !== '') ?? path;
}
