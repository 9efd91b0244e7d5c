/**
 * The per-user runtime folder: for every running compute process a record with its nonce, and its socket. Only this user
 * can write here, so what stands here is believed, and what stands in a run folder is not.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { isAlive } from './processIdentity';
import { systemCode } from '../files/systemErrors';
import { alreadyRunning, RunError, unsafeRuntimeFolder } from './runErrors';
import { readInside } from './safeFiles';

const windows = process.platform === 'win32';
/** `sun_path` holds 104 bytes on macOS, its final zero included; 108 on Linux. */
const maximumSocketPath = 103;
const maximumRecordBytes = 64 * 1024;
const recordName = /^[0-9a-f]{20}\.json$/;

const recordSchema = z.object({
  version: z.literal(1),
  id: z.string().min(1).max(256),
  /** 256 random bits that prove to either side that the other can read this folder. */
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
  pid: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  startTime: z.string().min(1).max(256),
  /** Tells whoever started it that this is the process it started. */
  launch: z.string().max(64).optional(),
  /** Absolute, links resolved. */
  runDir: z
    .string()
    .min(1)
    .max(16 * 1024),
});

/** Environment variable with a token of whoever starts a compute process; it comes back in the record. */
export const launchVariable = 'MANTICORE_LAUNCH';

/** What a compute process publishes about itself. */
export type RuntimeRecord = z.infer<typeof recordSchema>;

/** A record and the socket that belongs to it. */
export interface Publication {
  readonly record: RuntimeRecord;
  readonly recordPath: string;
  readonly socketPath: string;
}

/**
 * Places of the runtime folder, best first: clients may have been started with other variables than the run. With
 * `MANTICORE_RUNTIME_DIR` there is that one only.
 */
export function runtimeFolderPaths(environment: NodeJS.ProcessEnv = process.env): string[] {
  const named = environment['MANTICORE_RUNTIME_DIR'];
  const holdsSocket = (place: string): boolean =>
    socketPathIn(place, '0'.repeat(20), '') !== undefined;
  if (named !== undefined && path.isAbsolute(named)) return [named].filter(holdsSocket);
  if (windows) return [path.join(tmpdir(), 'manticore')];
  const user = userInfo().uid;
  const session = environment['XDG_RUNTIME_DIR'];
  const places = [
    ...(session !== undefined && path.isAbsolute(session) ? [path.join(session, 'manticore')] : []),
    path.join(environment['TMPDIR'] ?? tmpdir(), `manticore-${user}`),
    `/tmp/manticore-${user}`,
  ];
  return [...new Set(places)].filter(holdsSocket);
}

/**
 * The runtime folder, made if need be.
 * @throws RunError `unsafe-runtime-folder` when it is a link, another user's, or open to others
 */
export async function ensureRuntimeFolder(environment = process.env): Promise<string> {
  const places = runtimeFolderPaths(environment);
  if (places.length === 0) {
    const named = environment['MANTICORE_RUNTIME_DIR'] ?? '';
    throw unsafeRuntimeFolder(named, 'its path is too long for a socket');
  }
  let failure: unknown;
  for (const folder of places) {
    try {
      await mkdir(folder, { mode: 0o700 });
      // The process's umask may have taken more away than is wanted.
      if (!windows) await chmod(folder, 0o700);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') {
        failure = error;
        continue;
      }
    }
    await checkRuntimeFolder(folder);
    return folder;
  }
  throw unsafeRuntimeFolder(
    places.join(' or '),
    `it can't be made (${systemCode(failure) ?? 'unknown reason'})`,
  );
}

async function checkRuntimeFolder(folder: string): Promise<void> {
  const information = await lstat(folder);
  if (!information.isDirectory()) throw unsafeRuntimeFolder(folder, 'it is not a folder');
  if (windows) return;
  if (information.uid !== userInfo().uid) throw unsafeRuntimeFolder(folder, 'another user owns it');
  if ((information.mode & 0o077) !== 0) {
    throw unsafeRuntimeFolder(folder, 'other users can read or write it');
  }
}

/** Short and the same for everyone who means this folder; the run's own id could be copied into another. */
async function keyOf(runDir: string): Promise<{ readonly key: string; readonly real: string }> {
  const real = await realpath(runDir);
  return { key: createHash('sha256').update(real).digest('hex').slice(0, 20), real };
}

/** On Windows pipes share one space, so their names can't be guessed without the nonce. */
function socketPathIn(folder: string, key: string, nonce: string): string | undefined {
  if (windows) {
    const secret = createHash('sha256').update(`pipe ${nonce}`).digest('hex').slice(0, 32);
    return `\\\\.\\pipe\\manticore-${secret}`;
  }
  const socket = path.join(folder, `${key}.sock`);
  return Buffer.byteLength(socket) <= maximumSocketPath ? socket : undefined;
}

