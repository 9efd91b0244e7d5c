/** How tests inside the extension host tell what they found: a file, since the window can only say "failed". */

export interface InsideResult {
  readonly title: string;
  /** `undefined`: it passed. */
  readonly failure: { readonly message: string; readonly stack: string } | undefined;
}

/** Environment variable with the file that takes the results. */
export const resultVariable = 'MANTICORE_INSIDE_RESULTS';
