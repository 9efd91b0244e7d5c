/** What was measured on what. */
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { MeasuredRow } from './results';
import { contestantOf } from './results';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  /** Load average of the last minute when the benchmark began: what else ran. */
  readonly loadAtStart: number;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? process.arch,
    cores: all.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    loadAtStart: loadavg()[0]!,
  };
}

/** Versions of both sides over all rows, the first one met of each. */
export function versionsOf(
  manticore: string,
  measured: readonly MeasuredRow[],
): Readonly<Record<string, string>> {
  const sides = measured.flatMap((row) => [
    contestantOf(row, 'ours')?.versions ?? {},
    contestantOf(row, 'peer')?.versions ?? {},
  ]);
  return Object.assign({ manticore }, ...[...sides].reverse()) as Record<string, string>;
}

export function machineLine(
  { cpu, cores, memoryBytes, system, loadAtStart }: Machine,
  versions: Readonly<Record<string, string>>,
): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const gigabytes = Math.round(memoryBytes / 1e9);
  return (
    `${cpu}, ${cores} cores, ${gigabytes} GB, ${system}, load ${loadAtStart.toFixed(2)} at the start; ` +
    names.join(', ')
  );
}
