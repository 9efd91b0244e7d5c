/** Loss beside cost: the hybrid at soft and at hard α, and what a cost-aware search weighed. */
import type { FinishedEvent, RunCosts, RunEvent } from '../contract/events';
import { handOverEntries } from '../contract/handOver';
import { expectedCost, totalCost } from './expectedCost';
import { stageInWords } from './curvesSvg';
import { reportedHybrid } from './headline';
import type {
  ParetoPoint,
  ReportAlphas,
  ReportCosts,
  ReportHandOver,
  ReportModel,
  ReportPareto,
  ResultRow,
  ResultSummary,
} from './modelTypes';
import { intervalInWords, pairedDifference, rowsOf } from './resultReport';
import { estimate, mean } from './statistics';
import { displayText, formatFixed, formatShort, formatSigned, listInWords } from './text';

/** While the run goes on: what it began with. */
function costsOf(events: readonly RunEvent[]): RunCosts | undefined {
  const begun = events.findLast((event) => event.type === 'costs');
  return finishedOf(events)?.costs ?? begun?.costs;
}

const finishedOf = (events: readonly RunEvent[]): FinishedEvent | undefined =>
  events.findLast((event) => event.type === 'finished');

/** One row for each kind of α, over seeds. */
export function buildHandOver(events: readonly RunEvent[]): ReportModel['handOver'] {
  const entries = finishedOf(events)?.handOver ?? [];
  const kinds = ['soft', 'argmax', 'threshold'] as const;
  const soft = entries.filter(({ alphas }) => alphas === 'soft');
  const rows = kinds.flatMap((alphas): ReportHandOver[] => {
    const own = handOverEntries(entries, alphas);
    if (own.length === 0) return [];
    const shares = own.flatMap(({ cost }) => cost ?? []);
    const times = own.flatMap(({ milliseconds }) => milliseconds ?? []);
    const differences = own.flatMap(({ seed, loss }) => {
      const partner = soft.find((entry) => entry.seed === seed);
      return alphas === 'soft' || !partner ? [] : [loss - partner.loss];
    });
    return [
      {
        alphas,
        threshold: own[0]!.threshold ?? null,
        split: own[0]!.split,
        seeds: own.map(({ seed }) => seed),
        loss: estimate(own.map(({ loss }) => loss)),
        versusSoft: differences.length > 0 ? estimate(differences) : null,
        flopsPerToken: mean(own.map(({ flopsPerToken }) => flopsPerToken)),
        parameters: mean(own.map(({ parameters }) => parameters)),
        cost: shares.length === own.length ? mean(shares) : null,
        milliseconds: times.length === own.length ? mean(times) : null,
      },
    ];
  });
  return rows.length > 1 ? { rows, sentence: handOverSentence(rows) } : null;
}

function handOverSentence(rows: readonly ReportHandOver[]): string {
  const [soft, ...hard] = rows;
  const parts = hard.map(
    (row) =>
      `${formatFixed(row.loss.mean)} with ${handOverName(row)} (${formatSigned(row.versusSoft?.mean ?? 0)})`,
  );
  return `Right after the search, nothing trained in between, the hybrid's ${soft!.split} loss is ${formatFixed(soft!.loss.mean)} at the α that was found, ${listInWords(parts)}.`;
}

export function handOverName({
  alphas,
  threshold,
}: Pick<ReportHandOver, 'alphas' | 'threshold'>): string {
  if (alphas === 'soft') return 'α as found';
  if (alphas === 'argmax') return 'the largest α of each block alone';
  return `α below ${formatFixed(threshold, 2)} dropped`;
}

/** What a cost-aware search weighs, and what its α and others come to; null for any other run. */
export function buildCosts(
  events: readonly RunEvent[],
  { source, perSeed }: ReportAlphas,
  handOver: ReportModel['handOver'],
  components: readonly string[],
): ReportCosts | null {
  const costs = costsOf(events);
  if (!costs || !perSeed.every(({ alphas }) => isTable(costs, alphas))) return null;
  const { table, kind, weight, others = {} } = costs;
  const total = totalCost(table);
  if (!(total > 0)) return null;
  const share = (alphas: readonly (readonly number[])[]) => expectedCost(alphas, table) / total;
  const uniform = table.map((row) => {
    const live = row.filter((cost) => cost > 0).length;
    return row.map((cost) => (cost > 0 ? 1 / live : 0));
  });
  const hard = handOver?.rows.filter(({ alphas, cost }) => alphas !== 'soft' && cost !== null);
  const alone = components.flatMap((name, m) => {
    const own = table.map((row) => row[m]!);
    // What the hybrid holds a part of isn't in its table whole.
    const cost = others[name] ?? (own.every((each) => each > 0) ? totalCost([own]) : undefined);
    return cost === undefined ? [] : [{ name: `${name} alone`, share: cost / total }];
  });
  const stacks = Object.entries(others).filter(([name]) => !components.includes(name));
  const found = source === 'finished' ? 'α as found' : 'α so far';
  const rows = [
    ...(perSeed.length > 0
      ? [{ name: found, share: mean(perSeed.map(({ alphas }) => share(alphas))) }]
      : []),
    ...(hard ?? []).map((row) => ({ name: handOverName(row), share: row.cost! })),
    { name: 'uniform α', share: share(uniform) },
    ...alone,
    ...stacks.map(([name, cost]) => ({ name: `${name}, designed by hand`, share: cost / total })),
  ];
  return { kind, weight, table, total, rows };
}

