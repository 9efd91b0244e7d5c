/** The weights panel's page: a root, one script, one style sheet, and a policy that allows nothing else. Pure. */
import { escapeHtml } from '../text/escape';

export interface PanelPage {
  /** Of `dist/webview.js` and `dist/webview.css`, as the webview reaches them. */
  readonly script: string;
  readonly style: string;
  readonly cspSource: string;
  /** Base64 or hexadecimal, made for this page alone. */
  readonly nonce: string;
  /** The run's folder: the page keeps it in its state, for the next window. */
  readonly dir: string;
  readonly title: string;
}

/** Of the empty text: the toolkit makes a style element and fills it rule by rule, which this allows and nothing else. */
const emptyStyle = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

export function panelHtml(page: PanelPage): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${page.nonce}'`,
    `style-src ${page.cspSource} ${emptyStyle}`,
    `font-src ${page.cspSource}`,
    `img-src ${page.cspSource} data:`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(page.title)}</title>
<link rel="stylesheet" href="${escapeHtml(page.style)}">
</head>
<body>
<div id="root" data-dir="${escapeHtml(page.dir)}"></div>
<script nonce="${escapeHtml(page.nonce)}" src="${escapeHtml(page.script)}"></script>
</body>
</html>
`;
}
