/**
 * How many physical cores this process may use: a second thread on one core has no vector unit of its own, so matrix
 * products gain nothing from it. Node counts logical processors; the rest is asked of the system.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What the count is made from. */
export interface CoreSources {
  readonly platform: NodeJS.Platform;
  /** Logical processors that this process may use, as Node counts them. */
  readonly available: number;
  /** Text of one of the system's files, `undefined` where there is none. */
  readonly read: (file: string) => string | undefined;
  /** What a command prints, `undefined` where it can't be run. */
  readonly print: (command: string, args: readonly string[]) => string | undefined;
}

const system: CoreSources = {
  platform: process.platform,
  available: availableParallelism(),
  read: (file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
  },
  print: (command, args) => {
    try {
      const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
      return execFileSync(command, args, { encoding: 'utf8', timeout: 1000, stdio });
    } catch {
      return undefined;
    }
  },
};

let counted: number | undefined;

/** Of this machine; counted once. At least 1, at most the logical processors that this process may use. */
export function physicalCores(): number {
  counted ??= countCores(system);
  return counted;
}

/**
 * Linux: distinct groups of sibling threads among the processors that the scheduler allows, within the control group's
 * share of time. macOS: `hw.physicalcpu`. Elsewhere (Windows tells only through its own API) the logical processors.
 */
export function countCores(sources: CoreSources): number {
  const { platform, available, print } = sources;
  const most = Math.max(1, available);
  if (platform === 'linux') {
    const cores = siblingGroups(sources) ?? coresOfCpuinfo(sources) ?? most;
    return Math.max(1, Math.min(most, cores, groupShare(sources)));
  }
  if (platform === 'darwin') {
    const told = Number(print('/usr/sbin/sysctl', ['-n', 'hw.physicalcpu']));
    return Number.isSafeInteger(told) && told > 0 ? Math.min(most, told) : most;
  }
  return most;
}

/** Processors of a list such as `0-3,8,10-11`; `undefined` when it is none. */
export function processorList(text: string): number[] | undefined {
  const ranges = text.trim().split(',');
  const processors: number[] = [];
  for (const range of ranges) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
    if (first === undefined) return undefined;
    for (let processor = Number(first); processor <= Number(last); processor++) {
      processors.push(processor);
    }
  }
  return processors;
}

/** Those that the scheduler may put this process on. */
function allowedProcessors({ read }: CoreSources): number[] | undefined {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('/proc/self/status') ?? '')?.[1];
  return list === undefined ? undefined : processorList(list);
}

function siblingGroups(sources: CoreSources): number | undefined {
  const allowed = allowedProcessors(sources);
  if (!allowed) return undefined;
  const groups = new Set<string>();
  for (const processor of allowed) {
    const topology = `/sys/devices/system/cpu/cpu${processor}/topology`;
    const siblings = sources.read(`${topology}/thread_siblings_list`);
    if (siblings === undefined) return undefined;
    groups.add(siblings.trim());
  }
  return groups.size > 0 ? groups.size : undefined;
}

/** Distinct pairs of socket and core in `/proc/cpuinfo`; some architectures' has no such lines. */
function coresOfCpuinfo(sources: CoreSources): number | undefined {
  const allowed = allowedProcessors(sources);
  const cores = new Set<string>();
  for (const entry of (sources.read('/proc/cpuinfo') ?? '').split(/\n\s*\n/)) {
    const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(\\d+)$`, 'm').exec(entry)?.[1];
    const processor = field('processor');
    const core = field('core id');
    if (processor === undefined || core === undefined) continue;
    if (allowed && !allowed.includes(Number(processor))) continue;
    cores.add(`${field('physical id') ?? '0'}/${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}

/** Whole processors of time that the control group grants (a container's limit), `Infinity` without a limit. */
function groupShare({ read }: CoreSources): number {
  const [quota, period] = (
    read('/sys/fs/cgroup/cpu.max') ??
    [
      read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') ?? '',
      read('/sys/fs/cgroup/cpu/cpu.cfs_period_us') ?? '',
    ].join(' ')
  )
    .trim()
    .split(/\s+/)
    .map(Number) as [number, number?];
  return quota > 0 && period !== undefined && period > 0
    ? Math.max(1, Math.floor(quota / period))
    : Infinity;
}
