/** Who takes turns: our engine as a user gets it, its plainer builds, and PyTorch with either scan. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { COMPUTE_FLAGS, FRUGAL_ALLOCATION } from '../../../server/runs/nodeBinary';
import type { PeerScan } from './arguments';
import type { ChildCommand } from './child';

export type Side = 'ours' | 'plainer' | 'peer';

export interface Contestant {
  /** Names it in results: `ours`, `relaxed`, `node20`, `peer-loop`, `peer-mambapy`. */
  readonly name: string;
  readonly side: Side;
  /** @param folder that holds `row.json` */
  readonly start: (folder: string) => ChildCommand;
}

/** Torch's own pool sleeps between its turns, and takes as many threads as we do. */
function peerEnvironment(threads: number): Record<string, string> {
  return {
    OMP_WAIT_POLICY: 'PASSIVE',
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    HF_HUB_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
  };
}

export interface Programs {
  /** The bundle of `ours.ts`. */
  readonly ours: string;
  /** Node that runs it as a user's run: server/runs/nodeBinary.ts. */
  readonly node: string;
  readonly olderNode: string | undefined;
  /** A Python with torch; `undefined`: no peer. */
  readonly python: string | undefined;
  readonly peerScript: string;
  readonly threads: number;
}

export const oursOf = ({ node, ours }: Programs): Contestant => ({
  name: 'ours',
  side: 'ours',
  start: (folder) => computes(node, ours, folder),
});

/** A compute process as a run has it: its flags, its environment. */
const computes = (node: string, ...args: readonly string[]): ChildCommand => ({
  command: node,
  args: [...COMPUTE_FLAGS, ...args],
  environment: FRUGAL_ALLOCATION,
});

/** The same program without joined vectors: another tier on this Node, and the best tier of an older one. */
export function plainerOf({ node, olderNode, ours }: Programs): Contestant[] {
  const relaxed: Contestant = {
    name: 'relaxed',
    side: 'plainer',
    start: (folder) => computes(node, ours, folder, 'relaxed'),
  };
  if (olderNode === undefined) return [relaxed];
  const older: Contestant = {
    name: 'node20',
    side: 'plainer',
    start: (folder) => computes(olderNode, ours, folder),
  };
  return [relaxed, older];
}

/** PyTorch once for each scan that it can take; once where the model has none. */
export function peersOf(programs: Programs, scans: readonly PeerScan[]): Contestant[] {
  const { python, peerScript, threads } = programs;
  if (python === undefined) return [];
  return scans.map((scan) => ({
    name: `peer-${scan}`,
    side: 'peer' as const,
    start: (folder: string) => ({
      command: python,
      args: [peerScript, folder, scan],
      environment: peerEnvironment(threads),
    }),
  }));
}

/** The first Node 20 on the PATH, behind those that npm puts before it. */
export function findOlderNode(named: string | undefined): string | undefined {
  if (named !== undefined) return named;
  return (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, 'node'))
    .find((file) => {
      if (!existsSync(file)) return false;
      const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
      return stdout.startsWith('v20.');
    });
}
