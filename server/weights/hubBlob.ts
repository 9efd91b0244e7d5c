/**
 * Downloads one file of the hub into the cache's `blobs`: resumes what was cut, checks size and hash, and only then gives
 * it its name. `@huggingface/hub`'s own download (2.17) starts over after a cut, checks neither size nor hash, lets two
 * processes write to one file and never gives up on silence; hence this layer under its listing.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncFolder, writeFully } from '../files/atomicFile';
import { systemCode } from '../files/systemErrors';
import { fromSystemError, WeightsError } from './errors';
import type { HubModel } from './hubId';
import { claimPartial, parkPartial } from './hubPartial';
import {
  answerError,
  badAnswer,
  networkError,
  request,
  stopped,
  Watchdog,
  type HubConnection,
} from './hubRequest';
import { readFully } from '../files/regularFile';

/** A file of a repository as its listing describes it. */
export interface HubFile {
  readonly name: string;
  readonly size: number;
  /** Name of the blob: SHA-256 of the bytes for large files, git's SHA-1 for others. */
  readonly hash: string;
}

/** Attempts in a row that bring not one byte before the download is given up. */
const MAX_FRUITLESS = 3;
const MAX_WAIT = 4000;

const newHash = (file: HubFile): Hash =>
  file.hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);

/** What has arrived so far, and its running hash. */
interface Progress {
  bytes: number;
  hash: Hash;
}

interface Download {
  readonly file: HubFile;
  readonly model: HubModel;
  readonly address: string;
  readonly connection: HubConnection;
  readonly handle: FileHandle;
  readonly progress: Progress;
  readonly onBytes: (bytes: number) => void;
}

async function restart({ handle, progress, file }: Download): Promise<void> {
  await handle.truncate(0);
  progress.bytes = 0;
  progress.hash = newHash(file);
}

/** Hashes the bytes that an earlier download left. */
async function readProgress(handle: FileHandle, file: HubFile): Promise<Progress> {
  const { size } = await handle.stat();
  const progress = { bytes: 0, hash: newHash(file) };
  if (size > file.size) {
    await handle.truncate(0);
    return progress;
  }
  const buffer = new Uint8Array(1 << 20);
  while (progress.bytes < size) {
    const part = buffer.subarray(0, Math.min(buffer.length, size - progress.bytes));
    const got = await readFully(handle, part, progress.bytes);
    if (got === 0) break;
    progress.hash.update(part.subarray(0, got));
    progress.bytes += got;
  }
  return progress;
}

const wrongSize = ({ file, model }: Download, got: string): WeightsError =>
  new WeightsError(
    'hub-size',
    `${model.id}/${file.name} should have ${file.size} bytes; the server sends ${got}.`,
    'Try again later, or choose another revision.',
    file.name,
  );

/** Checks the answer's promise against the listing. `false`: ask again from the first byte. */
async function acceptAnswer(response: Response, download: Download): Promise<boolean> {
  const { file, progress } = download;
  if (response.status === 416 && progress.bytes > 0) {
    await restart(download);
    return false;
  }
  if (response.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
    if (range === null || Number(range[1]) !== progress.bytes) {
      throw badAnswer(download.connection, `another part of ${file.name} than was asked for`);
    }
    if (range[2] !== '*' && Number(range[2]) !== file.size) {
      throw wrongSize(download, String(range[2]));
    }
  } else if (response.status === 200) {
    // The server knows no ranges: what is here comes again.
    if (progress.bytes > 0) await restart(download);
  } else {
    throw answerError(response, download.model, download.connection, file.name);
  }
  const length = response.headers.get('content-length');
  const plain = response.headers.get('content-encoding') === null;
  if (plain && length !== null && progress.bytes + Number(length) !== file.size) {
    throw wrongSize(download, String(progress.bytes + Number(length)));
  }
  return true;
}

