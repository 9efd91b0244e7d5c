/**
 * Finds Dawn, the implementation of WebGPU in npm's `webgpu`: an optional peer, beside this package or where
 * `manticore engines --install webgpu` puts it.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { enginesFolder, installedEngine } from '../../../files/userCache';
import { notAvailable } from '../errors';

export interface Dawn {
  readonly gpu: GPU;
  readonly version: string;
}

/** The package's exports. */
interface DawnModule {
  readonly create: (options: string[]) => GPU;
  /** `GPUBufferUsage` and its kin, which a browser would have. */
  readonly globals: Record<string, unknown>;
}

const OTHERWISE = 'or use the wasm engine, which every machine runs.';
const INSTALL = `Install it with \`manticore engines --install webgpu\` (in VS Code: Manticore: Install Engine…); ${OTHERWISE}`;

const platforms = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64',
  'linux-x64',
  'win32-arm64',
  'win32-x64',
];

/** By the package's main file; an instance lives as long as the process. */
const loaded = new Map<string, Dawn>();

/** @throws EngineError `not-available` with the reason and the way out */
export async function loadDawn(): Promise<Dawn> {
  refuseNode();
  const entry = find();
  if (entry === undefined) throw notAvailable('webgpu', 'Dawn is not installed', INSTALL);
  const dawn = loaded.get(entry) ?? (await load(entry));
  loaded.set(entry, dawn);
  return dawn;
}

/** Where the engine can't be whatever is installed. */
function refuseNode(): void {
  if (process.versions['electron'] !== undefined) {
    throw notAvailable(
      'webgpu',
      "this is VS Code's own Node, whose memory cage Dawn can't live in",
      `Install Node 20 or newer and name it in the setting \`manticore.nodePath\` (or MANTICORE_NODE); ${OTHERWISE}`,
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  if (!platforms.includes(platform)) {
    throw notAvailable(
      'webgpu',
      `Dawn has no binary for ${platform}`,
      `Take another machine, ${OTHERWISE}`,
    );
  }
}

async function load(entry: string): Promise<Dawn> {
  let module: DawnModule;
  try {
    module = (await import(pathToFileURL(entry).href)) as DawnModule;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!;
    throw notAvailable(
      'webgpu',
      `Dawn (${path.dirname(entry)}) does not load: ${reason}`,
      `Install it anew with \`manticore engines --install webgpu\`; ${OTHERWISE}`,
    );
  }
  Object.assign(globalThis, module.globals);
  const manifest = readFileSync(path.join(path.dirname(entry), 'package.json'), 'utf8');
  return { gpu: module.create([]), version: (JSON.parse(manifest) as { version: string }).version };
}

/** The package's main file: reachable from the program itself, else installed for this user. */
function find(): string | undefined {
  const places = [
    process.argv[1] ?? process.cwd(),
    path.join(installedEngine(enginesFolder(), 'webgpu'), 'package.json'),
  ];
  for (const place of places) {
    try {
      return createRequire(path.resolve(place)).resolve('webgpu');
    } catch (error) {
      if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}
