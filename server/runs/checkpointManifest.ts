/** `manifest.json` of a checkpoint: the last file written into it, with the size and SHA-256 of every other one. */
import { createHash } from 'node:crypto';
import { lstat, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { systemCode } from '../files/systemErrors';
import { RunError, unsafeFile } from './runErrors';
import { syncFolder } from '../files/atomicFile';
import { readRange } from '../files/regularFile';
import { openInside, readInside, writeAtomic } from './safeFiles';

const manifestName = 'manifest.json';
const maximumManifestBytes = 4 * 1024 * 1024;
/** Larger than the engine's memory can ever make it. */
const maximumFileBytes = 64 * 1024 ** 3;
const chunkBytes = 4 * 1024 * 1024;

const manifestSchema = z.object({
  version: z.literal(1),
  step: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  files: z
    .array(
      z.object({
        path: z.string().min(1).max(1024),
        size: z.number().int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(100_000),
});

/** Syncs every file that `folder` holds and writes its manifest. */
export async function sealCheckpoint(folder: string, step: number): Promise<void> {
  const files = [];
  for (const relative of await filesBelow(folder)) {
    const handle = await open(path.join(folder, ...relative.split('/')), 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    files.push({ path: relative, ...(await measure(folder, relative)) });
  }
  for (const below of await foldersBelow(folder)) await syncFolder(below);
  const manifest = { version: 1, step, files };
  await writeAtomic(path.join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Why a checkpoint can't be believed, or `undefined` when every byte is as it was written. */
export async function checkpointDamage(folder: string, step: number): Promise<string | undefined> {
  try {
    if (!(await lstat(folder)).isDirectory()) return 'it is not a folder';
    const text = (await readInside(folder, manifestName, maximumManifestBytes)).toString('utf8');
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return 'its manifest is not valid';
    if (parsed.data.step !== step) return `its manifest is that of step ${parsed.data.step}`;
    for (const file of parsed.data.files) {
      const { size, sha256 } = await measure(folder, file.path);
      if (size !== file.size) return `${file.path} has ${size} bytes instead of ${file.size}`;
      if (sha256 !== file.sha256) return `${file.path} has other bytes than were written`;
    }
    const listed = new Set(parsed.data.files.map((file) => file.path));
    const stranger = (await filesBelow(folder)).find((file) => !listed.has(file));
    return stranger === undefined ? undefined : `${stranger} is not in its manifest`;
  } catch (error) {
    return damageOf(error);
  }
}

function damageOf(error: unknown): string {
  if (error instanceof RunError) return error.message;
  if (error instanceof SyntaxError) return 'its manifest is not JSON';
  const code = systemCode(error);
  if (code === undefined) throw error;
  return code === 'ENOENT' ? 'a file of it is missing' : `it can't be read (${code})`;
}

async function measure(
  folder: string,
  relative: string,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const { handle, size } = await openInside(folder, relative, maximumFileBytes);
  try {
    const hash = createHash('sha256');
    for (let position = 0; position < size; position += chunkBytes) {
      hash.update(await readRange(handle, position, Math.min(chunkBytes, size - position)));
    }
    return { size, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

/** Regular files below, with `/`, sorted, without the manifest. Links and the like are refused. */
async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const full = path.join(entry.parentPath, entry.name);
    if (!entry.isFile()) throw unsafeFile(full, 'it is not a regular file');
    files.push(path.relative(folder, full).split(path.sep).join('/'));
  }
  return files.filter((file) => file !== manifestName).sort();
}

/** The folder and every folder below, deepest first. */
async function foldersBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return [...folders.sort().reverse(), folder];
}
