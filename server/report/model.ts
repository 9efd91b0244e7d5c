/** Events, plan and config of a run → what its report says. Pure; any prefix of a log will do. */
import { SEARCHED_SUBJECT, type ControlEvent, type RunEvent } from '../contract/events';
import { buildAlphas, buildSelection } from './alphaReport';
import type { Shape } from './alphaPaths';
import { buildBudgets } from './budgetReport';
import { buildCosts, buildHandOver, buildPareto } from './costReport';
import { buildCurves } from './curveReport';
import { buildHeadline } from './headline';
import type {
  ReportComponent,
  ReportControl,
  ReportModel,
  ResultRow,
  RunHeader,
} from './modelTypes';
import { buildProgram, isProgrammed, ownResults } from './programReport';
import { buildProjectors, projectorHeadline } from './projectorReport';
import { buildRows, summarise } from './resultReport';
import { byAccuracy, byLoss } from './measure';
import { displayText, formatFixed, listInWords } from './text';
import { wellFormedEvents, wellFormedPlan } from './wellFormed';
import type { ReportPlan } from './wellFormed';

/**
 * @param events replayed: superseded events are gone
 * @param plan `plan.json`; left out where it can't be read
 * @param config the config's text
 * @param skipped lines of the log that its reader had to leave out
 */
export function buildReportModel(
  events: readonly RunEvent[],
  plan?: unknown,
  config?: string,
  skipped = 0,
): ReportModel {
  const checked = wellFormedEvents(events);
  const readPlan = wellFormedPlan(plan);
  return assemble(checked.events, checked.dropped + skipped, readPlan, config);
}

function assemble(
  events: readonly RunEvent[],
  dropped: number,
  plan: ReportPlan | undefined,
  config: string | undefined,
): ReportModel {
  const components = buildComponents(events, plan);
  const started = events.find((event) => event.type === 'started');
  const shape: Shape = {
    components: components.map((component) => component.name),
    blocks: started?.blocks ?? plan?.blocks.length ?? 0,
  };
  const seeds = buildSeeds(events, plan);
  const programmed = isProgrammed(events, plan);
  const alphas = buildAlphas(shape, events, plan, seeds, programmed);
  const curves = buildCurves(events);
  const rows = buildRows(events, curves, plan);
  const rivals = rivalsIn(rows, shape.components);
  const summary = summarise(rows, rivals);
  const run = buildHeader(events, plan);
  const task = taskOf(plan);
  const measure = task === null ? byLoss : byAccuracy;
  const headline = buildHeadline(run, rows, summary, rivals, measure);
  const handOver = buildHandOver(events);
  const pretrained = ownResults(events, 'projectors');
  const own = [...pretrained, ...ownResults(events, 'program')];
  const budgets = buildBudgets(summary, curves, plan, rivals, own);
  const program = programmed
    ? buildProgram({ events, shape, rows, summaries: summary, budgets: budgets.rows, measure })
    : null;
  const projectors = buildProjectors(curves, pretrained, plan);
  return {
    format: 'manticore-report',
    version: 1,
    run,
    headline: projectorHeadline(headline, projectors, plan),
    components,
    blocks: shape.blocks,
    task,
    seeds,
    engine: started?.engine ?? null,
    alphas,
    curves,
    results: { rows, summary },
    selection: buildSelection(shape, alphas, plan, programmed),
    projectors,
    program,
    handOver,
    costs: buildCosts(events, alphas, handOver, shape.components),
    pareto: buildPareto(events, rows, summary, handOver, shape.components, programmed),
    budgets,
    controls: events
      .filter((event) => event.type === 'control')
      .map((event) => describeControl(event, shape.components)),
    warnings: buildWarnings(events, dropped),
    config: config ?? null,
  };
}

/** The hybrid itself with another α: no rival of it. */
const OTHER_ALPHAS: readonly string[] = ['uniform', SEARCHED_SUBJECT];

/** What the hybrid is measured by: its components alone, and hybrids that are designed by hand. */
function rivalsIn(rows: readonly ResultRow[], components: readonly string[]): string[] {
  const trained = rows.flatMap(({ stage, subject }) => (stage === 'baseline' ? [subject] : []));
  const own = trained.filter((subject) => !OTHER_ALPHAS.includes(subject));
  return [...new Set([...components, ...own])];
}

/** Name of the task, of whose examples each is right or wrong, that a plan trains on. */
export function taskOf(plan: ReportPlan | undefined): string | null {
  const train = plan?.config?.data.train;
  return train?.kind === 'mad' || train?.kind === 'lra' ? (train.task ?? null) : null;
}

