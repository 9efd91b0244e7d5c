/** From turns to what is reported: medians, ratios, targets. */
import { median, spread } from './statistics';
import type { BenchRow, Metric } from './rows';
import type { ContestantResult } from './taker';
import type { RowMeasurement } from './turns';

/** One line of the JSON's `rows`. */
export interface ReportedRow {
  readonly name: string;
  readonly metric: Metric;
  /** Milliseconds a step or a token, bytes, or (for a scan's growth) the last length's time a token over the first's. */
  readonly ours: number;
  /** PyTorch's; `null` where there is none. */
  readonly peer: number | null;
  /** Ours over PyTorch's; of a scan's growth, ours. */
  readonly ratio: number | null;
  readonly target: number;
}

/** A row without joined vectors. */
export interface PlainerRow extends ReportedRow {
  readonly build: string;
  readonly tier: string;
  readonly node: string;
}

export interface MeasuredRow {
  /** Load average of the last minute before the row: what else the machine did. */
  readonly load: number;
  readonly row: BenchRow;
  readonly measurement: RowMeasurement;
}

/** The number that a turn's series come to. */
export function figureOf({ kind }: BenchRow, series: readonly number[]): number {
  return kind === 'scan' ? series.at(-1)! / series[0]! : series[0]!;
}

/** Median over the turns of each series, then their figure: a scan's growth is a ratio of medians. */
export function timeOf(row: BenchRow, { turns }: ContestantResult): number {
  return figureOf(row, seriesMedians(turns));
}

export function seriesMedians(turns: readonly (readonly number[])[]): number[] {
  return turns[0]!.map((_, index) => median(turns.map((turn) => turn[index]!)));
}

/** How much a contestant's turns differ. */
export function spreadOf(row: BenchRow, { turns }: ContestantResult): number {
  return spread(turns.map((series) => figureOf(row, series)));
}

export const contestantOf = ({ measurement }: MeasuredRow, side: ContestantResult['side']) =>
  measurement.contestants.find((each) => each.side === side && each.finished);

/** The rows of our side as a user gets it. */
export function reportedRows(measured: MeasuredRow): ReportedRow[] {
  return rowsOf(measured, contestantOf(measured, 'ours')!);
}

export function plainerRows(measured: MeasuredRow): PlainerRow[] {
  return measured.measurement.contestants
    .filter(({ side }) => side === 'plainer')
    .flatMap((contestant) =>
      rowsOf(measured, contestant)
        .filter(({ metric }) => metric === 'time')
        .map((row) => ({
          ...row,
          build: contestant.name,
          tier: contestant.versions['tier'] ?? '',
          node: contestant.versions['node'] ?? '',
        })),
    );
}

function rowsOf(measured: MeasuredRow, contestant: ContestantResult): ReportedRow[] {
  const { row } = measured;
  const { time, memory } = row.targets;
  const peer = contestantOf(measured, 'peer');
  const rows: ReportedRow[] = [];
  if (time !== undefined) {
    const ours = timeOf(row, contestant);
    const theirs = peer ? timeOf(row, peer) : null;
    const ratio = row.kind === 'scan' ? ours : overPeer(ours, theirs);
    rows.push({ name: row.name, metric: 'time', ours, peer: theirs, ratio, target: time });
  }
  if (memory !== undefined && contestant.memoryBytes !== null) {
    const ours = contestant.memoryBytes;
    const theirs = peer?.memoryBytes ?? null;
    const ratio = overPeer(ours, theirs);
    rows.push({ name: row.name, metric: 'memory', ours, peer: theirs, ratio, target: memory });
  }
  return rows;
}

const overPeer = (ours: number, peer: number | null) => (peer === null ? null : ours / peer);

/** `undefined` without a peer to compare with. */
export const isMet = ({ ratio, target }: ReportedRow): boolean | undefined =>
  ratio === null ? undefined : ratio <= target;
