/** What stands after a block's line in a config: how α moved since the last checkpoint, and marks. Pure. */
import type { BlockWeights } from '../../server/contract/editor';
import { escapeMarkdown, plainText } from './escape';

/** Smaller changes are noise at two digits. */
const still = 0.005;

/** `↗ +0.04`; empty where nothing is known. */
export function trendText(trend: number | undefined): string {
  if (trend === undefined || !Number.isFinite(trend)) return '';
  if (Math.abs(trend) < still) return '→';
  return trend > 0 ? `↗ +${trend.toFixed(2)}` : `↘ −${Math.abs(trend).toFixed(2)}`;
}

/** The line's end; empty where there is nothing that the inlay hint's numbers don't say. */
export function decorationText(block: BlockWeights): string {
  const marks: string[] = [];
  if (block.pinned) marks.push('pinned');
  const pruned = block.components.filter((component) => component.pruned).map(({ name }) => name);
  if (pruned.length > 0)
    marks.push(`${pruned.map((name) => plainText(name, 40)).join(', ')} pruned`);
  if (block.pinned) return marks.join(' · ');
  const trends = block.components
    .filter((component) => !component.pruned && trendText(component.trend) !== '')
    .map(({ name, trend }) => `${plainText(name, 40)} ${trendText(trend)}`);
  const moved = block.components.some(
    ({ trend }) => trend !== undefined && Math.abs(trend) >= still,
  );
  return [...marks, ...(moved ? trends : trends.length > 0 ? ['→ unchanged'] : [])].join(' · ');
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
