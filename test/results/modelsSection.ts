/** A section of `docs/results.md` on the models of its runs. */
import { mean } from '../../server/report/statistics';
import { formatCount, formatFixed, formatShort, listInWords } from '../../server/report/text';
import { markdownTable } from '../../server/report/markdown';
import {
  bestOf,
  budgetOf,
  differenceOf,
  entriesOf,
  groupedBy,
  measureOf,
  splitOf,
  variantOf,
  verdictsOf,
  type Entry,
  type Measure,
  type Verdict,
} from './entries';
import type { RunRecord } from './records';
import {
  cellText,
  differenceText,
  entryName,
  figureText,
  seedsText,
  verdictSentence,
} from './words';

/** A section's text, and what it says of the hybrid for the page's beginning. */
export interface Section {
  readonly blocks: readonly string[];
  readonly verdicts: readonly { readonly verdict: Verdict; readonly measure: Measure }[];
}

export function modelsSection(records: readonly RunRecord[]): Section {
  const measure = measureOf(records);
  const entries = entriesOf(records);
  const verdicts = verdictsOf(entries, measure).map((verdict) => ({ verdict, measure }));
  return {
    blocks: [
      modelsTable(entries, records, measure),
      ...verdicts.map(({ verdict }) => verdictSentence(verdict, measure)),
      ...uniformSentence(entries, measure),
      ...selectionSentences(records, entries, measure),
      ...beforeSentences(records),
    ],
    verdicts,
  };
}

function modelsTable(
  entries: readonly Entry[],
  records: readonly RunRecord[],
  measure: Measure,
): string {
  const hybrid =
    entries.find(({ role }) => role === 'programmed' || role === 'hybrid') ?? entries[0]!;
  const others = entries.filter(({ role }) => role === 'component' || role === 'designed');
  const best = bestOf(others, measure);
  const isTask = measure === 'accuracy';
  const rows = entries.map((entry) => {
    const [first] = entry.rows;
    const difference =
      best && entry !== best ? differenceOf(entry.rows, best.rows, measure) : undefined;
    return [
      cellText(entryName(entry)),
      formatShort(mean(entry.rows.map(({ parameters }) => parameters ?? Number.NaN))),
      formatShort(mean(entry.rows.map(({ flopsPerToken }) => flopsPerToken ?? Number.NaN))),
      formatCount(first?.updates ?? null),
      formatCount(first?.tokens ?? null),
      budgetText(entry, hybrid),
      figureText(entry.loss, 'loss'),
      ...(isTask ? [figureText(entry.accuracy, 'accuracy')] : []),
      difference ? differenceText(difference, measure) : '–',
    ];
  });
  const head = [
    `${splitOf(records)}, ${seedsText(entries)}`,
    'parameters',
    'FLOPs a token',
    'updates',
    'tokens',
    'training FLOPs',
    'loss',
    ...(isTask ? ['accuracy'] : []),
    `beside ${best ? cellText(entryName(best)) : 'the best component'}`,
  ];
  return markdownTable(head, rows).join('\n');
}

/** Training FLOPs, and what is equal to the hybrid's budget. */
function budgetText(entry: Entry, hybrid: Entry): string {
  const flops = formatShort(mean(entry.rows.map((row) => row.trainingFlops ?? Number.NaN)));
  if (entry === hybrid) return flops;
  const { isSameTokens, isSameFlops, flopsRatio } = budgetOf(entry, hybrid);
  const equal = [...(isSameTokens ? ['= tokens'] : []), ...(isSameFlops ? ['= FLOPs'] : [])];
  const ratio = isSameFlops || flopsRatio === null ? [] : [`${formatFixed(flopsRatio, 2)} ×`];
  return [flops, ...ratio, ...equal].join(', ');
}

function uniformSentence(entries: readonly Entry[], measure: Measure): string[] {
  const hybrid = entries.find(({ role }) => role === 'programmed' || role === 'hybrid');
  const uniform = entries.find(({ role }) => role === 'uniform');
  const difference = hybrid && uniform && differenceOf(hybrid.rows, uniform.rows, measure);
  if (!difference) return [];
  const unit = measure === 'accuracy' ? 'points of accuracy' : 'nats';
  const kind = hybrid.role === 'programmed' ? 'programmed' : 'searched';
  return [`The ${kind} α beside uniform ones: ${differenceText(difference, measure)} ${unit}.`];
}

/** Whether the component with the largest mean α is the one that does best alone. */
function selectionSentences(
  records: readonly RunRecord[],
  entries: readonly Entry[],
  measure: Measure,
): string[] {
  const searched = records.filter(({ components }) => components.length > 1);
  const groups = groupedBy(searched, (record) =>
    JSON.stringify([record.components, variantOf(withoutBaselines(record), records)]),
  );
  const best = bestOf(
    entries.filter(({ role }) => role === 'component'),
    measure,
  );
  return groups.flatMap((group) => {
    const names = group[0]!.components.map(({ name }) => name);
    const tables = uniqueSeeds(group);
    if (tables.length === 0) return [];
    const means = tables.map(({ alphas }) =>
      names.map((_, m) => mean(alphas.map((row) => row[m]!))),
    );
    const chosen = means.map((row) => names[row.indexOf(Math.max(...row))]!);
    const overall = names.map(
      (name, m) => `${name} ${formatFixed(mean(means.map((row) => row[m]!)), 2)}`,
    );
    const right = best ? chosen.filter((name) => name === best.subject).length : 0;
    const setting = variantOf(withoutBaselines(group[0]!), records);
    const where = groups.length > 1 && setting !== '' ? ` (${setting})` : '';
    const blocks = tables[0]!.alphas.map((_, block) =>
      formatFixed(mean(tables.map(({ alphas }) => alphas[block]![0]!)), 2),
    );
    return [
      `Mean α over blocks and seeds${where}: ${listInWords(overall)}; of ${names[0]!} by block: ${blocks.join(', ')}.${
        best
          ? ` Selecting by the largest mean α gives the best component, ${best.subject}, in ${right} of ${chosen.length} seeds.`
          : ''
      }`,
    ];
  });
}

/** A run as it stands to its hybrid alone. */
const withoutBaselines = (record: RunRecord): RunRecord => ({
  ...record,
  settings: record.settings.filter(({ key }) => !key.startsWith('baselines')),
});

/** Runs that differ in their baselines alone have the same α. */
function uniqueSeeds(records: readonly RunRecord[]): RunRecord['alphas'] {
  const all = records.flatMap(({ alphas }) => alphas);
  return [...new Map(all.map((each) => [each.seed, each])).values()];
}

/** What the baselines got nothing for. Weights that were kept through the search have its tokens among their own. */
function beforeSentences(records: readonly RunRecord[]): string[] {
  const of = (stage: 'search' | 'projectors', what: string): string[] => {
    const own = records.flatMap(({ before }) => before[stage] ?? []);
    if (own.length === 0) return [];
    return [`${what} read ${formatCount(mean(own))} tokens; the baselines got nothing for them.`];
  };
  return [...of('search', 'The search'), ...of('projectors', 'The projectors’ pretraining')];
}
