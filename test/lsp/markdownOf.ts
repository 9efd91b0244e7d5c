import assert from 'node:assert/strict';
import type { Hover } from 'vscode-languageserver-protocol';

/** The Markdown of a hover. */
export function markdownOf({ contents }: Hover): string {
  assert.ok(typeof contents === 'object' && 'kind' in contents && contents.kind === 'markdown');
  return contents.value;
}
