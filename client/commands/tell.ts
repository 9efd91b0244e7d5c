/** Messages to the user: what, where, what to do; never a stack trace. */
import { commands, window, workspace } from 'vscode';
import type { UserError } from '../../server/contract/editor';
import { messageText } from '../text/escape';
import { refuseToRun, type Place, type Refusal } from './refusals';

export function place(): Place {
  const folders = workspace.workspaceFolders ?? [];
  return {
    trusted: workspace.isTrusted,
    virtual: folders.length > 0 && folders.every(({ uri }) => uri.scheme !== 'file'),
  };
}

/** Says why not, and offers the way out. */
export async function tellRefusal(refusal: Refusal): Promise<void> {
  const { sentence, wayOut } = refusal;
  if (wayOut === undefined) {
    await window.showInformationMessage(sentence);
    return;
  }
  const chosen = await window.showInformationMessage(sentence, wayOut.title);
  if (chosen === wayOut.title) await commands.executeCommand(wayOut.command);
}

/** Whether this may run here; the user has been told where not. */
export async function mayRun(what: string): Promise<boolean> {
  const refusal = refuseToRun(what, place());
  if (refusal !== undefined) await tellRefusal(refusal);
  return refusal === undefined;
}

/** A user error of the server, with buttons; answers the one that was pressed. */
export async function tellError<T extends string>(
  error: UserError,
  ...buttons: readonly T[]
): Promise<T | undefined> {
  const text = messageText(`${error.message} ${error.hint}`.trim(), 800);
  return window.showErrorMessage(text, ...buttons);
}
