/** What all requests about a config share: its check, cancellation, answers that came too late, and bugs. */
import type { CancellationToken } from 'vscode-languageserver';
import { LSPErrorCodes, ResponseError } from 'vscode-languageserver';
import type { Snapshot } from './checker';
import type { LanguageContext } from './context';

export interface DocumentParams {
  readonly textDocument: { readonly uri: string };
}

/**
 * A handler over the config as it stands when the request is read.
 * @param doing for the log
 * @param nothing the answer for what is no open config, and where a bug keeps the real one
 */
export function aboutConfig<P extends DocumentParams, R>(
  context: LanguageContext,
  doing: string,
  nothing: R,
  handle: (snapshot: Snapshot, params: P, token: CancellationToken) => R | Promise<R>,
): (params: P, token: CancellationToken) => Promise<R> {
  return async (params, token) => {
    const { uri } = params.textDocument;
    let snapshot: Snapshot | undefined;
    let answer = nothing;
    try {
      snapshot = await context.checker.snapshot(uri);
      if (!snapshot) return nothing;
      if (!token.isCancellationRequested) answer = await handle(snapshot, params, token);
    } catch (error) {
      if (error instanceof ResponseError) throw error;
      context.failed(doing, error);
    }
    if (token.isCancellationRequested) {
      throw new ResponseError(LSPErrorCodes.RequestCancelled, 'The request was cancelled.');
    }
    const now = context.documents.get(uri);
    if (snapshot && now?.version !== snapshot.version) {
      throw new ResponseError(LSPErrorCodes.ContentModified, 'The config has changed since.');
    }
    return answer;
  };
}
