/** What a compute process printed at last: why a run is lost, where it could still say so. */
import { systemCode } from '../files/systemErrors';
import { readRange } from '../files/regularFile';
import { computeLogName } from './launch';
import { RunError } from './runErrors';
import { openInside } from './safeFiles';

/** The end of a run's `compute.log`, at most so many bytes of it; empty where there is none. */
export async function computeLogEnd(dir: string, maximumBytes: number): Promise<string> {
  try {
    const { handle, size } = await openInside(dir, computeLogName, Number.MAX_SAFE_INTEGER);
    try {
      const start = Math.max(0, size - maximumBytes);
      const text = (await readRange(handle, start, size - start)).toString('utf8');
      return start === 0 ? text : `…\n${text.slice(text.indexOf('\n') + 1)}`;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return '';
  }
}

/** The sentence of the last error that a process printed, `undefined` when it ended without one. */
export async function lastError(dir: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await computeLogEnd(dir, 16 * 1024);
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
  const spoken = text
    .split(/\r?\n/)
    .findLast((line) =>
      /^(?:Uncaught )?(?:[A-Za-z]*Error|FATAL ERROR)(?: \[\w+\])?: \S/.test(line),
    );
  return spoken?.replace(/^[^:]*: /, '').slice(0, 500);
}
