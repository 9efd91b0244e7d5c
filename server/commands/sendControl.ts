/** Sends one request to a run that is going on. */
import type { ControlReply, ControlRequest } from '../contract/control';
import { ControlClient } from '../runs/controlClient';

/**
 * Waits until the request is applied or refused, between two steps. Aborting stops the waiting, not the request.
 * @throws RunError `not-running`, `control-refused`, `control-timeout`
 */
export async function sendControl(
  dir: string,
  request: ControlRequest,
  signal?: AbortSignal,
): Promise<ControlReply> {
  const client = await ControlClient.connect(dir);
  const abort = (): void => client.close();
  signal?.addEventListener('abort', abort);
  try {
    if (signal?.aborted === true) client.close();
    return await client.request(request);
  } finally {
    signal?.removeEventListener('abort', abort);
    client.close();
  }
}