/** One request; returns when its body ended, early or not. */
async function attempt(download: Download): Promise<void> {
  const { file, connection, progress, handle } = download;
  const watchdog = new Watchdog(connection);
  try {
    const headers: Record<string, string> = { 'Accept-Encoding': 'identity' };
    if (progress.bytes > 0) headers['Range'] = `bytes=${progress.bytes}-`;
    const response = await request(download.address, connection, watchdog, headers);
    if (!(await acceptAnswer(response, download))) {
      await response.body?.cancel();
      return;
    }
    for await (const part of response.body ?? []) {
      watchdog.beat();
      const bytes = part as Uint8Array;
      if (progress.bytes + bytes.length > file.size) {
        throw wrongSize(download, `more than ${file.size}`);
      }
      await writeFully(handle, bytes, progress.bytes);
      progress.hash.update(bytes);
      progress.bytes += bytes.length;
      download.onBytes(progress.bytes);
    }
  } catch (error) {
    throw fromSystemError(networkError(error, connection, watchdog), file.name);
  } finally {
    watchdog.dispose();
  }
}

const isPassing = (error: unknown): error is WeightsError =>
  error instanceof WeightsError &&
  (error.code === 'hub-network' ||
    error.code === 'hub-timeout' ||
    (error.code === 'hub-answer' && error.hint === 'Try again later.'));

/** Asks until all bytes are here; gives up after some attempts that brought none. */
async function downloadAll(download: Download): Promise<void> {
  const { progress, file, connection } = download;
  let fruitless = 0;
  while (progress.bytes < file.size || file.size === 0) {
    const before = progress.bytes;
    let failure: WeightsError | undefined;
    try {
      await attempt(download);
      if (file.size === 0) return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      failure = error;
    }
    fruitless = progress.bytes > before ? 0 : fruitless + 1;
    if (fruitless >= MAX_FRUITLESS || failure?.code === 'hub-timeout') {
      throw failure ?? badAnswer(connection, `only ${progress.bytes} bytes of ${file.name}`);
    }
    if (connection.signal?.aborted === true) throw stopped();
    if (progress.bytes < file.size) {
      await sleep(Math.min(MAX_WAIT, 200 * 2 ** fruitless), undefined, {
        ...(connection.signal === undefined ? {} : { signal: connection.signal }),
      }).catch(() => {
        throw stopped();
      });
    }
  }
}

async function isThere(file: string, size: number): Promise<boolean> {
  try {
    const status = await stat(file);
    return status.isFile() && status.size === size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Downloads what is missing and checks the hash; a file with a wrong one is emptied. */
async function fill(download: Download): Promise<void> {
  const { file, progress } = download;
  const resumed = progress.bytes > 0;
  await downloadAll(download);
  if (progress.hash.digest('hex') === file.hash) return;
  await restart(download);
  if (!resumed) throw wrongHash(download);
  // The part from before may have been the bad one.
  await downloadAll(download);
  if (progress.hash.digest('hex') !== file.hash) {
    await restart(download);
    throw wrongHash(download);
  }
}

const wrongHash = ({ file, model }: Download): WeightsError =>
  new WeightsError(
    'hub-hash',
    `${model.id}/${file.name} arrived with other bytes than the hub lists; it was thrown away.`,
    'Try again; if it stays so, do not trust the network or HF_ENDPOINT.',
    file.name,
  );

/**
 * Brings `file` into `blobs` and returns the blob's path. `onBytes` hears how many bytes of it are here.
 * @throws WeightsError when the hub or the disk refuses, or the signal aborts; what has arrived is kept for the next time
 */
export async function downloadBlob(
  file: HubFile,
  address: string,
  blobs: string,
  model: HubModel,
  connection: HubConnection,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const target = path.join(blobs, file.hash);
  try {
    await mkdir(blobs, { recursive: true });
    if (await isThere(target, file.size)) return target;
    const own = await claimPartial(blobs, file.hash);
    try {
      const handle = await open(own, constants.O_RDWR | constants.O_CREAT);
      try {
        const progress = await readProgress(handle, file);
        onBytes(progress.bytes);
        await fill({ file, model, address, connection, handle, progress, onBytes });
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(own, target);
    } catch (error) {
      await parkPartial(blobs, file.hash, own);
      throw error;
    }
    await syncFolder(blobs);
    await rm(path.join(blobs, `${file.hash}.manticore.incomplete`), { force: true });
    return target;
  } catch (error) {
    throw fromSystemError(error, target);
  }
}
