/** Starts a process that works on a sweep and outlives whoever started it: `manticore resume`, without a terminal. */
import path from 'node:path';
import { launchDetached } from '../../runs/launch';
import type { NodeChoice } from '../../runs/nodeBinary';
import { CommandError } from '../commandError';
import { nodeOf, type ComputeProgram } from '../computeProgram';
import { openSweep } from './sweepCells';

/**
 * Its output goes into the folder's `compute.log`.
 * @throws CommandError `sweep-done`; RunError `not-a-sweep`, `node-missing`, `already-running`, `start-failed`
 */
export async function launchSweep(dir: string, program: ComputeProgram): Promise<NodeChoice> {
  const { cells, manifest } = await openSweep(dir);
  if (cells.every(({ state }) => state === 'done')) {
    throw new CommandError(
      'sweep-done',
      `Every run of sweep ${manifest.id} is done: there is nothing left to do.`,
      'Open its report, or run its config again.',
    );
  }
  const node = await nodeOf(program);
  const { distFolder, node: named } = program;
  await launchDetached({
    computePath: path.join(distFolder, 'cli.js'),
    runDir: dir,
    nodePath: node.path,
    execArgv: [],
    args: ['resume', dir],
    // Its runs compute on the Node that was named, as single ones do.
    env: { ...node.environment, ...(named === undefined ? {} : { MANTICORE_NODE: named.path }) },
  });
  return node;
}
