/** Loss beside cost: the hybrid at soft and at hard α, and what a cost-aware search weighed. */
import type { FinishedEvent, HandOver, RunCosts, RunEvent } from '../contract/events';
import { handOverEntries } from '../contract/handOver';
import { computedCost, expectedCost, totalCost } from './expectedCost';
import { stageInWords } from './curvesSvg';
import { reportedHybrid } from './headline';
import type {
  ParetoPoint,
  ReportCosts,
  ReportHandOver,
  ReportModel,
  ReportPareto,
  ResultSummary,
} from './modelTypes';
import { estimate, mean } from './statistics';
import { formatFixed, formatSigned, listInWords } from './text';

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

/** What a cost-aware search weighed, and what its α and others come to; null for any other run. */
export function buildCosts(
  events: readonly RunEvent[],
  handOver: ReportModel['handOver'],
  components: readonly string[],
): ReportCosts | null {
  const finished = finishedOf(events);
  const costs = finished?.costs;
  if (!finished || !costs || !isTable(costs, finished)) return null;
  const { table, kind, weight } = costs;
  const total = totalCost(table);
  if (!(total > 0)) return null;
  const share = (alphas: readonly (readonly number[])[]) => expectedCost(alphas, table) / total;
  const uniform = table.map((row) => {
    const live = row.filter((cost) => cost > 0).length;
    return row.map((cost) => (cost > 0 ? 1 / live : 0));
  });
  const hard = handOver?.rows.filter(({ alphas, cost }) => alphas !== 'soft' && cost !== null);
  const rows = [
    { name: 'α as found', share: mean(finished.perSeed.map(share)) },
    ...(hard ?? []).map((row) => ({ name: handOverName(row), share: row.cost! })),
    { name: 'uniform α', share: share(uniform) },
    ...components.map((name, m) => ({
      name: `${name} alone`,
      share: share(table.map((row) => row.map((_, k) => Number(k === m)))),
    })),
  ];
  return { kind, weight, table, total, rows };
}

const isTable = ({ table }: RunCosts, { alphas }: FinishedEvent): boolean =>
  table.length === alphas.length && table.every((row, i) => row.length === alphas[i]!.length);

const UNITS = {
  flops: 'forward FLOPs a token',
  parameters: 'parameters',
  milliseconds: 'milliseconds of a forward pass',
} as const;

/** Loss against what a forward pass costs, on the split that is reported on; null with fewer than two points. */
export function buildPareto(
  events: readonly RunEvent[],
  summaries: readonly ResultSummary[],
  handOver: ReportModel['handOver'],
  components: readonly string[],
  programmed = false,
): ReportPareto | null {
  const finished = finishedOf(events);
  const hybrid = reportedHybrid(summaries);
  if (!finished || !hybrid) return null;
  const costs = finished.costs && isTable(finished.costs, finished) ? finished.costs : undefined;
  const kind = costs?.kind ?? 'flops';
  const own = summaries.filter((row) => row.final && row.split === hybrid.split);
  const timed = (row: Priced) =>
    costs ? milliseconds(row, costs, finished, components, programmed) : null;
  const costOf = (row: Priced) =>
    kind === 'flops' ? row.flopsPerToken : kind === 'parameters' ? row.parameters : timed(row);
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
    add(
      { label, subject: 'hybrid', mark: 'hard', loss: loss.mean },
      costOf({ ...row, subject: 'hybrid' }),
    );
  }
  if (points.length < 2) return null;
  return {
    kind,
    unit: UNITS[kind],
    split: hybrid.split,
    points,
    sentences: besideComponents(hybrid, own, components),
  };
}

interface Priced {
  readonly subject: string;
  readonly flopsPerToken: number | null;
  readonly parameters: number | null;
}

/** Of a component its own; of a hybrid what the α with its FLOPs compute. */
function milliseconds(
  row: Priced,
  { table }: RunCosts,
  { perSeed, handOver = [] }: FinishedEvent,
  components: readonly string[],
  programmed: boolean,
): number | null {
  const m = components.indexOf(row.subject);
  if (m >= 0)
    return expectedCost(
      table.map((costs) => costs.map((_, k) => Number(k === m))),
      table,
    );
  if (row.subject === 'uniform') return totalCost(table);
  // Only what is of the hybrid's parts has been measured.
  if (row.subject !== 'hybrid') return null;
  // How the hybrids of such a run were hardened stands in no event.
  if (programmed) return null;
  const matching = handOver.find(({ flopsPerToken }) => flopsPerToken === row.flopsPerToken);
  const alphas = perSeed[0];
  return alphas === undefined ? null : computedCost(harden(alphas, matching), table);
}

function harden(
  alphas: readonly (readonly number[])[],
  how: Pick<HandOver, 'alphas' | 'threshold'> | undefined,
): readonly (readonly number[])[] {
  if (how === undefined || how.alphas === 'soft') return alphas;
  const least = how.alphas === 'argmax' ? Infinity : (how.threshold ?? 0);
  return alphas.map((row) => {
    const largest = row.indexOf(Math.max(...row));
    return row.map((alpha, m) => (m === largest || alpha >= least ? alpha : 0));
  });
}

/** The reported hybrid beside each component of about its cost: within a tenth. */
function besideComponents(
  hybrid: ResultSummary,
  rows: readonly ResultSummary[],
  components: readonly string[],
): string[] {
  return rows.flatMap((row) => {
    const isAlone = row.stage === 'baseline' && components.includes(row.subject);
    if (!isAlone || !row.flopsPerToken || !hybrid.flopsPerToken) return [];
    const ratio = hybrid.flopsPerToken / row.flopsPerToken;
    if (ratio < 0.9 || ratio > 1.1) return [];
    const difference = formatSigned(hybrid.loss.mean - row.loss.mean);
    return [
      `At ${formatFixed(ratio, 2)} times ${row.subject}'s FLOPs a token, the hybrid's ${row.split} loss is ${formatFixed(hybrid.loss.mean)}, ${row.subject}'s ${formatFixed(row.loss.mean)} (${difference}).`,
    ];
  });
}
