/** The `webgpu` engine: Dawn, from npm. Its binaries are in the package; the driver of the GPU is the system's. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '../commandError';
import { findNpm } from '../npm';
import { requireSpace } from './diskSpace';
import { installPackages, type EngineRecipe } from './recipe';

/** The one that the engine is tested with. */
const DAWN = '0.6.2';

/** Bytes, while the binaries of all systems are there. */
const SPACE = 300e6;

/** The largest difference from the oracle that an engine may show; the compute process measures it. */
const SELF_CHECK_LIMIT = 1e-4;

export const webgpuRecipe: EngineRecipe = async (context) => {
  const { target, onLine } = context;
  const npm = await findNpm();
  await mkdir(target, { recursive: true });
  await requireSpace(target, SPACE);
  const wanted = `webgpu@${DAWN}`;
  onLine(`Fetching ${wanted} (Dawn): about 130 megabytes, of which this system keeps a fifth.`);
  // Its only script takes a mark of macOS's browsers away, which npm doesn't set.
  await installPackages(npm, target, [wanted], context, ['--ignore-scripts']);
  await keepOwnBinary(path.join(target, 'node_modules', 'webgpu', 'dist'));
  const report = await context.tryEngine();
  if (report.selfCheckError <= SELF_CHECK_LIMIT) return report;
  throw new CommandError(
    'engine-unfit',
    `${report.device} computes wrong numbers: its self-check differs from the reference by ${report.selfCheckError.toExponential(1)} (allowed: ${SELF_CHECK_LIMIT.toExponential()}).`,
    'Update the driver of the GPU, then try again; or use the wasm engine.',
  );
};

/** The package holds one folder a system. */
async function keepOwnBinary(folder: string): Promise<void> {
  const own = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
  const systems = await readdir(folder);
  // Where there is none for this system, the engine itself says so.
  if (!systems.includes(own)) return;
  for (const system of systems) {
    if (system !== own) await rm(path.join(folder, system), { recursive: true, force: true });
  }
}
