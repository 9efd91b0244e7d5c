/**
 * Encoded data that are too large for the memory: a folder for each source and tokenizer in the user's cache, written
 * aside and renamed, used again by later runs. Entries that nobody used for long, and the oldest beyond a total, go.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, open } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../../files/atomicFile';
import { systemCode } from '../../files/systemErrors';
import { tokensFolder } from '../../files/userCache';
import { RunFailure } from '../failure';
import type { ExampleRows, TokenSequence } from './split';
import { TokenFile, TokenSpill } from './tokenSpill';

export interface StoreLimits {
  /** Ids of one source that stay in memory: 16 MiB of them. */
  readonly memory: number;
  /** Bytes of all entries together. */
  readonly totalBytes: number;
  /** Milliseconds after which an entry that nobody used goes. */
  readonly unused: number;
}

const DAY = 24 * 3600 * 1000;
export const STORE_LIMITS: StoreLimits = { memory: 2 ** 22, totalBytes: 64e9, unused: 30 * DAY };

/** What was counted while a source was encoded. */
export interface EncodingFacts {
  /** Examples that were longer than the context. */
  readonly cut: number;
  /** Examples of which nothing would have been scored. */
  readonly dropped: number;
}

export interface Encoded {
  readonly split: TokenSequence | ExampleRows;
  readonly facts: EncodingFacts;
}

/** Where a source's ids go: one sequence, or one row an example. */
export interface EncodingSink {
  readonly tokens: TokenSpill;
  readonly addRow: (ids: Int32Array) => Promise<void>;
}

const count = z.int().min(0);
const entrySchema = z.strictObject({
  version: z.literal(1),
  tokens: count,
  rows: count.optional(),
  cut: count,
  dropped: count,
});
type Entry = z.output<typeof entrySchema>;

const ENTRY_FILE = 'entry.json';
const TOKENS_FILE = 'tokens';
const ENDS_FILE = 'ends';
/** An end may lie beyond 2^31: it takes two ids. */
const END_WORD = 2 ** 31;

export class TokenStore {
  private readonly open: TokenFile[] = [];
  /** Folders of this process: in use, or to be removed when it ends. */
  private readonly used = new Set<string>();
  private readonly passing: string[] = [];

  constructor(
    private readonly folder: string = tokensFolder(),
    private readonly limits: StoreLimits = STORE_LIMITS,
  ) {}

  /** What an earlier run left under this key, whole; `undefined` where there is none. */
  async find(key: string): Promise<Encoded | undefined> {
    const folder = path.join(this.folder, key);
    try {
      const entry = entrySchema.parse(
        JSON.parse(await readFile(path.join(folder, ENTRY_FILE), 'utf8')),
      );
      const found = this.openEntry(folder, entry);
      const now = new Date();
      await utimes(path.join(folder, ENTRY_FILE), now, now);
      this.used.add(folder);
      return found;
    } catch (error) {
      // What isn't whole is made again.
      if (systemCode(error) === undefined && !isDamage(error)) throw error;
      return undefined;
    }
  }

  /**
   * Lets `fill` make the data, in memory if they are few; else they are kept under `key`.
   * @param key `undefined`: they are gone when this process ends
   * @throws what `fill` throws, RunFailure `tokens-unwritable`, `disk-full`
   */
  async encode(
    key: string | undefined,
    isRows: boolean,
    fill: (sink: EncodingSink) => Promise<EncodingFacts>,
  ): Promise<Encoded> {
    const unique = `${process.pid}-${randomBytes(6).toString('hex')}`;
    const aside = path.join(this.folder, `.${unique}`);
    const placeOf = (name: string) => async () => {
      await mkdir(aside, { recursive: true, mode: 0o700 });
      return path.join(aside, name);
    };
    const tokens = new TokenSpill(this.limits.memory, placeOf(TOKENS_FILE));
    const ends = new TokenSpill(this.limits.memory, placeOf(ENDS_FILE));
    const addRow = async (ids: Int32Array): Promise<void> => {
      await tokens.append(ids);
      const end = tokens.length;
      await ends.append([Math.floor(end / END_WORD), end % END_WORD]);
    };
    try {
      const facts = await fill({ tokens, addRow });
      const inMemory = tokens.inMemory;
      if (inMemory !== undefined) {
        const table = ends.inMemory;
        return { facts, split: isRows && table ? rowsOf(inMemory, table) : inMemory };
      }
      await tokens.finish();
      if (isRows) await ends.finish();
      const rows = isRows ? { rows: ends.length / 2 } : {};
      const entry: Entry = { version: 1, tokens: tokens.length, ...rows, ...facts };
      return this.openEntry(await this.keep(aside, key, entry), entry);
    } catch (error) {
      await Promise.all([tokens.close(), ends.close()]);
      await rm(aside, { recursive: true, force: true });
      throw isOfWriting(error) ? unwritable(this.folder, error) : error;
    }
  }

