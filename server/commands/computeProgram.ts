/** The compute process as it is started from here: its bundle, and the Node that runs it. */
import path from 'node:path';
import { exists } from '../files/systemErrors';
import { enginesFolder, installedEngine } from '../files/userCache';
import { chooseNode, FRUGAL_ALLOCATION, type NamedNode, type NodeChoice } from '../runs/nodeBinary';

export interface ComputeProgram {
  /** Folder that holds `compute.js`, beside the bundle that runs this. */
  readonly distFolder: string;
  /** A Node that the user asks for; absent: the best at hand. */
  readonly node?: NamedNode;
  /** Whether a Node of its own is needed, not that of Electron; default: where the engine `webgpu` is installed. */
  readonly avoidElectron?: boolean;
}

export const computePath = ({ distFolder }: ComputeProgram): string =>
  path.join(distFolder, 'compute.js');

/**
 * With the environment that it is to have beside this process's.
 * @throws RunError `node-missing` when the user names one that can't be run
 */
export async function nodeOf(program: ComputeProgram): Promise<NodeChoice> {
  const { distFolder, node, avoidElectron } = program;
  const isThere = (engine: string) => exists(installedEngine(enginesFolder(), engine));
  const [hasWebgpu, hasTensorflow] = await Promise.all([isThere('webgpu'), isThere('tensorflow')]);
  const choice = await chooseNode({
    baseFolder: distFolder,
    ...(node === undefined ? {} : { named: node }),
    avoidElectron: avoidElectron ?? hasWebgpu,
  });
  if (hasWebgpu || hasTensorflow) return choice;
  // What the user has set stays.
  const frugal = Object.entries(FRUGAL_ALLOCATION).filter(([name]) => !(name in process.env));
  return { ...choice, environment: { ...Object.fromEntries(frugal), ...choice.environment } };
}

/** For a log: which Node, and why that one. */
export const describeNode = ({ path: file, version, why }: NodeChoice): string =>
  `Node ${version} computes (${file}): ${why}`;
