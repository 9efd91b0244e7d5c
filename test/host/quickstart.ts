/** The quickstart as the package brings it, laid into folders for tests, and configs of a size that tests can wait for. */
import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { installedExtension } from './codeServer';
import type { HostScene } from './scene';

export const configName = 'quickstart.manticore.yaml';

/** Values by dotted path, written into a config; `undefined` takes a key out. */
export type Changes = Readonly<Record<string, unknown>>;

/** Long enough that nobody waits for its end, in steps that leave a core for the editor. */
export const longSearch: Changes = {
  'search.steps': 20_000,
  'search.batch': 1,
  'search.evalEvery': 200,
  'search.checkpointEvery': 50,
  'data.context': 32,
  engine: { name: 'wasm', threads: 1 },
};

/** Done in seconds, fine-tuning included. */
export const shortSearch: Changes = {
  ...longSearch,
  'search.steps': 12,
  'search.evalEvery': 6,
  'search.checkpointEvery': 6,
  'finetune.steps': 6,
  'finetune.evalEvery': 6,
  baselines: false,
};

/** Characters of the texts that losses are measured on: all of them would take longer than the steps. */
const SCORED = 3000;

/** Lays the packaged quickstart into a folder below the scene's; its config takes the changes. */
export async function layQuickstart(
  scene: HostScene,
  folderName: string,
  changes: Changes = {},
): Promise<string> {
  const folder = scene.path(folderName);
  await mkdir(folder, { recursive: true });
  await cp(path.join(await installedExtension(scene.server.folder), 'examples'), folder, {
    recursive: true,
  });
  for (const name of ['valid.txt', 'test.txt']) {
    const file = path.join(folder, 'data', name);
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, SCORED));
  }
  await changeConfig(path.join(folder, configName), changes);
  return folder;
}

/**
 * Writes values into a config file, its comments kept. Aside and renamed, as an editor that has the file open may look
 * in between: it would take the whole text for that of the emptied file, and refuse to save over what came after.
 */
export async function changeConfig(file: string, changes: Changes): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [dotted, value] of Object.entries(changes)) {
    const keys = dotted.split('.');
    if (value === undefined) document.deleteIn(keys);
    else document.setIn(keys, value);
  }
  await writeFile(`${file}.new`, document.toString());
  await rename(`${file}.new`, file);
}
