/** Memory of this process as Linux tells it, the same lines that `peer/peer.py` reads. */
import { readFileSync, writeFileSync } from 'node:fs';

/** `undefined` where the system has no such file. */
function statusBytes(key: 'VmRSS' | 'VmHWM'): number | undefined {
  try {
    const line = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(
      readFileSync('/proc/self/status', 'utf8'),
    );
    return line ? Number(line[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes resident now. */
export const residentBytes = (): number | undefined => statusBytes('VmRSS');

/** Most bytes resident since the process began or `resetPeak` was called. */
export const peakResidentBytes = (): number | undefined => statusBytes('VmHWM');

/** Makes what is resident now the peak; without effect where the system can't. */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // No Linux, or not allowed: the peak is then that since the process began.
  }
}
