/** The built panel in Chromium: its real page, a theme as VS Code has it, and a host that the test plays. */
import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { panelHtml } from '../../client/panel/html';
import type { RunSnapshot } from '../../server/contract/runViews';
import type { RunEvent } from '../../server/contract/events';
import type { HostToPanel, PanelState, PanelToHost } from '../../server/contract/panel';

const root = process.cwd();
export const shots = path.join(root, 'test/host/shots');
const origin = 'http://panel.test';
const dir = '/work/.manticore/runs/20261125-0950-quickstart';

export const themes = ['lightModern', 'darkModern', 'hcDark', 'hcLight'] as const;
export type ThemeName = (typeof themes)[number];

interface Theme {
  readonly bodyClass: string;
  readonly variables: Readonly<Record<string, string>>;
}

const readText = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const readTheme = (name: ThemeName): Theme =>
  JSON.parse(readText(`test/panel/themes/${name}.json`)) as Theme;

/** A real run of the quickstart, block 2 pinned after step 25, mamba pruned from block 4 after step 30. */
export const quickstart: readonly RunEvent[] = readText('test/panel/fixtures/quickstart.jsonl')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as RunEvent);
export const quickstartPlan = JSON.parse(
  readText('test/panel/fixtures/quickstart.plan.json'),
) as NonNullable<RunSnapshot['plan']>;

let browser: Browser | undefined;
/** As built when the tests began: a build beside them would else be read half-written. */
let built: { readonly script: string; readonly style: string } | undefined;

export async function startBrowser(): Promise<void> {
  built ??= { script: readText('dist/webview.js'), style: readText('dist/webview.css') };
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? 'chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
  });
}

export async function stopBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

export const axeSource = (): string => readText('node_modules/axe-core/axe.min.js');

/** A page that is one file, as a browser opens it. */
export async function openPage(
  html: string,
  options: { readonly colorScheme: 'light' | 'dark' },
): Promise<Page> {
  assert.ok(browser, 'startBrowser comes first');
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  await page.setContent(html);
  return page;
}

/** A picture of the whole of it. */
export async function shootPage(page: Page, name: string): Promise<void> {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

export interface SceneOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
  readonly forcedColors?: boolean;
  /** What `getState` gives: an earlier page's. */
  readonly saved?: unknown;
}

/** What stands in for VS Code inside the page. */
interface FakeHost {
  readonly sent: PanelToHost[];
  state: unknown;
}

/** One page, from its loading to its end. */
export class Scene {
  private constructor(
    readonly page: Page,
    /** What the console and the content policy complained about. */
    readonly complaints: string[],
  ) {}

  static async open(options: SceneOptions = {}): Promise<Scene> {
    assert.ok(browser, 'startBrowser comes first');
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: options.height ?? 900 },
      reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
      forcedColors: options.forcedColors ? 'active' : 'none',
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    await page.route(`${origin}/**`, (route) => route.fulfill(answer(route.request().url())));
    const theme = readTheme(options.theme ?? 'darkModern');
    await page.addInitScript(fakeHost, { theme, saved: options.saved });
    await page.goto(`${origin}/`);
    return new Scene(page, complaints);
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }

  /** From the host to the page: anything at all, also what fits no type. */
  async tell(message: unknown): Promise<void> {
    await this.page.evaluate((data) => postMessage(data, '*'), message);
    await this.settled();
  }

  host(message: HostToPanel): Promise<void> {
    return this.tell(message);
  }

  /** What the page has sent, of one type. */
  async sent<T extends PanelToHost['type']>(type: T): Promise<(PanelToHost & { type: T })[]> {
    const all = await this.page.evaluate(
      () => (globalThis as unknown as { fakeHost: FakeHost }).fakeHost.sent,
    );
    return all.filter((message): message is PanelToHost & { type: T } => message.type === type);
  }

  async state(): Promise<PanelState> {
    // Saving waits a moment, so that a slider doesn't save each of its steps.
    await this.page.waitForTimeout(400);
    return this.page.evaluate(
      () => (globalThis as unknown as { fakeHost: FakeHost }).fakeHost.state as PanelState,
    );
  }

  /** After everything that was sent has been drawn. */
  async settled(): Promise<void> {
    await this.page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
        }),
    );
  }

  cell(block: number, component: number) {
    return this.page
      .getByRole('row')
      .filter({ has: this.page.getByRole('rowheader', { name: `Block ${block}`, exact: false }) })
      .getByRole('gridcell')
      .nth(component);
  }

  /** What axe finds wrong, in words. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(axeSource());
    const found = await this.page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
        resultTypes: ['violations'],
      }),
    );
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary ?? ''}`),
    );
  }

  /** A picture for people to look at: of the whole page, or of what stands in the window. */
  async shoot(name: string, part: 'page' | 'window' = 'page'): Promise<void> {
    mkdirSync(shots, { recursive: true });
    const window = this.page.viewportSize()!;
    if (part === 'page') {
      // As high as the page: what sticks to the window's edge would else stand in its middle.
      const height = await this.page.evaluate(() => document.documentElement.scrollHeight);
      await this.page.setViewportSize({ width: window.width, height: Math.max(400, height) });
      await this.settled();
    }
    await this.page.screenshot({ path: path.join(shots, `panel-${name}.png`) });
    await this.page.setViewportSize(window);
  }
}

function answer(url: string): { contentType: string; body: string; status?: number } {
  switch (new URL(url).pathname) {
    case '/':
      return { contentType: 'text/html', body: page() };
    case '/webview.js':
      return { contentType: 'text/javascript', body: built?.script ?? '' };
    case '/webview.css':
      return { contentType: 'text/css', body: built?.style ?? '' };
    default:
      return { status: 404, contentType: 'text/plain', body: '' };
  }
}

const page = (): string =>
  panelHtml({
    script: `${origin}/webview.js`,
    style: `${origin}/webview.css`,
    cspSource: origin,
    nonce: 'bm9uY2U',
    dir,
    title: 'Weights',
  });

/** Runs in the page before its script: what VS Code's webview gives. */
function fakeHost({ theme, saved }: { theme: Theme; saved: unknown }): void {
  const fake: FakeHost = { sent: [], state: saved };
  Object.assign(globalThis, {
    fakeHost: fake,
    acquireVsCodeApi: () => ({
      postMessage: (message: PanelToHost) => fake.sent.push(structuredClone(message)),
      getState: () => fake.state,
      setState: (state: unknown) => {
        fake.state = structuredClone(state);
      },
    }),
  });
  const dress = (): void => {
    for (const [name, value] of Object.entries(theme.variables)) {
      document.documentElement.style.setProperty(name, value);
    }
    document.body.className = theme.bodyClass;
  };
  document.addEventListener('DOMContentLoaded', dress, { capture: true, once: true });
}
