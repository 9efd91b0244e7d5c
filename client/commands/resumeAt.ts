/** Going on with what has ended or was paused: a run, or a sweep. */
import { commands, ProgressLocation, window } from 'vscode';
import type { RunRef } from '../../server/contract/runViews';
import type { Extension } from '../extension';
import { messageText } from '../text/escape';
import { cancellable } from './cancel';
import { tellError } from './tell';

/** @returns where it goes on; `undefined` where that was cancelled or refused, which has been told */
export async function resumeAt(
  extension: Extension,
  { dir, name }: { readonly dir: string; readonly name: string },
): Promise<RunRef | undefined> {
  const outcome = await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: `Manticore: resuming ${messageText(name, 60)}`,
      cancellable: true,
    },
    async (_progress, token) =>
      cancellable(extension.server.request('manticore/resumeRun', { dir }, token), token),
  );
  if (outcome === undefined) return undefined;
  if (outcome.ok) return outcome.value;
  const log = 'Show Log';
  if ((await tellError(outcome.error, log)) === log)
    await commands.executeCommand('manticore.showRunLog', dir);
  return undefined;
}
