/** What stands after a block's line in a config: how α moved since the last checkpoint, and marks. Pure. */
import type { BlockWeights } from '../../server/contract/editor';
import { escapeMarkdown, plainText } from './escape';

/** Smaller changes are noise at two digits. */
const still = 0.005;

/** `↗ +0.04`; empty where nothing is known. */
export function trendText(trend: number | undefined): string {
  if (trend === undefined || !Number.isFinite(trend)) return '';
  if (Math.abs(trend) < still) return '→';
  return `${trend > 0 ? '↗' : '↘'} ${signed(trend)}`;
}

/** `Δ neox +0.04 · mamba −0.01 · gpt −0.03`, of two the first alone, as they move against each other; empty where nothing moved. */
function changeText(block: BlockWeights): string {
  const changes = block.components
    .filter(({ trend, pruned }) => !pruned && trend !== undefined && Math.abs(trend) >= still)
    .map(({ name, trend = 0 }) => `${plainText(name, 40)} ${signed(trend)}`);
  if (changes.length === 0 || block.pinned) return '';
  const told = block.components.length === 2 ? changes.slice(0, 1) : changes;
  return `Δ ${told.join(' · ')}`;
}

const signed = (trend: number): string => `${trend < 0 ? '−' : '+'}${Math.abs(trend).toFixed(2)}`;

/**
 * The line's end. `besideHints`: inlay hints stand there too, with α, its direction and the marks, so that only the
 * amounts are added; without them all of it is said here.
 */
export function decorationText(block: BlockWeights, besideHints: boolean): string {
  if (besideHints) return changeText(block);
  if (block.pinned) return 'pinned';
  const live = block.components.filter(({ pruned }) => !pruned);
  const pruned = block.components.filter((component) => component.pruned);
  const moved = live.some(({ trend }) => trend !== undefined && Math.abs(trend) >= still);
  const known = live.some(({ trend }) => trend !== undefined);
  const trends = live
    .filter(({ trend }) => trendText(trend) !== '')
    .map(({ name, trend }) => `${plainText(name, 40)} ${trendText(trend)}`);
  return [
    ...(pruned.length === 0
      ? []
      : [`${pruned.map(({ name }) => plainText(name, 40)).join(', ')} pruned`]),
    ...(moved ? trends : known ? ['→ unchanged'] : []),
  ].join(' · ');
}

/** Which icon stands in the gutter. */
export function gutterMark(block: BlockWeights): 'pinned' | 'pruned' | undefined {
  if (block.pinned) return 'pinned';
  return block.components.some(({ pruned }) => pruned) ? 'pruned' : undefined;
}

const sources: Record<'live' | 'last' | 'config', string> = {
  live: 'of the running search',
  last: 'of the last run',
  config: 'as the config says',
};

/** Markdown for the hover of the mark. */
export function blockHover(block: BlockWeights, source: 'live' | 'last' | 'config'): string {
  const rows = block.components.map(({ name, alpha, trend, pruned }) => {
    const state = pruned ? 'pruned' : block.pinned ? 'pinned' : trendText(trend);
    return `| ${escapeMarkdown(name)} | ${alpha === undefined ? '–' : alpha.toFixed(3)} | ${escapeMarkdown(state)} |`;
  });
  return [
    `Block ${block.block}, ${sources[source]}`,
    '',
    '| component | α | since the last checkpoint |',
    '|:--|--:|:--|',
    ...rows,
  ].join('\n');
}
