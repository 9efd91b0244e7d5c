/**
 * Which process is meant: a pid alone can be taken over by a stranger, a pid with its start time can't. Linux reads
 * `/proc/<pid>/stat` (field 22, ticks since boot, with the boot's id), macOS asks `ps`, Windows asks PowerShell.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../files/systemErrors';

/** A process for as long as it lives; equal identities are the same process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; compared for equality only. */
  readonly startTime: string;
}

/** What is asked of the system; replaced in tests of the other platforms. */
export interface ProcessProbe {
  readonly platform: NodeJS.Platform;
  readonly readText: (file: string) => Promise<string>;
  readonly run: (file: string, args: readonly string[]) => Promise<string>;
}

const runFile = promisify(execFile);

const systemProbe: ProcessProbe = {
  platform: process.platform,
  readText: (file) => readFile(file, 'utf8'),
  run: async (file, args) => {
    const { stdout } = await runFile(file, [...args], {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      timeout: 10_000,
      windowsHide: true,
    });
    return stdout;
  },
};

/** The identity of a living process, `undefined` when there is none of that pid (a zombie is none). */
export async function identityOf(
  pid: number,
  probe: ProcessProbe = systemProbe,
): Promise<ProcessIdentity | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const startTime = await startTimeOf(pid, probe);
  return startTime === undefined ? undefined : { pid, startTime };
}

async function startTimeOf(pid: number, probe: ProcessProbe): Promise<string | undefined> {
  if (probe.platform === 'linux' || probe.platform === 'android') return linuxStartTime(pid, probe);
  if (probe.platform === 'win32') return windowsStartTime(pid, probe);
  return psStartTime(pid, probe);
}

async function linuxStartTime(pid: number, probe: ProcessProbe): Promise<string | undefined> {
  let stat: string;
  try {
    stat = await probe.readText(`/proc/${pid}/stat`);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') return undefined;
    throw error;
  }
  // The name in field 2 may hold spaces and brackets; the fields after its last bracket may not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const ticks = fields[22 - 3];
  if (ticks === undefined || state === 'Z' || state === 'X') return undefined;
  const boot = await probe.readText('/proc/sys/kernel/random/boot_id');
  return `${boot.trim()}:${ticks}`;
}

async function psStartTime(pid: number, probe: ProcessProbe): Promise<string | undefined> {
  let line: string;
  try {
    line = await probe.run('/bin/ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
  } catch {
    // `ps` exits with 1 when there is no such process.
    return undefined;
  }
  const [, state, started] = /^(\S+)\s+(\S.*\S)$/.exec(line.trim()) ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : started?.replace(/\s+/g, ' ');
}

async function windowsStartTime(pid: number, probe: ProcessProbe): Promise<string | undefined> {
  const powershell = path.win32.join(
    process.env['SystemRoot'] ?? 'C:\\Windows',
    'System32\\WindowsPowerShell\\v1.0\\powershell.exe',
  );
  const question =
    `$p = Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}'; ` +
    'if ($p) { $p.CreationDate.ToFileTimeUtc() }';
  const answer = await probe.run(powershell, [
    '-NoProfile',
    '-NonInteractive',
    '-Command',
    question,
  ]);
  return /^\d+$/.test(answer.trim()) ? answer.trim() : undefined;
}

let own: Promise<ProcessIdentity> | undefined;

/** This process. */
export function ownIdentity(): Promise<ProcessIdentity> {
  own ??= identityOf(process.pid).then((identity) => {
    if (identity === undefined) throw new Error('the system does not know this process');
    return identity;
  });
  return own;
}

/** Whether that very process still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const current = await identityOf(identity.pid);
  return current?.startTime === identity.startTime;
}

/** Signals that very process; `false` when it is gone, and then nobody is signalled. */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
    throw error;
  }
}
