/** Errors of the commands that a user can meet: what, where, and what to do. Anything else that is thrown is a bug. */
import type { UserError } from '../contract/editor';
import { systemCode } from '../files/systemErrors';
import { RunError } from '../runs/runErrors';
import { WeightsError } from '../weights/errors';

/** Thrown by `server/commands`; `message` says what is wrong and where. */
export class CommandError extends Error implements UserError {
  constructor(
    /** Stable, kebab-case. */
    readonly code: string,
    message: string,
    /** What the user can do. */
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** An error as the user is told it, whichever part threw it; `undefined` for a bug. */
export function asUserError(error: unknown): UserError | undefined {
  if (error instanceof CommandError || error instanceof RunError) {
    return { code: error.code, message: error.message, hint: error.hint };
  }
  if (error instanceof WeightsError) {
    return { code: error.code, message: error.what, hint: error.hint };
  }
  const code = systemCode(error);
  if (code === undefined) return undefined;
  const where = (error as { readonly path?: unknown }).path;
  const what = typeof where === 'string' ? where : 'A file';
  return code === 'ENOENT'
    ? {
        code: 'file-missing',
        message: `${what} is not there.`,
        hint: 'It was moved or deleted; put it back.',
      }
    : {
        code: 'file-unusable',
        message: `${what} can't be used (${code}).`,
        hint: 'Check its permissions and the space on its disk.',
      };
}
