/**
 * Puts engines that are too large for `npm install` where tests find them, one part an engine (`scripts/engines`):
 *
 *     node scripts/engineSetup.mjs webgpu,tensorflow                  prints the environment as JSON
 *     node scripts/engineSetup.mjs webgpu,tensorflow -- npx mocha …   runs a command in it; none of them may be missing there
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { SetupError } from './hostSetup.mjs';

const [engines = '', separator, command, ...args] = process.argv.slice(2);

/** Sets each part up and gives all environments as one. */
async function environmentOf(names) {
  const environment = {};
  for (const name of names) {
    const part = path.join(import.meta.dirname, 'engines', `${name}.mjs`);
    if (!existsSync(part)) throw new SetupError(`There is no setup for an engine ${name}.`);
    const { setUp } = await import(part);
    Object.assign(environment, await setUp());
  }
  return environment;
}

try {
  const environment = await environmentOf(engines.split(',').filter(Boolean));
  if (separator === '--' && command !== undefined) {
    const { status, error } = spawnSync(command, args, {
      env: { ...process.env, ...environment, MANTICORE_ENGINES_REQUIRED: engines },
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    if (error) throw error;
    process.exitCode = status ?? 1;
  } else {
    console.log(JSON.stringify(environment, null, 2));
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
