/** The mixture weights beside each block, as bars and numbers. */
import type { CheckedConfig } from '../checkConfig';
import { blockAnchors, type BlockAnchor } from './blocks';
import { codeCell, labelled } from './markdown';
import type { RunWeights } from './runWeights';

export interface InlayHint {
  readonly offset: number;
  /** `neox ▆ 0.62  mamba ▄ 0.38`. */
  readonly label: string;
  /** Markdown. */
  readonly tooltip: string;
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
/** Changes smaller than half of what is shown count as none. */
const STILL = 0.005;
/** Most components of a label. */
const MAX_SHOWN = 6;

/** At each block's line; at `hybrid.blocks` the mean over the blocks that have none. In the order of the text. */
export function inlayHints(checked: CheckedConfig, weights: RunWeights): readonly InlayHint[] {
  const anchors = blockAnchors(checked);
  const written = new Set(anchors.flatMap(({ block }) => (block === undefined ? [] : [block])));
  const lines = new Map<number, number>();
  for (const { line } of anchors) lines.set(line, (lines.get(line) ?? 0) + 1);
  return anchors.flatMap((anchor) => {
    const meant =
      anchor.block === undefined
        ? weights.alphas.flatMap((_, index) => (written.has(index + 1) ? [] : [index]))
        : [anchor.block - 1].filter((index) => index < weights.alphas.length);
    if (meant.length === 0) return [];
    const rows = rowsOf(weights, meant);
    const prefix = (lines.get(anchor.line) ?? 0) > 1 ? `${anchor.block ?? 'other'}: ` : '';
    const label = prefix + labelOf(rows, meant.length);
    return [{ offset: anchor.offset, label, tooltip: tooltipOf(anchor, meant, rows, weights) }];
  });
}

/** `▁` to `█` for α from 0 to 1. */
export function bar(alpha: number): string {
  const level = Number.isFinite(alpha) ? Math.round(alpha * BARS.length) : 0;
  return BARS[Math.min(Math.max(level, 0), BARS.length - 1)]!;
}

/** `↑`, `↓` or `→`. */
export function arrow(change: number): string {
  if (change >= STILL) return '↑';
  return change <= -STILL ? '↓' : '→';
}

/** One component of a block, or of several blocks on average. */
export interface WeightRow {
  readonly name: string;
  /** Not finite where the run tells none. */
  readonly alpha: number;
  readonly change: number | undefined;
  /** From every block that is meant. */
  readonly pruned: boolean;
  /** Every block that is meant is pinned. */
  readonly pinned: boolean;
}

/** @param blocks from 0 */
export function rowsOf(weights: RunWeights, blocks: readonly number[]): readonly WeightRow[] {
  const pinned = blocks.length > 0 && blocks.every((block) => weights.pinned[block] === true);
  return weights.components.map((name, component) => {
    const mean = (alphas: RunWeights['alphas']) =>
      blocks.reduce((sum, block) => sum + (alphas[block]?.[component] ?? NaN), 0) / blocks.length;
    const alpha = mean(weights.alphas);
    const change = weights.before && alpha - mean(weights.before);
    const pruned = blocks.every((block) => weights.pruned[block]?.[component] === true);
    return {
      name,
      alpha,
      change: change !== undefined && Number.isFinite(change) ? change : undefined,
      pruned,
      pinned,
    };
  });
}

function labelOf(rows: readonly WeightRow[], blocks: number): string {
  const pinned = rows.some((row) => row.pinned) ? ['pinned'] : [];
  const mean = blocks > 1 ? ['mean'] : [];
  const parts = rows.slice(0, MAX_SHOWN).map((row) => {
    const name = labelled(row.name);
    if (row.pruned) return `${name} pruned`;
    const number = Number.isFinite(row.alpha) ? row.alpha.toFixed(2) : '–';
    return `${name} ${bar(row.alpha)} ${number}${trendOf(row)}`;
  });
  const more = rows.length > MAX_SHOWN ? [`+${rows.length - MAX_SHOWN}`] : [];
  return [...mean, ...pinned, ...parts, ...more].join('  ');
}

/** Nothing where nothing moved: a level arrow would point at the next component's name. */
function trendOf({ change, pinned }: WeightRow): string {
  return change === undefined || pinned || Math.abs(change) < STILL ? '' : ` ${arrow(change)}`;
}

function tooltipOf(
  anchor: BlockAnchor,
  meant: readonly number[],
  rows: readonly WeightRow[],
  weights: RunWeights,
): string {
  const title =
    anchor.block === undefined
      ? `**α**, mean over ${meant.length} block${meant.length === 1 ? '' : 's'} without a line of their own`
      : `**α of block ${anchor.block}**`;
  const source = weights.source === 'live' ? 'of the run that is going on' : 'of the last run';
  return `${title}, ${source}\n\n${weightTable(rows)}`;
}

/** A Markdown table of α, its change since the last checkpoint, and what holds it. */
export function weightTable(rows: readonly WeightRow[]): string {
  const lines = rows.map((row) => {
    const state = row.pruned ? 'pruned' : row.pinned ? 'pinned' : '';
    const alpha = Number.isFinite(row.alpha) && !row.pruned ? row.alpha.toFixed(4) : '–';
    const change =
      row.change === undefined || row.pruned
        ? ''
        : `${arrow(row.change)} ${row.change < 0 ? '−' : '+'}${Math.abs(row.change).toFixed(4)}`;
    return `| ${codeCell(row.name)} | ${alpha} | ${change} | ${state} |`;
  });
  return ['| component | α | since the last checkpoint | |', '|---|--:|--:|---|', ...lines].join(
    '\n',
  );
}
