/** Texts with the caret in them: `co|mponents:`. */
import assert from 'node:assert/strict';

/** Takes the `|` out, if there is one. */
export function unmarkCaret(marked: string): { text: string; caret: number | undefined } {
  const [before, after, ...more] = marked.split('|');
  assert.ok(before !== undefined && more.length === 0, 'mark one place');
  return after === undefined
    ? { text: before, caret: undefined }
    : { text: before + after, caret: before.length };
}
