/** Makes the folder of a sweep, with every cell waiting. */
import { createSweepFolder } from '../../runs/sweepFolder';
import type { ConfigFile } from '../configFile';
import { runnablePlan } from '../startRun';
import { openSweep, type OpenSweep } from './sweepCells';

/** @throws CommandError as `runnablePlan`; RunError as `createSweepFolder` */
export async function createSweep(config: ConfigFile, out?: string): Promise<OpenSweep> {
  if (config.sweep === undefined) throw new Error('a config without a sweep is one run');
  runnablePlan(config);
  const { dir } = await createSweepFolder({
    configPath: config.path,
    configText: config.text,
    cells: config.sweep.count,
    ...(out === undefined ? {} : { out }),
  });
  return openSweep(dir);
}
