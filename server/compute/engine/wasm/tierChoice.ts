/**
 * Which tier this machine takes, found once and kept in the user's cache: a file for each machine, Node version and build of
 * the kernels. A file that is damaged, or says something else than it should, counts as none.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { replaceFile, writeFully } from '../../../files/atomicFile';
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

interface TierFile {
  readonly format: 1;
  readonly key: TierKey;
  readonly tier: Tier;
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
}

/** @throws EngineError `self-check-failed` when no tier computes right */
export async function chooseTier({ cacheFolder, key, anew, measure }: TierChoice): Promise<Tier> {
  const file = tierFile(cacheFolder, key);
  const known = anew ? undefined : readTier(file, key);
  if (known) return known;
  const measures = await measure();
  const tier = fastestRight(measures);
  await writeTier(file, { format: 1, key, tier, measures });
  return tier;
}

/** `undefined` unless the file is whole, made for this key, and names a tier that this Node runs. */
export function readTier(file: string, key: TierKey): Tier | undefined {
  let content: unknown;
  try {
    if (statSync(file).size > LARGEST_FILE) return undefined;
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // None there, or not JSON: it is measured.
  }
  if (typeof content !== 'object' || content === null) return undefined;
  const { format, key: own, tier } = content as Partial<TierFile>;
  if (format !== 1 || JSON.stringify(own) !== JSON.stringify(key)) return undefined;
  return availableTiers().find((one) => one === tier);
}

async function writeTier(file: string, content: TierFile): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await replaceFile(file, (handle) => writeFully(handle, bytes));
  } catch (error) {
    // A home that can't be written costs a second at each start, no more.
    if (systemCode(error) === undefined) throw error;
  }
}
