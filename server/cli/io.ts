/** Where a command reads and writes: the terminal in `main.ts`, a recorder in tests. */
export interface Io {
  /** Standard output. With `json` it carries JSON and nothing else. */
  readonly out: (text: string) => void;
  /** Standard error: what is wrong, where, what to do. */
  readonly err: (text: string) => void;
  readonly json: boolean;
  readonly isTTY: boolean;
  readonly columns: number;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Aborted by the second. */
  readonly impatience: AbortSignal;
}

/** Exit codes (ARCHITECTURE.md). */
export const exitCode = {
  done: 0,
  problems: 1,
  usage: 2,
  failed: 3,
  stopped: 130,
} as const;

/** An error for the user: what is wrong and what to do. Anything else that is thrown is a bug. */
export class CliError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exit: number;

  constructor(code: string, message: string, hint: string, exit: number = exitCode.problems) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.hint = hint;
    this.exit = exit;
  }
}
