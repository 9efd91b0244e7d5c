/** Records of a sweep → the model of its report, which selects on validation and draws. */
import type { SweepAxis } from '../../server/contract/sweep';
import type { CellResult } from '../../server/report/sweep/cellResult';
import { buildSweepModel, type SweepModel } from '../../server/report/sweep/sweepModel';
import type { RunRecord } from './records';

/** @param records cells of one sweep @param axes with values that no cell of it has */
export function sweepModelOf(
  records: readonly RunRecord[],
  axes: readonly SweepAxis[] = records[0]?.axes ?? [],
): SweepModel {
  return buildSweepModel({
    id: '',
    config: records[0]?.config ?? '',
    startedAt: records[0]?.day ?? '',
    axes,
    cells: records.map((record, index) => ({
      cell: index + 1,
      // By position, as the model takes them.
      settings: axes.map(({ key }) => ({
        key,
        value: record.settings.find((setting) => setting.key === key)?.value,
      })),
      state: 'done',
      run: undefined,
      message: undefined,
      result: resultOf(record),
    })),
  });
}

const resultOf = ({ task, components, rows }: RunRecord): CellResult => ({
  task,
  components: components.map(({ name }) => name),
  rows: rows.map((row) => ({
    ...row,
    final: true,
    perplexity: Math.exp(row.loss),
    seconds: null,
    milliseconds: null,
  })),
  selection: null,
  pareto: null,
  wallSeconds: null,
});
