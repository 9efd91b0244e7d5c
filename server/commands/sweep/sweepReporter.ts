/** The report of a sweep, made again whenever a cell has ended; what a done run says is read once. */
import type { CellState } from '../../contract/sweep';
import type { CellResult } from '../../report/sweep/cellResult';
import { readCellResult } from '../../report/sweep/readCellResult';
import { buildSweepModel, type SweepModel } from '../../report/sweep/sweepModel';
import { writeSweepReport, type WrittenSweepReport } from '../../report/sweep/writeSweep';
import { openSweep } from './sweepCells';

export class SweepReporter {
  private readonly done = new Map<string, CellResult>();
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly dir: string) {}

  /** @throws RunError `not-a-sweep`, `disk-full` */
  write(): Promise<WrittenSweepReport> {
    const write = async (): Promise<WrittenSweepReport> =>
      writeSweepReport(this.dir, await this.model());
    const written = this.writing.then(write, write);
    this.writing = written;
    return written;
  }

  async model(): Promise<SweepModel> {
    const { manifest, axes, cells } = await openSweep(this.dir);
    const results = [];
    for (const { cell, settings, state, run, message } of cells) {
      const result = run && (await this.resultOf(run.dir, state));
      results.push({ cell, settings, state, run: run?.id, message, result });
    }
    const { id, config, startedAt } = manifest;
    return buildSweepModel({ id, config, startedAt, axes, cells: results });
  }

  private async resultOf(dir: string, state: CellState): Promise<CellResult | undefined> {
    const known = this.done.get(dir);
    if (known) return known;
    const result = await readCellResult(dir);
    if (result && state === 'done') this.done.set(dir, result);
    return result;
  }
}
