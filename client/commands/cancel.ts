/** Cancelled requests: no error, no message. */
import { CancellationError, type CancellationToken } from 'vscode';

/** The answer; `undefined` where the request was cancelled, by the user or with the server's end of it. */
export async function cancellable<T>(
  answer: Promise<T>,
  token: CancellationToken,
): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (token.isCancellationRequested || error instanceof CancellationError) return undefined;
    throw error;
  }
}
