/** What the user's settings mean for runs. */
import { homedir } from 'node:os';
import path from 'node:path';
import type { NamedNode } from '../../runs/nodeBinary';
import { isInside } from '../../weights/modelFiles';
import type { RunsHost } from '../runsInterface';

const withHome = (file: string): string =>
  /^~(?=$|[\\/])/.test(file) ? path.join(homedir(), file.slice(1)) : file;

/** Where runs of a config are made; `undefined`: beside it. */
export function runsFolderFor(
  config: string,
  host: Pick<RunsHost, 'settings' | 'workspaceFolders'>,
): string | undefined {
  const given = withHome(host.settings().runsFolder.trim());
  if (given === '') return undefined;
  const folders = host.workspaceFolders().filter((folder) => isInside(folder, config));
  const innermost = folders.sort((left, right) => right.length - left.length)[0];
  return path.resolve(innermost ?? path.dirname(config), given);
}

/** The Node that the user asks for. */
export function nodeFrom(host: Pick<RunsHost, 'settings'>): NamedNode | undefined {
  const given = withHome(host.settings().nodePath.trim());
  return given === '' ? undefined : { path: given, by: 'The setting `manticore.nodePath`' };
}

/** The engine of short jobs; a config has its own. */
export function engineOfJobs(host: Pick<RunsHost, 'settings'>): string {
  const { engine } = host.settings();
  return engine === 'config' ? 'auto' : engine;
}
