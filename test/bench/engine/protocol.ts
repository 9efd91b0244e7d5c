/**
 * What the benchmark asks of a child, one JSON object a line, and what it answers, one line each. Both sides
 * (`ours.ts`, `peer/peer.py`) speak it, so that they are measured alike.
 */

export type Ask =
  /** Loads libraries, notes the memory that they take, then makes the model. */
  | { readonly do: 'load' }
  /** The first steps, untimed: numbers that both sides must agree on, and the memory that the steps took. */
  | { readonly do: 'check'; readonly count: number }
  /** One turn: milliseconds of each series (one for a model, one a length for a scan). */
  | { readonly do: 'turn' }
  | { readonly do: 'profile'; readonly count: number };

export interface Loaded {
  /** Name and version of what computes. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Checked {
  /** Losses of the first steps, ids of a text, or sums over a scan's results. */
  readonly values: readonly number[];
  /** Most bytes resident during these steps above those with libraries loaded; `null` where the system doesn't tell. */
  readonly memoryBytes: number | null;
  /** Most bytes resident during these steps in all, libraries included. */
  readonly processBytes: number | null;
  /** Most bytes that tensors took, where the side knows. */
  readonly tensorBytes?: number;
}

export interface Turn {
  readonly milliseconds: readonly number[];
}

export interface ProfileLine {
  readonly name: string;
  /** A step's. */
  readonly milliseconds: number;
  /** A step's. */
  readonly calls: number;
}

export interface Profile {
  /** Milliseconds of a step under the profiler. */
  readonly total: number;
  readonly lines: readonly ProfileLine[];
}

export interface Answers {
  readonly load: Loaded;
  readonly check: Checked;
  readonly turn: Turn;
  readonly profile: Profile;
}
