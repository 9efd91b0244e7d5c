/** What is written about a sweep: in the tree, the status bar and in lists. Pure. */
import type { SweepListEntry } from '../../server/contract/runViews';
import type { CellState, SweepState } from '../../server/contract/sweep';
import { escapeMarkdown, messageText, plainText } from '../text/escape';
import { formatDate } from '../text/quantities';
import { stateIcon } from './runText';

export type SweepCell = SweepListEntry['cells'][number];

/** Some of its runs are not done, and no process works on it. */
export const isSweepResumable = (state: SweepState): boolean =>
  state === 'stopped' || state === 'failed';

/** Sweeps that were worked on, and are not any more. */
export function endedSweeps(
  before: readonly SweepListEntry[],
  after: readonly SweepListEntry[],
): readonly SweepListEntry[] {
  const running = new Set(before.flatMap(({ dir, state }) => (state === 'running' ? [dir] : [])));
  return after.filter(({ dir, state }) => running.has(dir) && state !== 'running');
}

const countOf = (cells: readonly SweepCell[], ...states: readonly CellState[]): number =>
  cells.filter(({ state }) => states.includes(state)).length;

/** `3 of 12`. */
export function sweepProgress({ cells }: SweepListEntry): string {
  return `${countOf(cells, 'done')} of ${cells.length}`;
}

/** The second part of a sweep's line: `3 of 12 · running · 1 failed · 12 Nov 10:31`. */
export function sweepDescription(sweep: SweepListEntry, now: Date): string {
  const failed = countOf(sweep.cells, 'failed', 'lost');
  return [
    sweepProgress(sweep),
    sweep.state,
    ...(failed > 0 ? [`${failed} failed`] : []),
    formatDate(sweep.startedAt, now),
  ].join(' · ');
}

/** Markdown for a hover; every name in it is escaped. */
export function sweepTooltip(sweep: SweepListEntry, now: Date): string {
  const { name, config, startedAt, cells } = sweep;
  const rows = [
    ['Runs done', sweepProgress(sweep)],
    ['Failed', String(countOf(cells, 'failed', 'lost'))],
    ['Started', formatDate(startedAt, now)],
    ['Config', plainText(config)],
  ].map(([label, value]) => `| ${label!} | ${escapeMarkdown(value!)} |`);
  return [
    `**${escapeMarkdown(name)}** — sweep, ${sweep.state}`,
    '',
    '| | |',
    '|:--|:--|',
    ...rows,
  ].join('\n');
}

/** `4: λ 0.5, seed 1`. */
export const cellLabel = ({ cell, name }: SweepCell): string =>
  name === '' ? `Run ${cell}` : `${cell}: ${plainText(name, 120)}`;

/** Icon and colour of a cell, or a sweep, by its state. */
export function sweepIcon(state: CellState): { readonly icon: string; readonly colour: string } {
  return state === 'waiting'
    ? { icon: 'circle-outline', colour: 'descriptionForeground' }
    : stateIcon(state);
}

/** The second part of the line of a cell that has no run. */
export const waitingText = ({ state, message }: SweepCell): string =>
  [state, ...(message === undefined ? [] : [plainText(message, 200)])].join(' · ');

/** The end of a sweep, where the report's headline can't be had. */
export function sweepEndSentence(sweep: SweepListEntry): string {
  const name = `“${messageText(sweep.name, 80)}”`;
  const failed = countOf(sweep.cells, 'failed', 'lost');
  switch (sweep.state) {
    case 'done':
      return `Sweep ${name} is done: ${sweep.cells.length} runs.`;
    case 'stopped':
      return `Sweep ${name} has stopped with ${sweepProgress(sweep)} runs done. Resume it to go on.`;
    case 'failed':
      return `Sweep ${name} has ended with ${sweepProgress(sweep)} runs done and ${failed} failed. Resuming it tries those again.`;
    case 'running':
      return `Sweep ${name} is running: ${sweepProgress(sweep)} runs are done.`;
  }
}
