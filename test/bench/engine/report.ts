/** The benchmark's one JSON and its one table. */
import { machineLine, type Machine } from './machine';
import { isMet, plainerRows, reportedRows } from './results';
import type { MeasuredRow, PlainerRow, ReportedRow } from './results';
import type { BenchRow } from './rows';

export interface GemmRate {
  readonly threads: number;
  readonly tier: string;
  readonly gflops: number;
  readonly peakGflops: number | null;
  readonly peakShare: number | null;
}

export interface BenchReport {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly turns: number;
  readonly threads: number;
  readonly measured: readonly MeasuredRow[];
  readonly gemm: readonly GemmRate[];
}

export interface BenchJson {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly ReportedRow[];
  /** Time without joined vectors. */
  readonly withoutRevectorisation: readonly PlainerRow[];
  readonly gemm: readonly GemmRate[];
}

export function jsonOf({ machine, versions, measured, gemm }: BenchReport): BenchJson {
  return {
    machine,
    versions,
    rows: measured.flatMap(reportedRows),
    withoutRevectorisation: measured.flatMap(plainerRows),
    gemm,
  };
}

export const HEADERS = ['row', 'size', 'metric', 'ours', 'PyTorch', 'ratio', 'target', ''] as const;

/** A reported row as the table's cells. */
export function cellsOf(row: BenchRow, reported: ReportedRow): string[] {
  const { metric, ours, peer, ratio, target } = reported;
  const show = (value: number | null) => (value === null ? '–' : shown(row, metric, value));
  const met = isMet(reported);
  return [
    ...[row.title, row.size, metric, show(ours), show(peer)],
    ratio === null ? '–' : ratio.toFixed(2),
    `≤ ${target}`,
    met === undefined ? '' : met ? 'met' : 'missed',
  ];
}

export function shown({ kind, unit }: BenchRow, metric: ReportedRow['metric'], value: number) {
  if (metric === 'memory') return `${(value / 1e6).toFixed(0)} MB`;
  if (kind === 'scan') return `× ${value.toFixed(2)}`;
  return `${milliseconds(value)} ${unit}`;
}

export const milliseconds = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** What a terminal shows. */
export function tableText(report: BenchReport): string {
  const rows = report.measured.flatMap((each) =>
    reportedRows(each).map((reported) => cellsOf(each.row, reported)),
  );
  const plainer = report.measured.flatMap((each) =>
    plainerRows(each).map((reported) => [
      ...[each.row.title, each.row.size, `${reported.tier}, Node ${reported.node}`],
      ...cellsOf(each.row, reported).slice(3, 6),
    ]),
  );
  const parts = [machineLine(report.machine, report.versions), aligned([[...HEADERS], ...rows])];
  if (plainer.length > 0) {
    const headers = ['without joined vectors', 'size', 'build', 'ours', 'PyTorch', 'ratio'];
    parts.push(aligned([headers, ...plainer]));
  }
  if (report.gemm.length > 0)
    parts.push(aligned([[...GEMM_HEADERS], ...report.gemm.map(gemmCells)]));
  const alone = report.measured.some(({ measurement }) =>
    measurement.contestants.every(({ side }) => side !== 'peer'),
  );
  if (alone) parts.push(NO_PEER);
  return `${parts.join('\n\n')}\n`;
}

export const NO_PEER =
  'Measured alone: MANTICORE_PEER_PYTHON names no Python with PyTorch, so there are no ratios.';

export const GEMM_HEADERS = ['matrix product', 'threads', 'GFLOP/s', 'peak', 'share'] as const;

export function gemmCells({ threads, tier, gflops, peakGflops, peakShare }: GemmRate): string[] {
  return [
    ...[tier, String(threads), gflops.toFixed(0), peakGflops?.toFixed(0) ?? '–'],
    peakShare === null ? '–' : `${Math.round(100 * peakShare)} %`,
  ];
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
