/** A section of `docs/results.md` on α by hand, with what a search found among them. */
import { labelOf } from '../../server/report/sweep/axes';
import { sweepSvg } from '../../server/report/sweep/sweepSvg';
import { includesZero } from '../../server/report/resultReport';
import { estimate, mean, type Estimate } from '../../server/report/statistics';
import { formatFixed, formatNumberOf } from '../../server/report/text';
import { markdownTable } from '../../server/report/markdown';
import { differenceOf, estimatesOf, isSeed, splitOf } from './entries';
import { sweepModelOf } from './grids';
import type { Section } from './modelsSection';
import type { RecordRow, RunRecord } from './records';
import { differenceText, figureText } from './words';

/** Of the picture. */
const NAME = 'One α for all blocks, and the searched α';

/** Of the hybrid in `searched` beside α by hand, as the picture names it. */
const SEARCHED = 'searched';

/** A value of the axis, of which there are runs. */
interface ByHand {
  readonly value: unknown;
  readonly rows: readonly RecordRow[];
  /** Mean loss on validation. */
  readonly chosenBy: number;
}

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
  const ofHand = axis.values.flatMap((value): ByHand[] => {
    const rows = byHand
      .filter(({ settings }) => isSame(settings.find(({ key }) => key === axis.key)?.value, value))
      .flatMap((each) => each.rows.filter(({ subject }) => subject === 'hybrid'));
    const of = (name: RecordRow['split']) => rows.filter((row) => row.split === name);
    return rows.length === 0
      ? []
      : [{ value, rows: of(split), chosenBy: meanLoss(of('validation')) }];
  });
  const found = uniqueBySeed(searched.flatMap(({ rows }) => rows)).filter(
    (row) => row.split === split && row.subject === 'hybrid',
  );
  const alpha = searchedAlpha(searched);
  const [first] = byHand[0]!.components;
  /** Of one row a seed. */
  const line = (name: string, rows: readonly RecordRow[]): string[] => {
    const difference = rows === found ? undefined : differenceOf(rows, found, 'loss');
    return [
      name,
      String(rows.length),
      figureText(estimatesOf(rows).loss, 'loss'),
      difference ? differenceText(difference, 'loss') : '–',
    ];
  };
  const table = markdownTable(
    [`α (${split})`, 'seeds', 'loss', 'beside the searched'],
    [
      ...ofHand.map(({ value, rows }) => line(labelOf(value), rows)),
      line(`searched, mean α of ${first!.name} ${formatFixed(alpha, 2)}`, found),
    ],
  );
  return {
    blocks: [
      `![Loss over α by hand, with that of the searched α](${picture})`,
      table.join('\n'),
      ...sentences(ofHand, found),
    ],
    verdicts: [],
    picture: drawing(searched, byHand, alpha),
  };
}

/** What validation chooses of the α by hand, beside the searched α and beside the components alone. */
function sentences(ofHand: readonly ByHand[], found: readonly RecordRow[]): string[] {
  const [best] = [...ofHand].sort((a, b) => a.chosenBy - b.chosenBy);
  if (!best) return [];
  const chosen = `Of the α by hand validation chooses ${labelOf(best.value)}: ${figureText(estimatesOf(best.rows).loss, 'loss')}.`;
  const beside = differenceOf(found, best.rows, 'loss');
  const search = {
    less: '**The search finds better**',
    more: '**The search does not find it**',
    open: 'No difference to the search is certain',
  };
  // At the ends a component is alone: its projectors are skipped.
  const [end] = [...ofHand]
    .filter(({ value }) => typeof value === 'string')
    .sort((a, b) => meanLoss(a.rows) - meanLoss(b.rows));
  const gain = end && end !== best ? differenceOf(best.rows, end.rows, 'loss') : undefined;
  const mixture = {
    less: '**This mixture wins over both components alone**',
    more: '**This mixture does not win over the components alone**',
    open: '**This mixture does not win for certain over the components alone**',
  };
  return [
    `${chosen}${
      beside
        ? ` ${search[sideOf(beside)]}: the searched α beside it ${differenceText(beside, 'loss')} nats, paired over ${formatNumberOf(beside.n, 'seed')}.`
        : ''
    }`,
    ...(gain
      ? [
          `${mixture[sideOf(gain)]}: beside α all ${labelOf(end!.value)}, which is the better of them, ${differenceText(gain, 'loss')} nats over ${formatNumberOf(gain.n, 'seed')}.`,
        ]
      : []),
  ];
}

function sideOf({ mean: centre, interval }: Estimate): 'less' | 'more' | 'open' {
  if (includesZero(interval) !== false) return 'open';
  return centre < 0 ? 'less' : 'more';
}

const meanLoss = (rows: readonly RecordRow[]): number => mean(rows.map(({ loss }) => loss));

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
    config: NAME,
    settings: [{ key: own.key, value }, ...record.settings.filter(({ key }) => isSeed(key))],
    rows: record.rows.flatMap((row) =>
      row.subject === 'hybrid' ? [{ ...row, subject: SEARCHED }] : [],
    ),
  }));
  const wide = axes.map((axis) =>
    axis === own ? { ...axis, values: [...axis.values, value] } : axis,
  );
  const hand = byHand.map((record) => ({ ...record, config: NAME }));
  return `${sweepSvg(sweepModelOf([...hand, ...more], wide))}\n`;
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
