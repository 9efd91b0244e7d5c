/** Sends what a command asks of a run that goes on. */
import { ProgressLocation, window } from 'vscode';
import type { ControlRequest } from '../../server/contract/control';
import type { Outcome } from '../../server/contract/editor';
import type { Extension } from '../extension';
import { escapeIcons } from '../text/escape';
import { tellError } from './tell';

/** Sends a control to a run or a sweep; answers the step it was applied at, or tells why it wasn't. */
export async function control(
  extension: Extension,
  dir: string,
  request: ControlRequest,
  title: string,
): Promise<number | undefined> {
  const outcome: Outcome<{ readonly step: number }> = await window.withProgress(
    { location: ProgressLocation.Window, title: escapeIcons(title) },
    () => extension.server.request('manticore/controlRun', { dir, request }),
  );
  if (outcome.ok) {
    extension.log.info(`${title}: applied at step ${outcome.value.step}.`);
    return outcome.value.step;
  }
  await tellError(outcome.error);
  return undefined;
}
