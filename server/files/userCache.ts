/** Folders of this user, by the customs of each system. */
import { homedir } from 'node:os';
import path from 'node:path';

export interface UserPlace {
  readonly platform: NodeJS.Platform;
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
}

const here = (): UserPlace => ({
  platform: process.platform,
  environment: process.env,
  home: homedir(),
});

/** An absolute path of a variable; a relative one has no meaning there. */
function named(environment: NodeJS.ProcessEnv, variable: string): string | undefined {
  const value = environment[variable];
  return value !== undefined && path.isAbsolute(value) ? value : undefined;
}

/** Manticore's folder for what can be had again. */
export function userCacheFolder({ platform, environment, home }: UserPlace = here()): string {
  const base =
    platform === 'win32'
      ? (named(environment, 'LOCALAPPDATA') ?? path.join(home, 'AppData', 'Local'))
      : platform === 'darwin'
        ? path.join(home, 'Library', 'Caches')
        : (named(environment, 'XDG_CACHE_HOME') ?? path.join(home, '.cache'));
  return path.join(base, 'manticore');
}

/** Where engines are installed, one folder each; `MANTICORE_ENGINES_DIR` names another place. */
export function enginesFolder(place: UserPlace = here()): string {
  return (
    named(place.environment, 'MANTICORE_ENGINES_DIR') ??
    path.join(userCacheFolder(place), 'engines')
  );
}

/** Where encoded data are kept that are too large for the memory; `MANTICORE_TOKENS_DIR` names another place. */
export function tokensFolder(place: UserPlace = here()): string {
  return (
    named(place.environment, 'MANTICORE_TOKENS_DIR') ?? path.join(userCacheFolder(place), 'tokens')
  );
}

/** Where an engine stands once it is installed. Binaries fit one platform only: a home can be shared by several. */
export const installedEngine = (folder: string, name: string): string =>
  path.join(folder, `${name}-${process.platform}-${process.arch}`);
