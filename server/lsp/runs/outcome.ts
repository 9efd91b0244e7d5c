/** What a request answers: a value, or an error in the editor's words. */
import { asUserError } from '../../commands/commandError';
import type { Outcome, UserError } from '../../contract/editor';

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const refused = <T>(error: UserError): Outcome<T> => ({ ok: false, error });

/** Ways out that are commands of the editor, where the error itself names those of the terminal. */
const hints: Readonly<Record<string, string>> = {
  'disk-full': 'Free some space on that disk, then resume the search.',
  'run-folder-refused':
    'Make that folder writable, or let the setting `manticore.runsFolder` name another one.',
  'not-a-run': 'It was moved or deleted, or is none of this version.',
  'not-running': 'Resume the search, if it is not done.',
  'already-running': 'Open its weights to follow it, or stop it first.',
  'sweep-done': 'Open its report, or run the config again.',
  'run-done': 'Open its report, or run the config again.',
  'plan-changed': 'Put the models and the config back as they were, or run the config anew.',
  'hub-not-cached': 'Download the model: the command is Manticore: Download Model….',
};

/** The error as the user is told it in the editor; `undefined` for a bug. */
export function editorError(error: unknown): UserError | undefined {
  const known = asUserError(error);
  if (known === undefined) return undefined;
  return inEditor(known);
}

/** An error with the editor's way out. */
export const inEditor = (error: UserError): UserError => ({
  ...error,
  hint: hints[error.code] ?? error.hint,
});

export const untrusted: UserError = {
  code: 'untrusted',
  message: 'This workspace is not trusted: nothing runs in it, and no run of it is read.',
  hint: 'Trust the workspace (Workspaces: Manage Workspace Trust), then try again.',
};