function buildHeader(events: readonly RunEvent[], plan: ReportPlan | undefined): RunHeader {
  const started = events.find((event) => event.type === 'started');
  const end = events.findLast((event) => event.type === 'finished' || event.type === 'failed');
  // A run taken up again after a failure goes on: only what comes last counts.
  const resumedAfter = events.some(
    (event) => event.type === 'resumed' && end !== undefined && event.seq > end.seq,
  );
  const ended = resumedAfter ? undefined : end;
  const startedAt = started?.time ?? null;
  const lastEventAt = events.at(-1)?.time ?? null;
  const wall =
    startedAt === null || lastEventAt === null
      ? Number.NaN
      : (Date.parse(lastEventAt) - Date.parse(startedAt)) / 1000;
  return {
    id: started?.id ?? '',
    name: plan?.name ?? started?.id ?? 'run',
    plan: started?.plan ?? null,
    state: !ended ? 'unfinished' : ended.type === 'failed' ? 'failed' : ended.status,
    startedAt,
    lastEventAt,
    wallSeconds: Number.isFinite(wall) && wall >= 0 ? wall : null,
    resumed: events.filter((event) => event.type === 'resumed').length,
    failure:
      ended?.type === 'failed'
        ? { code: ended.code, message: ended.message, hint: ended.hint }
        : null,
  };
}

function buildComponents(
  events: readonly RunEvent[],
  plan: ReportPlan | undefined,
): ReportComponent[] {
  const started = events.find((event) => event.type === 'started');
  return (started?.components ?? []).map((component) => ({
    ...component,
    flopsPerToken:
      plan?.components.find((planned) => planned.name === component.name)?.flopsPerToken ?? null,
  }));
}

function buildSeeds(events: readonly RunEvent[], plan: ReportPlan | undefined): number[] {
  const seen = new Set<number>();
  for (const event of events) if (event.type === 'step') seen.add(event.seed);
  for (const event of events) {
    if (event.type === 'finished') for (const result of event.results) seen.add(result.seed);
  }
  if (seen.size === 0) for (const job of plan?.jobs ?? []) seen.add(job.seed);
  return [...seen];
}

function buildWarnings(
  events: readonly RunEvent[],
  dropped: number,
): { code: string; message: string; count: number }[] {
  const warnings = new Map<string, { code: string; message: string; count: number }>();
  for (const event of events) {
    if (event.type !== 'warning') continue;
    const key = JSON.stringify([event.code, event.message]);
    const known = warnings.get(key);
    if (known) known.count++;
    else warnings.set(key, { code: event.code, message: event.message, count: 1 });
  }
  const notFinite = events.filter(
    (event) => event.type === 'step' && !Number.isFinite(event.loss),
  ).length;
  if (notFinite > 0) {
    warnings.set('not-finite', {
      code: 'loss-not-finite',
      message: `${notFinite} ${notFinite === 1 ? 'step' : 'steps'} had a loss that is no number; the curves leave them out.`,
      count: 1,
    });
  }
  if (dropped > 0) {
    warnings.set('', {
      code: 'log-damaged',
      message: `${dropped} ${dropped === 1 ? 'line' : 'lines'} of the log could not be read and ${dropped === 1 ? 'is' : 'are'} left out of this report.`,
      count: 1,
    });
  }
  return [...warnings.values()];
}

function describeControl(event: ControlEvent, components: readonly string[]): ReportControl {
  const { time, stage, subject, seed, step, action } = event;
  return {
    time,
    stage,
    subject,
    seed,
    step,
    action,
    block: event.block ?? null,
    component: event.component ?? null,
    weights: event.weights ?? null,
    sentence: controlSentence(event, components),
  };
}

function controlSentence(event: ControlEvent, components: readonly string[]): string {
  const block = event.block === undefined ? '' : ` block ${event.block}`;
  const component = event.component === undefined ? '' : displayText(event.component);
  switch (event.action) {
    case 'pin':
      return `pinned${block}${pinnedTo(event.weights ?? [], components)}`;
    case 'unpin':
      return `unpinned${block}`;
    case 'prune':
      return `pruned ${component} from${block}`;
    case 'restore':
      return `restored ${component} to${block}`;
    case 'pause':
      return 'paused';
    case 'resume':
      return 'went on';
  }
}

function pinnedTo(weights: readonly number[], components: readonly string[]): string {
  const named = weights.flatMap((weight, m) =>
    weight > 0
      ? [`${displayText(components[m] ?? `component ${m + 1}`)} ${formatFixed(weight, 2)}`]
      : [],
  );
  return named.length > 0 ? ` to ${listInWords(named)}` : '';
}
