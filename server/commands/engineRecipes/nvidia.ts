/** Which NVIDIA driver this machine has, read from where the driver itself tells. */
import { constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { exists } from '../../files/systemErrors';
import { findProgram, isRunnable } from '../runProgram';

export interface NvidiaDriver {
  /** Such as 535.183; `undefined` where it doesn't tell. */
  readonly version: number | undefined;
}

/** The first driver that runs CUDA 12, by CUDA's compatibility within a major version. */
export const CUDA_12_DRIVER = 525;

/** The driver's library, where the usual systems, containers and WSL put it. */
const libraries = [
  '/usr/lib/x86_64-linux-gnu/libcuda.so.1',
  '/usr/lib/aarch64-linux-gnu/libcuda.so.1',
  '/usr/lib64/libcuda.so.1',
  '/usr/lib/libcuda.so.1',
  '/usr/local/nvidia/lib64/libcuda.so.1',
  '/usr/lib/wsl/lib/libcuda.so.1',
];

/** `undefined` where there is none. */
export async function findNvidiaDriver(): Promise<NvidiaDriver | undefined> {
  if (process.platform === 'linux') return onLinux();
  const isOnWindows = process.platform === 'win32' && (await exists(windowsTool()));
  return isOnWindows ? { version: undefined } : undefined;
}

const windowsTool = (): string =>
  path.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'nvidia-smi.exe');

async function onLinux(): Promise<NvidiaDriver | undefined> {
  const told = '/proc/driver/nvidia/version';
  if (await isRunnable(told, constants.R_OK)) {
    const [, version] =
      /Module\s+(?:for \S+\s+)?(\d+\.\d+)/.exec(await readFile(told, 'utf8')) ?? [];
    return { version: version === undefined ? undefined : Number(version) };
  }
  for (const library of libraries) if (await exists(library)) return { version: undefined };
  return (await findProgram(['nvidia-smi'])) === undefined ? undefined : { version: undefined };
}
