/** The `tensorflow` engine: tfjs-node, for a GPU where there is one. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { exists } from '../../files/systemErrors';
import { CommandError } from '../commandError';
import { findNpm } from '../npm';
import { installPackages, type EngineRecipe } from './recipe';

const TENSORFLOW_VERSION = '4.22.0';

/** The package for a GPU where there is one, else, or where that doesn't work, the one for the processor. */
export const tensorflowRecipe: EngineRecipe = async (context) => {
  const { target, onLine } = context;
  const npm = await findNpm();
  const gpu = await hasNvidia();
  for (const name of [...(gpu ? ['@tensorflow/tfjs-node-gpu'] : []), '@tensorflow/tfjs-node']) {
    try {
      const wanted = `${name}@${TENSORFLOW_VERSION}`;
      onLine(`Fetching ${wanted}: some hundred megabytes.`);
      await installPackages(npm, target, [wanted], context);
      return await context.tryEngine();
    } catch (error) {
      const isLast = name === '@tensorflow/tfjs-node';
      const goesOn = error instanceof CommandError && error.code.startsWith('engine-');
      if (isLast || !goesOn) throw error;
      onLine(`${error.message} The package for the processor is tried instead.`);
      await rm(target, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  throw new Error('the last package either works or throws');
};

/** The driver's own folder on Linux, its tool elsewhere. tfjs has GPU packages for Linux and Windows on x64. */
async function hasNvidia(): Promise<boolean> {
  if (process.arch !== 'x64') return false;
  if (process.platform === 'linux') return exists('/proc/driver/nvidia/version');
  if (process.platform !== 'win32') return false;
  return exists(
    path.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'nvidia-smi.exe'),
  );
}
