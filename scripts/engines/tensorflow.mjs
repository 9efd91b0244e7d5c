/**
 * What tests of the tensorflow engine need, in the cache folder (`scripts/hostSetup.mjs`): TensorFlow as a user has it, put
 * there by the product's own command. Takes a download of 0.3 GB and half a minute of compiling; 0.9 GB stay.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { SetupError, cacheFolder, ensureDebianPackages } from '../hostSetup.mjs';

const root = path.resolve(import.meta.dirname, '..', '..');

/** @returns the environment in which `engine: tensorflow` opens */
export async function setUp() {
  const environment = { MANTICORE_ENGINES_DIR: path.join(cacheFolder(), 'engines') };
  if (!stands(environment.MANTICORE_ENGINES_DIR)) install(environment);
  return environment;
}

/** Whether the one that the recipe would install is there: its wheel's note names the version. */
function stands(engines) {
  const recipe = path.join(root, 'server', 'commands', 'engineRecipes', 'tensorflow.ts');
  const [, version] = /^const TENSORFLOW = '([\d.]+)';$/m.exec(readFileSync(recipe, 'utf8')) ?? [];
  if (version === undefined) throw new SetupError(`${recipe} names no version of TensorFlow.`);
  const folder = path.join(engines, `tensorflow-${process.platform}-${process.arch}`);
  return (
    existsSync(folder) &&
    readdirSync(folder).some((name) => name.endsWith(`-${version}.dist-info`)) &&
    existsSync(path.join(folder, 'tensorflow', 'tfjs_binding.node'))
  );
}

function install(environment) {
  if (process.platform === 'linux') ensureDebianPackages(['g++', 'python3']);
  const cli = path.join(root, 'dist', 'cli.js');
  if (!existsSync(cli)) throw new SetupError('Build first: npm run build.');
  console.error(`Installing TensorFlow into ${environment.MANTICORE_ENGINES_DIR}…`);
  const { status, error } = spawnSync(
    process.execPath,
    [cli, 'engines', '--install', 'tensorflow'],
    { env: { ...process.env, ...environment }, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (error) throw error;
  if (status !== 0 || !stands(environment.MANTICORE_ENGINES_DIR)) {
    throw new SetupError(
      'TensorFlow could not be installed from its wheel: the lines above say why.',
    );
  }
}
