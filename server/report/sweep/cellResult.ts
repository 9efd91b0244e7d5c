/** What a sweep's report takes from the run of a cell. */
import type { ReportModel, ReportPareto, ResultRow } from '../modelTypes';

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
