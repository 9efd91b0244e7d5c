/** Every command: its id and what carries it out. */
import { commands, window } from 'vscode';
import type { Disposable } from '../disposables';
import { DisposableList } from '../disposables';
import type { Extension } from '../extension';
import { pinBlock, pruneBlock, restoreComponent, unpinBlock } from './blocks';
import { checkpointAndStop, pauseSearch, resumeSearch, runSearch, stopSearch } from './search';
import { newConfig } from './newConfig';
import { openQuickstart } from './quickstart';
import { installEngine, showEngines } from './engines';
import { openSweepReport, resumeSweep, stopSweep } from './sweeps';
import { downloadModel, exportHybrid, generateText } from './jobs';
import {
  copyRunPath,
  openConfig,
  openReport,
  openWeights,
  revealRunFolder,
  showLog,
  showRunActions,
  showRunLog,
} from './show';

type Command = (extension: Extension, argument: unknown) => Promise<void>;

const table: Readonly<Record<string, Command>> = {
  'manticore.runSearch': runSearch,
  'manticore.stopSearch': stopSearch,
  'manticore.checkpointAndStop': checkpointAndStop,
  'manticore.pauseSearch': pauseSearch,
  'manticore.resumeSearch': resumeSearch,
  'manticore.stopSweep': stopSweep,
  'manticore.resumeSweep': resumeSweep,
  'manticore.openSweepReport': openSweepReport,
  'manticore.pinBlock': pinBlock,
  'manticore.unpinBlock': unpinBlock,
  'manticore.pruneBlock': pruneBlock,
  'manticore.restoreComponent': restoreComponent,
  'manticore.openWeights': openWeights,
  'manticore.openReport': openReport,
  'manticore.openReportInBrowser': ({ reports }) => reports.openInBrowser(),
  'manticore.saveReport': ({ reports }) => reports.save(),
  'manticore.openConfig': openConfig,
  'manticore.showLog': showLog,
  'manticore.showRunLog': showRunLog,
  'manticore.showRunActions': showRunActions,
  'manticore.generateText': generateText,
  'manticore.exportHybrid': exportHybrid,
  'manticore.downloadModel': downloadModel,
  'manticore.showEngines': showEngines,
  'manticore.installEngine': installEngine,
  'manticore.openQuickstart': openQuickstart,
  'manticore.newConfig': newConfig,
  'manticore.restartServer': ({ server }) => server.restart(),
  'manticore.refreshRuns': ({ runs }) => runs.refresh(),
  'manticore.copyRunPath': copyRunPath,
  'manticore.revealRunFolder': revealRunFolder,
};

export function registerCommands(extension: Extension): Disposable {
  const registered = new DisposableList();
  for (const [id, command] of Object.entries(table)) {
    registered.add(
      commands.registerCommand(id, (argument: unknown) =>
        carryOut(extension, id, command, argument),
      ),
    );
  }
  return registered;
}

/** What a command throws is a bug, or a server that is gone: a sentence for the user, the details for the log. */
async function carryOut(
  extension: Extension,
  id: string,
  command: Command,
  argument: unknown,
): Promise<void> {
  try {
    await command(extension, argument);
  } catch (error) {
    extension.log.error(
      `${id} failed.`,
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
    const log = 'Show Log';
    const restart = 'Restart Language Server';
    const chosen = await window.showErrorMessage(
      'Manticore could not do that: its language server did not answer as it should. Searches that run are not touched. The log has the details.',
      log,
      restart,
    );
    if (chosen === log) extension.log.show();
    if (chosen === restart) await extension.server.restart();
  }
}
