/** Stops a sweep from another process than the one that works on it. */
import { findPublication } from '../../runs/runtimeFolder';
import type { ListedSweep } from '../../runs/sweepFolder';
import { CommandError } from '../commandError';
import { sendControl } from '../sendControl';
import { openSweep } from './sweepCells';

/**
 * Asks the process that works on the sweep to stop it; without one, its running cells themselves.
 * @returns how many cells were running. @throws CommandError `not-running`, or the code of a refusal; RunError as `sendControl`
 */
export async function stopSweep(
  { dir, manifest }: ListedSweep,
  checkpoint: boolean,
  signal?: AbortSignal,
): Promise<number> {
  const { cells } = await openSweep(dir);
  const running = cells.flatMap(({ run, state }) =>
    run && (state === 'running' || state === 'paused') ? [run.dir] : [],
  );
  const isWorkedOn = (await findPublication(dir)) !== undefined;
  if (!isWorkedOn && running.length === 0) {
    throw new CommandError('not-running', `Nobody works on sweep ${manifest.id}.`, '');
  }
  for (const one of isWorkedOn ? [dir] : running) {
    const reply = await sendControl(one, { action: 'stop', checkpoint }, signal);
    if (!reply.ok) throw new CommandError(reply.code, reply.message, '');
  }
  return running.length;
}
