/** Tests that run inside the extension host, where `vscode` is; each shows up here by its own name. */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Test, type Suite } from 'mocha';
import { insideResults, installedExtension } from './codeServer';
import type { InsideResult } from './inside/resultFile';
import { root } from './place';
import { layQuickstart } from './quickstart';
import { inVsCode, type HostScene } from './scene';

/** Opens a window whose extension host runs `build/host/inside/<name>.js`, and waits for what it found. */
async function runInside(scene: HostScene, name: string, folder?: string): Promise<InsideResult[]> {
  const results = insideResults(scene.server.folder);
  await rm(results, { force: true });
  const { page } = scene.browser;
  const remote = (file: string): string => `vscode-remote://127.0.0.1:${scene.server.port}${file}`;
  const ended = new Promise<void>((resolve) => {
    void page.exposeFunction('codeAutomationExit', () => resolve());
  });
  await page.exposeFunction('codeAutomationLog', (type: string, args: readonly unknown[]) => {
    scene.browser.console.push(`inside ${type} ${args.map(String).join(' ')}`);
  });
  await scene.workbench.open(folder, [
    ['extensionDevelopmentPath', remote(await installedExtension(scene.server.folder))],
    [
      'extensionTestsPath',
      remote(path.join(root, 'build', 'host', 'host', 'inside', `${name}.inside.js`)),
    ],
    ['skipWelcome', 'true'],
  ]);
  await ended;
  return JSON.parse(await readFile(results, 'utf8')) as InsideResult[];
}

/** Adds what was found inside as tests of the suite, so that each is counted and named. */
function adopt(suite: Suite, results: readonly InsideResult[]): void {
  for (const { title, failure } of results) {
    const test = new Test(title, () => {
      if (failure === undefined) return;
      throw Object.assign(new Error(failure.message), { stack: failure.stack });
    });
    suite.addTest(test);
  }
}

/** A suite whose tests are those inside. */
function inside(
  title: string,
  name: string,
  prepare: (scene: HostScene) => Promise<string | undefined>,
): void {
  inVsCode(title, { installed: true, testDriver: true }, (scene) => {
    before(async function () {
      const results = await runInside(scene(), name, await prepare(scene()));
      adopt(this.test!.parent!, results);
    });
    it('comes to its end', () => undefined);
  });
}

inside('inside the extension host, with a folder', 'folder', (scene) =>
  layQuickstart(scene, 'a folder'),
);

inside('inside the extension host, without a folder', 'noFolder', () => Promise.resolve(undefined));