/**
 * Claims a run folder for this process: the record is the lock.
 * @throws RunError `already-running` when a living process holds it
 */
export async function publish(
  runDir: string,
  id: string,
  process: { readonly pid: number; readonly startTime: string },
  launch?: string,
): Promise<Publication> {
  const current = await findPublication(runDir);
  if (current !== undefined) throw alreadyRunning(runDir, current.record.pid);
  const folder = await ensureRuntimeFolder();
  await sweep(folder);
  const { key, real } = await keyOf(runDir);
  const nonce = randomBytes(32).toString('hex');
  const record: RuntimeRecord = { version: 1, id, nonce, ...process, launch, runDir: real };
  const recordPath = path.join(folder, `${key}.json`);
  const aside = path.join(folder, `.${key}-${randomBytes(4).toString('hex')}`);
  await writeFile(aside, JSON.stringify(record), { flag: 'wx', mode: 0o600 });
  try {
    // `link` fails where a record stands: of two processes that start at once, one gets it.
    await link(aside, recordPath);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw alreadyRunning(runDir, (await readRecord(folder, `${key}.json`))?.pid ?? 0);
  } finally {
    await rm(aside, { force: true });
  }
  return publicationOf(folder, key, record);
}

/** Takes this process's record and socket away. */
export async function unpublish(publication: Publication): Promise<void> {
  const folder = path.dirname(publication.recordPath);
  const current = await readRecord(folder, path.basename(publication.recordPath));
  if (current?.nonce !== publication.record.nonce) return;
  await removeSocket(publication.socketPath);
  await rm(publication.recordPath, { force: true });
}

/** The living process that works on a run folder, as the runtime folder has it; nothing else is believed. */
export async function findPublication(runDir: string): Promise<Publication | undefined> {
  let key: string;
  let real: string;
  try {
    ({ key, real } = await keyOf(runDir));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  for (const folder of await safeRuntimeFolders()) {
    const record = await readRecord(folder, `${key}.json`);
    if (record?.runDir === real && (await isAlive(record))) {
      return publicationOf(folder, key, record);
    }
  }
  return undefined;
}

/** Every living compute process of this user. */
export async function listPublications(): Promise<Publication[]> {
  const publications: Publication[] = [];
  for (const folder of await safeRuntimeFolders()) {
    for (const name of (await readdir(folder)).filter((each) => recordName.test(each))) {
      const record = await readRecord(folder, name);
      if (record === undefined || !(await isAlive(record))) continue;
      publications.push(publicationOf(folder, path.basename(name, '.json'), record));
    }
  }
  return publications;
}

function publicationOf(folder: string, key: string, record: RuntimeRecord): Publication {
  const socketPath = socketPathIn(folder, key, record.nonce);
  if (socketPath === undefined) throw new Error('the runtime folder was chosen with room for it');
  return { record, recordPath: path.join(folder, `${key}.json`), socketPath };
}

/** Folders that exist and are this user's alone; one that isn't is left out, whatever it holds. */
async function safeRuntimeFolders(): Promise<string[]> {
  const folders: string[] = [];
  for (const folder of runtimeFolderPaths()) {
    try {
      await checkRuntimeFolder(folder);
      folders.push(folder);
    } catch (error) {
      if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    }
  }
  return folders;
}

async function readRecord(folder: string, name: string): Promise<RuntimeRecord | undefined> {
  try {
    const text = (await readInside(folder, name, maximumRecordBytes)).toString('utf8');
    const parsed = recordSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    const expected = error instanceof RunError || error instanceof SyntaxError;
    if (!expected && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Removes what dead processes left. A record is moved aside before it is judged, so a new one is never removed. */
async function sweep(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => recordName.test(each))) {
    const before = await readRecord(folder, name);
    if (before !== undefined && (await isAlive(before))) continue;
    const aside = `.${name}-${randomBytes(4).toString('hex')}`;
    try {
      await rename(path.join(folder, name), path.join(folder, aside));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') continue;
      throw error;
    }
    const moved = await readRecord(folder, aside);
    if (moved !== undefined && (await isAlive(moved))) {
      await rename(path.join(folder, aside), path.join(folder, name));
      continue;
    }
    if (!windows) await removeSocket(path.join(folder, name.replace('.json', '.sock')));
    await rm(path.join(folder, aside), { force: true });
  }
}

/** Removes a socket and nothing but a socket. */
export async function removeSocket(socketPath: string): Promise<void> {
  if (windows) return;
  try {
    if ((await lstat(socketPath)).isSocket()) await rm(socketPath, { force: true });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
