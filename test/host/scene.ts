/** One server and one window for a suite, and what is kept of them when a test fails. */
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Browser } from './browser';
import { CodeServer, type ServerWish } from './codeServer';
import { shots } from './place';
import { Workbench } from './workbench';

export class HostScene {
  private constructor(
    readonly server: CodeServer,
    readonly browser: Browser,
    readonly workbench: Workbench,
  ) {}

  static async start(wish: ServerWish): Promise<HostScene> {
    const server = await CodeServer.start(wish);
    try {
      const browser = await Browser.start(server.folder);
      return new HostScene(server, browser, new Workbench(browser.page, server.url));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** A path below this suite's folder. */
  path(...parts: string[]): string {
    return path.join(this.server.folder, 'work', ...parts);
  }

  async stop(): Promise<void> {
    try {
      await this.browser.stop();
    } finally {
      await this.server.stop();
    }
  }

  /** A picture for the README and for who reads a failure. */
  async picture(name: string): Promise<void> {
    await mkdir(shots, { recursive: true });
    await this.browser.page.screenshot({ path: path.join(shots, `${name}.png`) });
  }

  /** What a failure leaves: picture, console, the server's output and logs. Returns its folder. */
  async keepEvidence(title: string): Promise<string> {
    const folder = path.join(shots, `failed-${title.replace(/[^\w]+/g, '-').slice(0, 80)}`);
    await mkdir(folder, { recursive: true });
    const logs = path.join(this.server.folder, 'data', 'logs');
    // Whatever can't be had is left out: a window that is gone has no picture, but its logs tell why.
    const kept = await Promise.allSettled([
      this.browser.page.screenshot({ path: path.join(folder, 'window.png') }),
      writeFile(path.join(folder, 'console.txt'), this.browser.console.join('\n')),
      this.server.log().then((text) => writeFile(path.join(folder, 'server.log'), text)),
      cp(logs, path.join(folder, 'logs'), { recursive: true, force: true }),
      this.keepComputeLogs(folder),
    ]);
    for (const each of kept) if (each.status === 'rejected') console.log(`      ${each.reason}`);
    return folder;
  }

  private async keepComputeLogs(folder: string): Promise<void> {
    const names = await readdir(this.path(), { recursive: true }).catch((): string[] => []);
    for (const name of names.filter((each) =>
      /(compute\.log|events\.jsonl|run\.json)$/.test(each),
    )) {
      await cp(this.path(name), path.join(folder, 'work', name), { recursive: true });
    }
  }
}

/** A suite with a server and a window of its own. Where its tests build on each other, a failed one ends it. */
export function inVsCode(
  title: string,
  wish: ServerWish & { readonly isPath?: boolean },
  body: (scene: () => HostScene) => void,
): void {
  describe(title, function () {
    this.timeout(300_000);
    let scene: HostScene | undefined;
    let hasFailed = false;
    const started = (): HostScene => {
      if (scene === undefined) throw new Error('the suite has not begun');
      return scene;
    };
    before(async () => {
      scene = await HostScene.start(wish);
    });
    // mocha's own `bail` would end the suites after this one as well.
    beforeEach(function () {
      if (hasFailed && wish.isPath === true) this.skip();
    });
    afterEach(async function () {
      const { currentTest } = this;
      if (currentTest?.state !== 'failed' || scene === undefined) return;
      hasFailed = true;
      console.log(`      left in ${await scene.keepEvidence(currentTest.fullTitle())}`);
    });
    after(async () => {
      await scene?.stop();
    });
    body(started);
  });
}
