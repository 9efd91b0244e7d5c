/** How a process ended that could not say so itself. */

/** As Node tells it of a child: by its own code, or by a signal. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Windows's statuses of a crash: 0xC0000005 (an access violation) and its kin. */
const LEAST_CRASH_STATUS = 0xc0000000;

const CRASH =
  'Code of an engine or a driver crashed: if it happens again, update the driver of the GPU or take another engine.';
const KILLED =
  'Somebody ended it, or the system did because the memory ran out: a smaller batch or context takes less.';

const advice: Readonly<Record<string, string>> = {
  ...{
    SIGABRT: CRASH,
    SIGBUS: CRASH,
    SIGFPE: CRASH,
    SIGILL: CRASH,
    SIGSEGV: CRASH,
    SIGTRAP: CRASH,
  },
  SIGKILL: KILLED,
};

const isCrash = ({ code }: ProcessEnd): boolean => code !== null && code >= LEAST_CRASH_STATUS;

/** Whether it had no chance of a last word. */
export const wasCut = (end: ProcessEnd): boolean => end.signal !== null || isCrash(end);

/** `SIGKILL`, `code 3`. */
export function nameOfEnd(end: ProcessEnd): string {
  if (end.signal !== null) return end.signal;
  return `code ${isCrash(end) ? `0x${end.code!.toString(16)}` : (end.code ?? 'unknown')}`;
}

/** What that means and what to do, where there is something to say. */
export const adviceOnEnd = (end: ProcessEnd): string | undefined =>
  isCrash(end) ? CRASH : advice[end.signal ?? ''];
