/** What a sweep's report takes from the run of a cell. */
import { systemCode } from '../../files/systemErrors';
import { RunError } from '../../runs/runErrors';
import type { ReportModel, ReportPareto, ResultRow } from '../modelTypes';
import { readReportModel } from '../write';

export interface CellResult {
  readonly task: string | null;
  readonly components: readonly string[];
  /** Final ones only: of a run that goes on there are none. */
  readonly rows: readonly ResultRow[];
  readonly selection: {
    readonly component: string;
    readonly meanAlpha: Readonly<Record<string, number>>;
  } | null;
  /** Loss against cost, of a done run. */
  readonly pareto: ReportPareto | null;
  /** Predicted nowhere: as the clock had it, pauses included. */
  readonly wallSeconds: number | null;
}

/** `undefined` for a run whose log can't be read or trusted. */
export async function readCellResult(runDir: string): Promise<CellResult | undefined> {
  try {
    return resultOf(await readReportModel(runDir));
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

export function resultOf(model: ReportModel): CellResult {
  const { selection } = model;
  return {
    task: model.task,
    components: model.components.map(({ name }) => name),
    rows: model.run.state === 'done' ? model.results.rows.filter(({ final }) => final) : [],
    selection: selection && { component: selection.component, meanAlpha: selection.meanAlpha },
    pareto: model.run.state === 'done' ? model.pareto : null,
    wallSeconds: model.run.wallSeconds,
  };
}
