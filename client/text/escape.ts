/** Names, paths and messages come from files: what makes them plain text wherever the editor would read them as markup. */

/** C0, C1, the bidirectional controls and line separators, which hide or reorder what stands beside them. */
// eslint is right that control characters in a pattern are mostly mistakes; they are named by code point here.
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** One line, without what can't be seen, and no longer than `limit` characters. */
export function plainText(text: string, limit = 400): string {
  const line = text.replace(/\s*[\r\n]+\s*/gu, ' ').replace(unseen, '');
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** For Markdown: every ASCII punctuation character with a backslash, which CommonMark allows for all of them. */
export function escapeMarkdown(text: string): string {
  return plainText(text).replace(/[!-/:-@[-`{-~]/gu, (character) =>
    character === '<' ? '&lt;' : character === '&' ? '&amp;' : `\\${character}`,
  );
}

/** For labels of quick picks and the status bar, where `$(name)` draws an icon. */
export function escapeIcons(text: string): string {
  return plainText(text).replace(/\\?\$\([a-z0-9-]+(?:~[a-z]+)?\)/giu, (icon) =>
    icon.startsWith('\\') ? icon : `\\${icon}`,
  );
}

/** For attributes and text of HTML. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/gu, (character) => entities[character] ?? character);
}

/** A file name out of any text: no folder, no character that a file system refuses, never empty or hidden. */
export function safeFileName(text: string, fallback: string): string {
  const name = plainText(text, 120)
    .replace(/[<>:"/\\|?*]/gu, '-')
    .replace(/^[.\s]+|[.\s]+$/gu, '');
  return name === '' ? fallback : name;
}
