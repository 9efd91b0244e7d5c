/** Asks the client to watch the model folders and data files of open configs, and has them looked up again. */
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import {
  DidChangeWatchedFilesNotification,
  type Disposable,
  type FileSystemWatcher,
} from 'vscode-languageserver';
import type { LanguageContext } from './context';

/** Milliseconds after a check until what it asked about is watched. */
const DELAY = 500;
const MAX_WATCHED = 64;

/** For a client that can't watch a folder of its own. */
const ANYWHERE: readonly FileSystemWatcher[] = [
  'config.json',
  'tokenizer.json',
  '*.safetensors',
].map((name) => ({ globPattern: `**/${name}` }));

export class Watching implements Disposable {
  private readonly checked: Disposable;
  private timer: NodeJS.Timeout | undefined;
  /** One after the other, so that each lets go of the one before it. */
  private watching: Promise<void> = Promise.resolve();
  private registered: Disposable | undefined;
  private watched = '';

  constructor(private readonly context: LanguageContext) {
    context.connection.onDidChangeWatchedFiles(() => context.checker.refresh());
    this.checked = context.checker.onChecked(() => {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.watching = this.watching
          .then(() => this.watch())
          .catch((error: unknown) => context.failed('watching files', error));
      }, DELAY);
    });
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.checked.dispose();
  }

  private async watch(): Promise<void> {
    const { connection, checker, client } = this.context;
    const watching = client().workspace?.didChangeWatchedFiles;
    if (!watching?.dynamicRegistration) return;
    const watchers = watching.relativePatternSupport
      ? checker.places().flatMap(watchersOf).slice(0, MAX_WATCHED)
      : [...ANYWHERE];
    const text = JSON.stringify(watchers);
    if (text === this.watched) return;
    this.watched = text;
    const before = this.registered;
    this.registered =
      watchers.length === 0
        ? undefined
        : await connection.client.register(DidChangeWatchedFilesNotification.type, { watchers });
    before?.dispose();
    // What changed between the check and now was seen by nobody.
    checker.refresh();
  }
}

/** What a config asked about: a file, or a folder with its files. */
export interface Place {
  readonly path: string;
  readonly isFolder: boolean;
}

function watchersOf({ path: place, isFolder }: Place): readonly FileSystemWatcher[] {
  const own = watcher(path.dirname(place), path.basename(place));
  return isFolder ? [own, watcher(place, '*')] : [own];
}

function watcher(folder: string, name: string): FileSystemWatcher {
  const isPattern = /[*?[\]{}!\\]/.test(name);
  return {
    globPattern: { baseUri: pathToFileURL(folder).href, pattern: isPattern ? '*' : name },
  };
}
