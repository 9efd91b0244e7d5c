/** Names from files, wherever the editor would read markup. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  commandLink,
  escapeHtml,
  escapeIcons,
  escapeMarkdown,
  messageText,
  plainText,
  safeFileName,
} from '../../client/text/escape';
import { panelHtml } from '../../client/panel/html';

describe('text from outside', () => {
  it('stays one line, without what can’t be seen', () => {
    assert.equal(plainText('a\r\n b\u0000\u202Ec\u2066'), 'a bc');
  });

  it('is no link in a notification, whose links run commands', () => {
    // As the editor finds links in messages.
    const link = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/giu;
    const evil = '[Mend](command:workbench.action.quit)';
    assert.match(evil, link);
    for (const text of [
      evil,
      evil.replace('](', ']\u202E('),
      evil.replace('](', ']\n('),
      `[${evil}`,
    ]) {
      assert.doesNotMatch(messageText(text), link);
    }
    assert.equal(messageText('Run a[1] (3 of 4) failed.'), 'Run a[1] (3 of 4) failed.');
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('[', ']', '(', ')', 'a', '\u0000', 'command:b', ' ')),
        (parts) => {
          assert.doesNotMatch(messageText(parts.join('')), link);
        },
      ),
    );
  });

  it('is carried whole by a link to a command, and never ends it', () => {
    const dir = "/runs/a) [b](command:quit) 'c' (d";
    const link = commandLink('Open Weights', 'manticore.openWeights', [dir]);
    const [, address] = /^\[Open Weights\]\(command:manticore\.openWeights\?([\w%.~-]+)\)$/u.exec(
      link,
    )!;
    assert.deepEqual(JSON.parse(decodeURIComponent(address!)), [dir]);
  });

  it('is shortened with a sign that it was', () => {
    assert.equal(plainText('abcdef', 4), 'abc…');
  });

  it('is no Markdown: links, pictures, HTML and tables are written out', () => {
    assert.equal(
      escapeMarkdown('[x](command:quit) ![](http://e) <b> | `c` & _d_'),
      '\\[x\\]\\(command\\:quit\\) \\!\\[\\]\\(http\\:\\/\\/e\\) &lt;b\\> \\| \\`c\\` &amp; \\_d\\_',
    );
  });

  it('leaves no character of Markdown without its backslash', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bare = escapeMarkdown(text).replace(/\\[!-/:-@[-`{-~]|&(?:lt|amp);/gu, '');
        assert.doesNotMatch(bare, /[!-/:-@[-`{-~]/u);
      }),
    );
  });

  it('draws no icons', () => {
    assert.equal(
      escapeIcons('$(bug) \\$(eye) $( x) $(sync~spin)'),
      '\\$(bug) \\$(eye) $( x) \\$(sync~spin)',
    );
  });

  it('closes no tag and no attribute', () => {
    assert.equal(escapeHtml(`<script>"'&`), '&lt;script&gt;&quot;&#39;&amp;');
  });

  it('makes a file name that stays in its folder', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const name = safeFileName(text, 'fallback');
        assert.doesNotMatch(name, /[/\\:<>|?*\p{Cc}]/u);
        assert.doesNotMatch(name, /^\.|^$/u);
      }),
    );
    assert.equal(safeFileName('../../etc/passwd', 'x'), '-..-etc-passwd');
    assert.equal(safeFileName('…', 'x'), '…');
    assert.equal(safeFileName(' .. ', 'x'), 'x');
  });
});

describe('the weights panel’s page', () => {
  const page = panelHtml({
    script: 'https://host/webview.js?a&b',
    style: 'https://host/webview.css',
    cspSource: 'https://host',
    nonce: 'abc123',
    dir: '/runs/"><script>alert(1)</script>',
    title: '</title><script>alert(2)</script>',
  });

  it('runs one script, by its nonce, and nothing else', () => {
    assert.equal(page.match(/<script/gu)?.length, 1);
    assert.match(page, /default-src &#39;none&#39;/u);
    assert.match(page, /script-src &#39;nonce-abc123&#39;;/u);
    assert.doesNotMatch(page, /unsafe-/u);
  });

  it('holds names as text', () => {
    assert.match(page, /data-dir="\/runs\/&quot;&gt;&lt;script&gt;/u);
    assert.match(page, /<title>&lt;\/title&gt;/u);
  });
});