const isTable = ({ table }: RunCosts, alphas: readonly (readonly number[])[]): boolean =>
  table.length === alphas.length && table.every((row, i) => row.length === alphas[i]!.length);

/** For a terminal, before the first step: what the search will weigh. */
export function costLines(costs: RunCosts, components: readonly string[]): string[] {
  const { kind, weight, table, others = {} } = costs;
  const named = (name: string, cost: number) =>
    `${displayText(name, 40)} ${cost === 0 ? '–' : formatShort(cost)}`;
  const measured = kind === 'milliseconds' ? ', measured now and kept' : '';
  return [
    `The search weighs ${COST_KINDS[kind]}${measured}; λ = ${formatFixed(weight, 3)}.`,
    ...table.map(
      (row, i) =>
        `  block ${i + 1}: ${row.map((cost, m) => named(components[m] ?? '', cost)).join(', ')}`,
    ),
    ...(Object.keys(others).length > 0
      ? [
          `  alone: ${Object.entries(others)
            .map(([name, cost]) => named(name, cost))
            .join(', ')}`,
        ]
      : []),
  ];
}

export const COST_KINDS = {
  flops: 'forward FLOPs a token',
  parameters: 'parameters',
  milliseconds: 'milliseconds of a micro-batch’s forward pass',
} as const;

/** Loss against what a forward pass costs, on the split that is reported on; null with fewer than two points. */
export function buildPareto(
  events: readonly RunEvent[],
  rows: readonly ResultRow[],
  summaries: readonly ResultSummary[],
  handOver: ReportModel['handOver'],
  components: readonly string[],
  programmed = false,
): ReportPareto | null {
  const hybrid = reportedHybrid(summaries);
  if (!finishedOf(events) || !hybrid) return null;
  const kind = costsOf(events)?.kind ?? 'flops';
  const own = summaries.filter((row) => row.final && row.split === hybrid.split);
  const costOf = (row: Priced) =>
    kind === 'milliseconds'
      ? row.milliseconds
      : kind === 'parameters'
        ? row.parameters
        : row.flopsPerToken;
  const points: ParetoPoint[] = [];
  const add = (point: Omit<ParetoPoint, 'cost'>, cost: number | null) => {
    if (cost !== null && cost > 0) points.push({ ...point, cost });
  };
  for (const row of own) {
    const { stage, subject, loss } = row;
    const label = stageInWords(stage, subject, programmed);
    const mark = subject === 'hybrid' && stage === 'search' ? 'soft' : 'trained';
    add({ label, subject, mark, loss: loss.mean }, costOf(row));
  }
  for (const row of handOver?.rows ?? []) {
    if (row.alphas === 'soft' || row.split !== hybrid.split) continue;
    const { alphas, loss } = row;
    const label = `hybrid, search, ${alphas}`;
    add({ label, subject: 'hybrid', mark: 'hard', loss: loss.mean }, costOf(row));
  }
  if (points.length < 2) return null;
  return {
    kind,
    unit: COST_KINDS[kind],
    split: hybrid.split,
    points,
    sentences: besideComponents(hybrid, own, rows, components),
  };
}

interface Priced {
  readonly flopsPerToken: number | null;
  readonly parameters: number | null;
  readonly milliseconds: number | null;
}

/** The reported hybrid beside each component whose FLOPs it doesn't exceed, to a tenth. */
function besideComponents(
  hybrid: ResultSummary,
  summaries: readonly ResultSummary[],
  rows: readonly ResultRow[],
  components: readonly string[],
): string[] {
  return summaries.flatMap((summary) => {
    const isAlone = summary.stage === 'baseline' && components.includes(summary.subject);
    if (!isAlone || !summary.flopsPerToken || !hybrid.flopsPerToken) return [];
    const ratio = hybrid.flopsPerToken / summary.flopsPerToken;
    const difference = pairedDifference(rowsOf(rows, hybrid), rowsOf(rows, summary));
    if (ratio > 1.1 || difference === undefined) return [];
    const { subject, split, loss } = summary;
    return [
      `At ${formatFixed(ratio, 2)} times ${subject}'s FLOPs a token, the hybrid's ${split} loss is ${formatFixed(hybrid.loss.mean)}, ${subject}'s ${formatFixed(loss.mean)} (${formatSigned(difference.mean)}; ${intervalInWords(difference)}).`,
    ];
  });
}
