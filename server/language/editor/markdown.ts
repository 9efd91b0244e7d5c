/** Text of unknown origin in Markdown and in labels: shown as it is, and nothing more. */
import { shown } from '../configDocument';

/** Escaped for running text: no link, image, HTML or emphasis comes out of it. One line, not too long. */
export function escaped(text: string): string {
  return shown(text).replace(/[\\`*_{}[\]()<>#+\-.!|~&:@]/g, '\\$&');
}

/** As code. Backticks, which would end it, become another mark. One line, not too long. */
export function code(text: string): string {
  const plain = shown(text).replaceAll('`', 'ˋ');
  return plain.trim() === '' ? '` `' : `\`${plain}\``;
}

/** In a cell of a table. */
export function codeCell(text: string): string {
  return code(text.replaceAll('|', '¦'));
}

const MAX_LABEL = 20;

/** A name in a label that is plain text: one line, no invisible or direction-changing characters, at most 20 characters. */
export function labelled(name: string): string {
  const characters = Array.from(name.slice(0, 4 * MAX_LABEL).replace(/[\p{C}\p{Z}]/gu, '\uFFFD'));
  return characters.length > MAX_LABEL
    ? `${characters.slice(0, MAX_LABEL - 1).join('')}…`
    : characters.join('');
}
