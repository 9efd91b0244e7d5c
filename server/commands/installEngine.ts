/**
 * Installs an engine for this user: its recipe (`engineRecipes`) lays it down in a folder aside and tries it there by the
 * compute process itself; then it is put in its place as one act. An engine that doesn't pass never replaces one that did.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { EngineName } from '../contract/engine';
import { exists, systemCode } from '../files/systemErrors';
import { enginesFolder, installedEngine } from '../files/userCache';
import { CommandError } from './commandError';
import type { ComputeProgram } from './computeProgram';
import {
  tryEngine,
  type EngineRecipe,
  type InstallOptions,
  type WorkingEngine,
} from './engineRecipes/recipe';
import { tensorflowRecipe } from './engineRecipes/tensorflow';
import { webgpuRecipe } from './engineRecipes/webgpu';

export interface InstalledEngine {
  /** Its folder. */
  readonly where: string;
  readonly report: WorkingEngine;
}

/** Engines that can be installed. */
const recipes: Partial<Record<EngineName, EngineRecipe>> = {
  tensorflow: tensorflowRecipe,
  webgpu: webgpuRecipe,
};

/**
 * @param name an engine of `recipes`; for other names a sentence why there is nothing to install
 * @throws CommandError `engine-included`, `engine-unknown`, `npm-missing`,
 * `engine-download-failed`, `engine-build-failed`, `engine-install-failed`, `engine-unfit`, `disk-full`, `cancelled`
 */
export async function installEngine(
  name: string,
  program: ComputeProgram,
  options: InstallOptions,
): Promise<InstalledEngine> {
  const recipe = Object.hasOwn(recipes, name) ? recipes[name as EngineName] : undefined;
  if (recipe === undefined) throw nothingToInstall(name);
  const folder = enginesFolder();
  const aside = path.join(folder, `.installing-${randomBytes(4).toString('hex')}`);
  const target = installedEngine(aside, name);
  try {
    await mkdir(aside, { recursive: true });
    const report = await recipe({
      ...options,
      ...{ aside, target },
      tryEngine: () =>
        tryEngine(
          name as EngineName,
          aside,
          { ...program, avoidElectron: name === 'webgpu' },
          options,
        ),
    });
    const where = installedEngine(folder, name);
    await putInPlace(target, where, path.join(aside, 'before'));
    return { where, report };
  } catch (error) {
    throw withFullDisk(error, folder);
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  }
}

function nothingToInstall(name: string): CommandError {
  switch (name) {
    case 'wasm':
    case 'cpu':
      return new CommandError(
        'engine-included',
        `The engine ${name} comes with Manticore: there is nothing to install.`,
        'Use it with `engine: wasm`.',
      );
    default:
      return new CommandError(
        'engine-unknown',
        `There is no engine ${JSON.stringify(name.slice(0, 100))}.`,
        `What can be installed: ${Object.keys(recipes).join(', ')}.`,
      );
  }
}

async function putInPlace(from: string, to: string, before: string): Promise<void> {
  const replaces = await exists(to);
  if (replaces) await rename(to, before);
  try {
    await rename(from, to);
  } catch (error) {
    if (replaces) await rename(before, to);
    throw error;
  }
}

function withFullDisk(error: unknown, folder: string): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CommandError(
    'disk-full',
    `No space is left in ${folder}.`,
    'Free some, then try again.',
    { cause: error },
  );
}
