/** The frame of a page that is one file: no network, and a policy that runs and styles by nothing but what it holds. */
import { createHash } from 'node:crypto';
import type { Appearance } from './htmlStyle';

export interface HtmlPage {
  /** Escaped. */
  readonly title: string;
  readonly appearance: Appearance;
  readonly style: string;
  /** Markup of `<main>`, section by section. */
  readonly main: readonly string[];
  /** Markup of the footer's sentence. */
  readonly footer: string;
  /** JSON that the script reads, without `<`. Without it the page runs nothing at all. */
  readonly script?: { readonly dataId: string; readonly data: string; readonly code: string };
}

const opened = (kind: string, name: string): string =>
  `<div class="${kind}" tabindex="0" role="group" aria-label="${name}, scrolls sideways where it is wide">`;

/** Begins what may be wider than the page: the keyboard can scroll it. */
export const openTable = opened('table', 'Table');
export const openFigure = opened('figure', 'Picture');

const sha256 = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export function htmlPage({ title, appearance, style, main, footer, script }: HtmlPage): string {
  const policy = [
    "default-src 'none'",
    `style-src ${sha256(style)}`,
    ...(script ? [`script-src ${sha256(script.code)}`] : []),
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const scripts = script
    ? `<script type="application/json" id="${script.dataId}">${script.data}</script>\n<script>${script.code}</script>\n`
    : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${appearance === 'auto' ? 'light dark' : appearance}">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
${main.filter(Boolean).join('\n')}
<footer><p>${footer}</p></footer>
</main>
${scripts}</body>
</html>
`;
}
