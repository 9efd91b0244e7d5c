/** A section of `docs/results.md` on α by hand, with what a search found among them. */
import { labelOf } from '../../server/report/sweep/axes';
import { sweepSvg } from '../../server/report/sweep/sweepSvg';
import { estimate, mean } from '../../server/report/statistics';
import { formatFixed, listInWords } from '../../server/report/text';
import { markdownTable } from '../../server/report/markdown';
import { bestOf, differenceOf, estimatesOf, isSeed, splitOf } from './entries';
import { sweepModelOf } from './grids';
import type { Section } from './modelsSection';
import type { RecordRow, RunRecord } from './records';
import { differenceText, figureText } from './words';

/** Of the hybrid in `searched` beside α by hand, as the picture names it. */
const SEARCHED = 'searched';

export interface AlphaSection extends Section {
  readonly picture: string;
}

/**
 * @param searched runs that searched α under the budget of the others
 * @param byHand cells of a sweep over one α for all blocks
 * @param picture the picture's path as the page has it
 */
export function alphaSection(
  searched: readonly RunRecord[],
  byHand: readonly RunRecord[],
  picture: string,
): AlphaSection {
  const split = splitOf([...searched, ...byHand]);
  const axis = byHand[0]!.axes.find(({ key }) => !isSeed(key))!;
  const ofHand = axis.values.map((value) => ({
    value,
    rows: byHand
      .filter(({ settings }) => isSame(settings.find(({ key }) => key === axis.key)?.value, value))
      .flatMap(({ rows }) => rows.filter((row) => row.split === split && row.subject === 'hybrid')),
  }));
  const found = uniqueBySeed(searched.flatMap(({ rows }) => rows)).filter(
    (row) => row.split === split && row.subject === 'hybrid',
  );
  const alpha = searchedAlpha(searched);
  const [first] = byHand[0]!.components;
  const line = (name: string, rows: readonly RecordRow[]): string[] => {
    const difference = rows === found ? undefined : differenceOf(rows, found, 'loss');
    return [
      name,
      figureText(estimatesOf(rows).loss, 'loss'),
      difference ? differenceText(difference, 'loss') : '–',
    ];
  };
  const table = markdownTable(
    [`α (${split})`, 'loss', 'beside the searched'],
    [
      ...ofHand.map(({ value, rows }) => line(labelOf(value), rows)),
      line(`searched, mean α of ${first!.name} ${formatFixed(alpha, 2)}`, found),
    ],
  );
  const best = bestOf(
    ofHand.map(({ value, rows }) => ({
      ...{ subject: labelOf(value), setting: '', role: 'hybrid' as const, rows },
      ...estimatesOf(rows),
    })),
    'loss',
  )!;
  const beside = differenceOf(found, best.rows, 'loss');
  return {
    blocks: [
      `![Loss over α by hand, with that of the searched α](${picture})`,
      table.join('\n'),
      `The best α by hand on ${split} is ${best.subject}: ${figureText(best.loss, 'loss')}.${
        beside
          ? ` The searched α beside it: ${differenceText(beside, 'loss')} nats, paired over seeds.`
          : ''
      } The best of ${listInWords([`${axis.values.length} α`])} is chosen on ${split} itself, which favours it.`,
    ],
    verdicts: [],
    picture: drawing(searched, byHand, alpha),
  };
}

/** The sweep's own picture, with one more place on its axis. */
function drawing(
  searched: readonly RunRecord[],
  byHand: readonly RunRecord[],
  alpha: number,
): string {
  const [{ axes, components }] = byHand as readonly [RunRecord, ...RunRecord[]];
  const own = axes.find(({ key }) => !isSeed(key))!;
  const share = Number(alpha.toFixed(2));
  const value = {
    [components[0]!.name]: share,
    [components[1]!.name]: Number((1 - share).toFixed(2)),
  };
  const more = searched.map((record): RunRecord => ({
    ...record,
    components,
    config: byHand[0]!.config,
    settings: [{ key: own.key, value }, ...record.settings.filter(({ key }) => isSeed(key))],
    rows: record.rows.flatMap((row) =>
      row.subject === 'hybrid' ? [{ ...row, subject: SEARCHED }] : [],
    ),
  }));
  const wide = axes.map((axis) =>
    axis === own ? { ...axis, values: [...axis.values, value] } : axis,
  );
  return `${sweepSvg(sweepModelOf([...byHand, ...more], wide))}\n`;
}

/** Mean α of the first component, over blocks and seeds. */
function searchedAlpha(searched: readonly RunRecord[]): number {
  const tables = searched.flatMap(({ alphas }) => alphas.map(({ alphas: table }) => table));
  return estimate(tables.map((table) => mean(table.map((row) => row[0]!)))).mean;
}

/** Runs of other baselines have the same hybrid. */
function uniqueBySeed(rows: readonly RecordRow[]): readonly RecordRow[] {
  return [
    ...new Map(
      rows.map((row) => [JSON.stringify([row.subject, row.split, row.seed]), row]),
    ).values(),
  ];
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
