/** Text inside Markdown (CommonMark with GitHub's tables): names and paths from files are hostile. */
import { displayText } from './text';

const punctuation = /[!-/:-@[-`{-~]/gu;

/**
 * A name or a sentence as Markdown shows it, letter by letter: punctuation is escaped, so that nothing in it is a link,
 * markup, HTML or a table's edge. What can't be any of these stays as it is: a hyphen in a word, a number's point, the full
 * stop behind a word.
 */
export function escapeMarkdown(text: string, limit = 200): string {
  return displayText(text, limit).replace(punctuation, (mark, at: number, whole: string) => {
    const before = whole[at - 1] ?? '';
    const after = whole[at + 1] ?? ' ';
    const plain =
      mark === '-'
        ? /[\p{L}\d]/u.test(before) && /[\p{L}\d]/u.test(after)
        : /[.,]/u.test(mark) && (/\d/u.test(after) || (/\p{L}/u.test(before) && /\s/u.test(after)));
    return plain ? mark : `\\${mark}`;
  });
}

/** A table; cells are Markdown already. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_, column) => (column === 0 ? '---' : '---:'))),
    ...rows.map(line),
  ];
}

/** A string of YAML: JSON's are YAML's. */
export const yamlString = (text: string): string => JSON.stringify(displayText(text));
