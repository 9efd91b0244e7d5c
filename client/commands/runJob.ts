/** Short jobs: a cancellable notification, progress as the job tells it, and its answer. */
import { randomUUID } from 'node:crypto';
import { ProgressLocation, window, type CancellationToken } from 'vscode';
import type { Outcome, ServerNotifications } from '../../server/contract/editor';
import type { Extension } from '../extension';
import { messageText } from '../text/escape';
import { jobProgress } from '../text/jobText';
import { cancellable } from './cancel';
import { tellError } from './tell';

export type JobMessage = ServerNotifications['manticore/jobProgress']['message'];

/** The job's value; `undefined` where it was cancelled or failed, which has been told. */
export async function runJob<T>(
  extension: Extension,
  title: string,
  request: (job: string, token: CancellationToken) => Promise<Outcome<T>>,
  hear: (message: JobMessage) => void = () => undefined,
): Promise<T | undefined> {
  const job = randomUUID();
  const outcome = await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: messageText(`Manticore: ${title}`),
      cancellable: true,
    },
    async (progress, token) => {
      let fraction = 0;
      const listening = extension.server.onNotification('manticore/jobProgress', (told) => {
        if (told.job !== job) return;
        hear(told.message);
        if (told.message.type === 'line') extension.log.info(told.message.text.trimEnd());
        const shown = jobProgress(told.message);
        if (shown === undefined) return;
        const increment = shown.fraction === undefined ? 0 : (shown.fraction - fraction) * 100;
        fraction = shown.fraction ?? fraction;
        // The bar only grows: of several files, each begins at its own start.
        progress.report({ message: shown.text, ...(increment > 0 ? { increment } : {}) });
      });
      try {
        return await cancellable(request(job, token), token);
      } finally {
        listening.dispose();
      }
    },
  );
  if (outcome === undefined) return undefined;
  if (outcome.ok) return outcome.value;
  const log = 'Show Log';
  if ((await tellError(outcome.error, log)) === log) extension.log.show();
  return undefined;
}
