/** Refactorings: edits of a config that change what it says little or not at all. */
import type { TextEdit, TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { writeOutBlocks } from './writeOut';

export interface Refactoring {
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

/** Those that fit what `span` touches. */
export function refactorings(checked: CheckedConfig, span: TextSpan): readonly Refactoring[] {
  const writeOut = writeOutBlocks(checked, span);
  return writeOut ? [writeOut] : [];
}
