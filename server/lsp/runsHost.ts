/** What the runs are handed of the rest of the server. */
import { Emitter } from 'vscode-languageserver';
import type { Checker } from './checker';
import type { LanguageContext } from './context';
import type { RunsHost } from './runsInterface';

type Parts = Pick<LanguageContext, 'connection' | 'documents' | 'workspace' | 'settings'> & {
  readonly checker: Checker;
};

export function runsHostOf({
  connection,
  documents,
  workspace,
  settings,
  checker,
}: Parts): RunsHost {
  const openConfigs = new Emitter<void>();
  const fire = (): void => {
    openConfigs.fire();
  };
  documents.onOpen(fire);
  documents.onClose(fire);
  return {
    textOf: (uri) => documents.get(uri),
    openConfigs: () => documents.paths,
    onOpenConfigs: (listener) => openConfigs.event(listener),
    settings: () => settings.current,
    settingsPulled: () => settings.pulled(),
    onSettings: (listener) => settings.onChange(listener),
    isTrusted: () => workspace.isTrusted,
    onTrusted: (listener) => workspace.onTrusted(listener),
    workspaceFolders: () => workspace.folders,
    onWorkspaceFolders: (listener) => workspace.onFolders(listener),
    modelReader: (configPath) => checker.readerFor(workspace.placeOfPath(configPath)),
    modelsChanged: () => checker.refresh(),
    log: (message) => connection.console.log(message),
  };
}
