/** A finding about a config: made by `server/language`, shown by the editor, by `manticore check`, and before every run. */

export type Severity = 'error' | 'warning' | 'information';

/** Half-open span of UTF-16 code units in the config's text. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

export interface TextEdit {
  readonly span: TextSpan;
  readonly text: string;
}

export interface QuickFix {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  /** Instead of edits: the hub source (`hf:owner/name@revision`) that has to be downloaded, as `manticore pull` does. */
  readonly download?: string;
}

export interface Problem {
  /** Stable, kebab-case: `unknown-key`, `pin-sum`, … */
  readonly code: string;
  readonly severity: Severity;
  /** One or two sentences: what is wrong and what to do. */
  readonly message: string;
  readonly span: TextSpan;
  readonly fixes?: readonly QuickFix[];
}
