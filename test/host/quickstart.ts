/** The quickstart as the package brings it, laid into folders for tests, and configs of a size that tests can wait for. */
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseDocument } from 'yaml';
import type { HostScene } from './scene';

export const configName = 'quickstart.manticore.yaml';

/** The folder into which VS Code unpacked the package. */
export async function installedExtension(scene: HostScene): Promise<string> {
  const folder = scene.server.extensionsFolder;
  const name = (await readdir(folder)).find((each) => each.startsWith('manticore.manticore-'));
  if (name === undefined) throw new Error(`the extension is not in ${folder}`);
  return path.join(folder, name);
}

/** Values by dotted path, written into a config; `undefined` takes a key out. */
export type Changes = Readonly<Record<string, unknown>>;

/** Lays the packaged quickstart into a folder below the scene's; its config takes the changes. */
export async function layQuickstart(
  scene: HostScene,
  folderName: string,
  changes: Changes = {},
): Promise<string> {
  const folder = scene.path(folderName);
  await mkdir(folder, { recursive: true });
  await cp(path.join(await installedExtension(scene), 'examples'), folder, { recursive: true });
  await changeConfig(path.join(folder, configName), changes);
  return folder;
}

/** Writes values into a config file, its comments kept. */
export async function changeConfig(file: string, changes: Changes): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  for (const [dotted, value] of Object.entries(changes)) {
    const keys = dotted.split('.');
    if (value === undefined) document.deleteIn(keys);
    else document.setIn(keys, value);
  }
  await writeFile(file, document.toString());
}
