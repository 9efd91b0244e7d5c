/** Where configs lie, and what may be read for them. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Disposable } from 'vscode-languageserver';
import { Emitter } from 'vscode-languageserver';
import { isInside } from '../weights/modelFiles';

/** Where a config stands, and what may be read for it. */
export interface ConfigPlace {
  /** Absolute; `undefined` for a config that is no file on this machine. */
  readonly path: string | undefined;
  /** The config's name: its file's, without the ending. */
  readonly name: string;
  /** Absolute folder that its relative paths start from. */
  readonly base: string;
  /** `nothing`: its files can't be told; `refused`: the workspace isn't trusted and doesn't hold it. */
  readonly reads: 'disk' | 'nothing' | 'refused';
  /** In an untrusted workspace: the folder outside of which nothing is read. */
  readonly within: string | undefined;
}

/** The path of a `file:` URI; `undefined` for another scheme, or one that is no path here. */
export function pathOf(uri: string): string | undefined {
  if (!/^file:/i.test(uri)) return undefined;
  try {
    return path.resolve(fileURLToPath(uri));
  } catch (error) {
    if (error instanceof TypeError || error instanceof URIError) return undefined;
    throw error;
  }
}

const ENDING = /(\.manticore)?\.ya?ml$/i;

/** Whether a document is a config. */
export function isConfig(uri: string, languageId: string): boolean {
  return languageId === 'manticore' || /\.manticore\.ya?ml$/i.test(uri);
}

export class Workspace {
  private readonly foldersChanged = new Emitter<void>();
  private readonly trustGranted = new Emitter<void>();
  private paths: readonly string[] = [];
  private trusted = false;

  get folders(): readonly string[] {
    return this.paths;
  }

  get isTrusted(): boolean {
    return this.trusted;
  }

  setFolders(uris: readonly string[]): void {
    this.paths = uris.flatMap((uri) => pathOf(uri) ?? []);
    this.foldersChanged.fire();
  }

  /** Trust is never taken back while a window lives. */
  trust(): void {
    if (this.trusted) return;
    this.trusted = true;
    this.trustGranted.fire();
  }

  onFolders(listener: () => void): Disposable {
    return this.foldersChanged.event(listener);
  }

  onTrusted(listener: () => void): Disposable {
    return this.trustGranted.event(listener);
  }

  /** The innermost workspace folder that holds a file or folder. */
  folderOf(file: string): string | undefined {
    const holding = this.paths.filter((folder) => folder === file || isInside(folder, file));
    return holding.sort((a, b) => b.length - a.length)[0];
  }

  placeOf(uri: string): ConfigPlace {
    const file = pathOf(uri);
    if (file !== undefined) return this.placeOfPath(file);
    // An editor saves what has no name yet into the first folder, so its paths will start there.
    const base = /^untitled:/i.test(uri) ? this.paths[0] : undefined;
    const name = path.posix.basename(uri).replace(ENDING, '');
    if (base === undefined) {
      return { path: undefined, name, base: path.sep, reads: 'nothing', within: undefined };
    }
    const within = this.trusted ? undefined : base;
    return { path: undefined, name, base, reads: 'disk', within };
  }

  placeOfPath(file: string): ConfigPlace {
    const within = this.trusted ? undefined : this.folderOf(file);
    const isRefused = !this.trusted && within === undefined;
    return {
      path: file,
      name: path.basename(file).replace(ENDING, ''),
      base: path.dirname(file),
      reads: isRefused ? 'refused' : 'disk',
      within,
    };
  }
}
