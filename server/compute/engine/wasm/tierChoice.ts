/**
 * Which tier this machine takes, kept in the user's cache: a file for each machine, Node version and build of the kernels.
 * A busy moment can make the wrong one look the fastest, so a choice holds for a day, until another day's measurement says the
 * same; then it holds for good. A file that is damaged, or says something else than it should, counts as none.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, type FileHandle } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { createFile, replaceFile, writeFully } from '../../../files/atomicFile';
import { systemCode } from '../../../files/systemErrors';
import { fastestRight, type TierMeasure } from './measureTiers';
import { availableTiers, kernelsDigest, type Tier } from './tiers';

/** What a choice holds for. */
export interface TierKey {
  readonly processor: string;
  /** Logical processors: other machines of the same processor may be other virtual ones. */
  readonly processors: number;
  readonly platform: string;
  readonly architecture: string;
  readonly node: string;
  readonly v8: string;
  /** Of the compiled kernels. */
  readonly kernels: string;
}

export function keyOfThisMachine(): TierKey {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? '',
    processors: all.length,
    platform: process.platform,
    architecture: process.arch,
    node: process.version,
    v8: process.versions.v8,
    kernels: kernelsDigest(),
  };
}

/** Milliseconds that a choice holds which was measured in one moment alone. */
const UNCONFIRMED_HOLDS = 24 * 60 * 60 * 1000;

export interface KnownTier {
  readonly tier: Tier;
  /** When it was measured last, milliseconds since 1970. */
  readonly at: number;
  /** Whether measurements a day apart agree. */
  readonly confirmed: boolean;
}

interface TierFile extends KnownTier {
  readonly format: 2;
  readonly key: TierKey;
  /** For whoever asks why. */
  readonly measures: readonly TierMeasure[];
}

const LARGEST_FILE = 64 * 1024;

export function tierFile(cacheFolder: string, key: TierKey): string {
  const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32);
  return path.join(cacheFolder, 'tiers', `${name}.json`);
}

export interface TierChoice {
  readonly cacheFolder: string;
  readonly key: TierKey;
  /** Measures even if a choice is known, and replaces it. */
  readonly anew: boolean;
  readonly measure: () => Promise<TierMeasure[]>;
  /** Milliseconds since 1970. */
  readonly now?: number;
}

/** @throws EngineError `self-check-failed` when no tier computes right */
export async function chooseTier(choice: TierChoice): Promise<Tier> {
  const { cacheFolder, key, anew, measure, now = Date.now() } = choice;
  const file = tierFile(cacheFolder, key);
  const known = readTier(file, key);
  // A clock that was set back counts as another day as well.
  const isOld = known !== undefined && Math.abs(now - known.at) >= UNCONFIRMED_HOLDS;
  if (known !== undefined && !anew && (known.confirmed || !isOld)) return known.tier;
  const measures = await measure();
  // Another process may have measured meanwhile: the two take the same tier.
  const measuredMeanwhile = (): Tier | undefined => {
    const current = anew ? undefined : readTier(file, key);
    return current?.at === known?.at ? undefined : current?.tier;
  };
  const meanwhile = measuredMeanwhile();
  if (meanwhile !== undefined) return meanwhile;
  const tier = fastestRight(measures);
  const confirmed = known?.tier === tier && (known.confirmed || isOld);
  const content: TierFile = { format: 2, key, tier, at: now, confirmed, measures };
  if (known === undefined && !anew) {
    if (await writeTier(file, content, createFile)) return tier;
    const first = measuredMeanwhile();
    if (first !== undefined) return first;
  }
  await writeTier(file, content, replaceFile);
  return tier;
}

/** `undefined` unless the file is whole, made for this key, and names a tier that this Node runs. */
export function readTier(file: string, key: TierKey): KnownTier | undefined {
  let content: unknown;
  try {
    if (statSync(file).size > LARGEST_FILE) return undefined;
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // None there, or not JSON: it is measured.
  }
  if (typeof content !== 'object' || content === null) return undefined;
  const { format, key: own, tier: kept, at, confirmed } = content as Partial<TierFile>;
  if (format !== 2 || JSON.stringify(own) !== JSON.stringify(key)) return undefined;
  const tier = availableTiers().find((one) => one === kept);
  if (tier === undefined || typeof at !== 'number' || typeof confirmed !== 'boolean')
    return undefined;
  return { tier, at, confirmed };
}

/** @returns what `put` returns; `undefined` where nothing can be written that way */
async function writeTier<T>(
  file: string,
  content: TierFile,
  put: (file: string, write: (handle: FileHandle) => Promise<void>) => Promise<T>,
): Promise<T | undefined> {
  const bytes = Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    return await put(file, (handle) => writeFully(handle, bytes));
  } catch (error) {
    // A home that can't be written costs a second at each start, no more.
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
