/** Names, paths and messages come from files: what makes them plain text wherever the editor would read them as markup. */

/** C0, C1, the bidirectional controls and line separators, which hide or reorder what stands beside them. */
// eslint is right that control characters in a pattern are mostly mistakes; they are named by code point here.
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** One line, without what can't be seen, and no longer than `limit` characters. */
export function plainText(text: string, limit = 400): string {
  const line = text.replace(/\s*[\r\n]+\s*/gu, ' ').replace(unseen, '');
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** For notifications, where the editor makes `[name](command:…)` a link that runs the command: none comes out of it. */
export function messageText(text: string, limit = 400): string {
  return plainText(text, limit).replaceAll('](', '] (');
}

/** A link of Markdown to a command, its arguments in the address, which nothing in them can end. */
export function commandLink(title: string, command: string, args: readonly unknown[]): string {
  const address = encodeURIComponent(JSON.stringify(args)).replace(
    /[!'()*]/gu,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `[${title}](command:${command}?${address})`;
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
