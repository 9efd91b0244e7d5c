/** How a compute process says that its run failed, also when the disk is full. */
import { ownIdentity } from './processIdentity';
import { releaseReserve, updateManifest } from './runFolder';
import type { EventLog } from './eventLog';

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** What the user can do. */
  readonly hint: string;
}

/**
 * Appends `failed` and writes the state. The reserve is given back first, so that a full disk has room for both; each is
 * tried even if the other can't be written, because either alone tells readers how the run ended.
 * @throws what went wrong last, after both were tried
 */
export async function failRun(dir: string, log: EventLog, failure: Failure): Promise<void> {
  await releaseReserve(dir);
  const { pid } = await ownIdentity();
  try {
    log.append({ type: 'failed', ...failure });
    log.sync();
  } finally {
    await updateManifest(dir, { state: 'failed', pid });
  }
}