  /** Closes every file that was given out. */
  async close(): Promise<void> {
    for (const file of this.open.splice(0)) file.close();
    for (const folder of this.passing.splice(0)) await rm(folder, { recursive: true, force: true });
  }

  private async keep(aside: string, key: string | undefined, entry: Entry): Promise<string> {
    if (key === undefined) {
      this.passing.push(aside);
      this.used.add(aside);
      return aside;
    }
    const handle = await open(path.join(aside, ENTRY_FILE), 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(entry));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(aside);
    const folder = path.join(this.folder, key);
    if ((await this.find(key)) === undefined) {
      await rm(folder, { recursive: true, force: true });
      await rename(aside, folder);
      await syncFolder(this.folder);
      this.used.add(folder);
    } else {
      // Another process has just made the same.
      await rm(aside, { recursive: true, force: true });
    }
    await this.tidy();
    return folder;
  }

  /** Removes what nobody used for long, what a dead process left, and the oldest beyond the total. */
  private async tidy(): Promise<void> {
    const entries: { folder: string; bytes: number; time: number }[] = [];
    for (const name of await readdir(this.folder)) {
      const folder = path.join(this.folder, name);
      if (this.used.has(folder)) continue;
      const found = await sizeOfFolder(folder);
      if (found !== undefined) entries.push({ folder, ...found });
    }
    const own = await Promise.all([...this.used].map((folder) => sizeOfFolder(folder)));
    let total = own.reduce((sum, each) => sum + (each?.bytes ?? 0), 0);
    const now = Date.now();
    for (const { folder, bytes, time } of entries.sort((a, b) => b.time - a.time)) {
      total += bytes;
      const isAside = path.basename(folder).startsWith('.');
      const isOld = now - time > (isAside ? DAY : this.limits.unused);
      // Running processes have their files open, and read on; where the system forbids it, they stay.
      if (isOld || (total > this.limits.totalBytes && !isAside)) {
        total -= bytes;
        await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      }
    }
  }

  private openEntry(folder: string, { tokens, rows, cut, dropped }: Entry): Encoded {
    const facts = { cut, dropped };
    const ids = this.openFile(path.join(folder, TOKENS_FILE), tokens);
    if (rows === undefined) return { split: ids, facts };
    return { split: rowsOf(ids, this.openFile(path.join(folder, ENDS_FILE), rows * 2)), facts };
  }

  private openFile(file: string, length: number): TokenFile {
    const opened = TokenFile.open(file, length);
    this.open.push(opened);
    return opened;
  }
}

function rowsOf(tokens: TokenSequence, ends: TokenSequence): ExampleRows {
  const endOf = (words: Int32Array, at: number) => words[at]! * END_WORD + words[at + 1]!;
  return {
    count: ends.length / 2,
    row: (index) => {
      const words = ends.slice(Math.max(0, index * 2 - 2), index * 2 + 2);
      const end = endOf(words, words.length - 2);
      const start = index === 0 ? 0 : endOf(words, 0);
      return tokens.slice(start, end);
    },
  };
}

async function sizeOfFolder(folder: string): Promise<{ bytes: number; time: number } | undefined> {
  try {
    let [bytes, time] = [0, (await stat(folder)).mtimeMs];
    for (const name of [TOKENS_FILE, ENDS_FILE, ENTRY_FILE]) {
      const status = await stat(path.join(folder, name)).catch(() => undefined);
      bytes += status?.size ?? 0;
      time = Math.max(time, status?.mtimeMs ?? 0);
    }
    return { bytes, time };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof SyntaxError || error instanceof z.ZodError || error instanceof RunFailure;

/** A system's error of anything but reading the source. */
const isOfWriting = (error: unknown): boolean =>
  systemCode(error) !== undefined &&
  !(error instanceof Error && 'syscall' in error && error.syscall === 'read');

function unwritable(folder: string, error: unknown): RunFailure {
  const isFull = ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
  const why = error instanceof Error ? error.message : String(error);
  return new RunFailure(
    isFull ? 'disk-full' : 'tokens-unwritable',
    `The encoded data can't be written to ${folder}: ${why}`,
    `${isFull ? 'Free some space' : 'Make the folder writable'}, or name another folder in MANTICORE_TOKENS_DIR; then resume.`,
    { cause: error },
  );
}
