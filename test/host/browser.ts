/** Chromium in front of a server: one page, what it said, and what it asked for outside this machine. */
import path from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { place } from './place';

/** Names that a webview's own service worker answers, from files of the extension. */
const webviewResources = '.vscode-resource.vscode-cdn.net';

export class Browser {
  readonly console: string[] = [];
  /** Origins that a page asked for and that are not this machine. */
  readonly outside = new Set<string>();

  private constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on('console', (message) => this.console.push(`${message.type()} ${message.text()}`));
    page.on('pageerror', (error) => this.console.push(`uncaught ${error.message}`));
    context.on('request', (request) => {
      const { protocol, hostname, origin } = new URL(request.url());
      const here = hostname === '127.0.0.1' || hostname.endsWith(webviewResources);
      if (protocol.startsWith('http') && !here) this.outside.add(origin);
    });
  }

  static async start(folder: string): Promise<Browser> {
    const context = await chromium.launchPersistentContext(path.join(folder, 'chromium'), {
      executablePath: place.chromium,
      headless: true,
      viewport: { width: 1440, height: 900 },
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      ],
    });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    context.setDefaultTimeout(60_000);
    context.setDefaultNavigationTimeout(120_000);
    return new Browser(context, context.pages()[0] ?? (await context.newPage()));
  }

  async stop(): Promise<void> {
    await this.context.close();
  }
}
