/** A section of `docs/results.md` on what survives a hard hand-over. */
import { valueText } from '../../server/language/sweep';
import { markdownTable } from '../../server/report/markdown';
import { estimate, mean, type Estimate } from '../../server/report/statistics';
import { formatFixed, formatNumberOf } from '../../server/report/text';
import { groupedBy, isSeed, splitOf } from './entries';
import type { Section } from './modelsSection';
import type { RunRecord } from './records';
import { differenceText, figureText, signedText } from './words';

type Kind = RunRecord['handOver'][number]['alphas'];

/** Runs that differ in their seeds alone. */
type Group = readonly RunRecord[];

export function handOverSection(records: readonly RunRecord[]): Section {
  const keys = records[0]!.axes.filter(({ key }) => !isSeed(key)).map(({ key }) => key);
  const groups = groupedBy(records, ({ settings }) =>
    JSON.stringify(settings.filter(({ key }) => !isSeed(key))),
  );
  const rows = groups.map((group) => [
    ...keys.map((key) => valueText(valueOf(group, key))),
    figureText(estimate(entriesOf(group, 'soft').map(({ loss }) => loss)), 'loss'),
    differenceText(between(group, 'argmax', group, 'soft'), 'loss'),
    differenceText(between(group, 'threshold', group, 'soft'), 'loss'),
    formatFixed(flopsOf(group, 'argmax') / flopsOf(group, 'soft'), 2),
    formatFixed(handOversOf(group), 1),
  ]);
  const head = [
    ...keys.map((key) => key.split('.').at(-1)!),
    `${splitOf(records)} loss, α as found`,
    'largest α alone',
    'small α dropped',
    'FLOPs of the largest alone',
    'hand-overs in it',
  ];
  const seeds = Math.min(...groups.map((group) => entriesOf(group, 'soft').length));
  return {
    blocks: [
      markdownTable(head, rows).join('\n'),
      `Over ${formatNumberOf(seeds, 'seed')}. The columns of hard α are differences from the loss at α as found, in nats, with 95 % intervals; its FLOPs are a share of those at α as found. The last column counts the places between two blocks where the largest α changes its component, mean over seeds: with 0 what is left is one component alone, and no gate has anything to translate.`,
      ...gateSentences(groups),
    ],
    verdicts: [],
  };
}

/** Gates beside each other at the same number of blocks. */
function gateSentences(groups: readonly Group[]): string[] {
  const ofGate = (gate: string) => groups.filter((group) => valueOf(group, 'hybrid.gate') === gate);
  const lines = ofGate('paper').flatMap((paper) => {
    const blocks = valueOf(paper, 'hybrid.blocks');
    const other = ofGate('transition').find((group) => valueOf(group, 'hybrid.blocks') === blocks);
    if (!other) return [];
    const hard = between(other, 'argmax', paper, 'argmax');
    const soft = between(other, 'soft', paper, 'soft');
    const isHandedOver = handOversOf(paper) + handOversOf(other) > 0;
    return [
      `- ${formatNumberOf(Number(blocks), 'block')}: ${isHandedOver ? sideOf(hard) : 'nothing is handed over'}: ${differenceText(hard, 'loss')} with the largest α alone (${signedText(soft.mean)} at α as found).`,
    ];
  });
  if (lines.length === 0) return [];
  return [['`transition` beside `paper`, in nats, paired over seeds:', '', ...lines].join('\n')];
}

function sideOf({ mean: centre, interval }: Estimate): string {
  const isClear = interval !== null && (interval.low > 0 || interval.high < 0);
  if (!isClear) return 'neither survives better for certain';
  return `\`${centre < 0 ? 'transition' : 'paper'}\` survives better`;
}

/** Loss of one kind of α less that of another, paired over seeds. */
function between(group: Group, kind: Kind, other: Group, otherKind: Kind): Estimate {
  const partners = entriesOf(other, otherKind);
  return estimate(
    entriesOf(group, kind).flatMap(({ seed, loss }) => {
      const partner = partners.find((entry) => entry.seed === seed);
      return partner ? [loss - partner.loss] : [];
    }),
  );
}

const entriesOf = (group: Group, kind: Kind): RunRecord['handOver'] =>
  group.flatMap(({ handOver }) => handOver.filter(({ alphas }) => alphas === kind));

/** Neighbouring blocks whose largest α are of different components: mean over seeds. */
function handOversOf(group: Group): number {
  const counts = group.flatMap(({ alphas }) =>
    alphas.map(({ alphas: table }) => {
      const winners = table.map((row) => row.indexOf(Math.max(...row)));
      return winners.filter((winner, block) => block > 0 && winner !== winners[block - 1]).length;
    }),
  );
  return mean(counts);
}

const flopsOf = (group: Group, kind: Kind): number =>
  mean(entriesOf(group, kind).map(({ flopsPerToken }) => flopsPerToken));

const valueOf = (group: Group, key: string): unknown =>
  group[0]!.settings.find((setting) => setting.key === key)?.value;
