/** What the terminal shows, as lines of text: pure, and never wider than asked. */
import type { StepEvent } from '../contract/events';
import { stageInWords } from './curvesSvg';
import { alphaRows, blockHeads } from './programReport';
import type { BlockMarks, ReportModel, ReportProgram, ResultSummary } from './modelTypes';
import {
  displayText,
  formatBytes,
  formatCount,
  formatDuration,
  formatFixed,
  formatShort,
  formatSigned,
} from './text';

/** Paints text, or leaves it as it is where colour isn't wanted. */
export type Paint = (text: string, style: 'bold' | 'dim' | number) => string;

export const plain: Paint = (text) => text;

// Cyan, yellow, magenta, green, blue, red: six that differ on dark and light grounds.
const seriesCodes = [36, 33, 35, 32, 34, 31];

export const ansi: Paint = (text, style) => {
  const code = style === 'bold' ? 1 : style === 'dim' ? 2 : seriesCodes[style % 6];
  return text === '' ? '' : `\u001b[${code ?? 0}m${text}\u001b[0m`;
};

const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const combining = /\p{M}/u;

/** Terminal columns of text without escape sequences. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (!combining.test(character)) width += wide.test(character) ? 2 : 1;
  }
  return width;
}

/** Cuts to `width` columns, with an ellipsis where something is lost. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return '';
  let kept = '';
  let used = 0;
  for (const character of text) {
    const own = textWidth(character);
    if (used + own > width - 1) break;
    kept += character;
    used += own;
  }
  return `${kept}…`;
}

const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - textWidth(text)));
const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - textWidth(text))) + text;

/** A bar of eighths: `███████▌`, padded to `width`. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(
    Math.min(Math.max(Number.isFinite(share) ? share : 0, 0), 1) * width * 8,
  );
  const full = Math.floor(eighths / 8);
  const rest = ' ▏▎▍▌▋▊▉'[eighths % 8] ?? ' ';
  return ('█'.repeat(full) + (eighths % 8 === 0 ? '' : rest)).padEnd(width);
}

export function progressLine(step: number, steps: number, columns: number, paint: Paint): string {
  const share = steps > 0 ? step / steps : 0;
  const words = `${String(Math.floor(share * 100)).padStart(3)} %  step ${formatCount(step)} of ${formatCount(steps)}`;
  const width = Math.min(40, columns - textWidth(words) - 2);
  if (width < 4) return fit(words.trimStart(), columns);
  const filled = bar(share, width);
  return `${paint(filled.trimEnd(), 0)}${paint('·'.repeat(width - filled.trimEnd().length), 'dim')} ${words}`;
}

/** Loss, speed, time and memory; what doesn't fit is left out from the right. */
export function measureLine(event: StepEvent, columns: number): string {
  const parts = [
    `loss ${formatFixed(event.loss)}`,
    ...(event.cost === undefined ? [] : [`cost ${formatFixed(event.cost * 100, 1)} %`]),
    `${formatCount(event.tokensPerSecond)} tokens/s`,
    `${formatDuration(event.etaSeconds)} left`,
    formatBytes(event.memoryBytes),
  ];
  while (parts.length > 1 && textWidth(parts.join('   ')) > columns) parts.pop();
  return fit(parts.join('   '), columns);
}

/** α as one line a block: `1  neox ███████▌ 0.74  mamba ██▌ 0.26`. Narrow terminals lose the bars, then the ends of names. */
export function alphaLines(
  names: readonly string[],
  alphas: readonly (readonly number[])[],
  marks: readonly BlockMarks[],
  columns: number,
  paint: Paint,
  maxRows = 24,
): string[] {
  const K = Math.max(1, names.length);
  const label = String(alphas.length).length + 1;
  const markWidth = marks.some((mark) => mark.pinned !== 'none') ? 8 : 0;
  const room = Math.floor((columns - label - markWidth) / K);
  const longest = Math.max(0, ...names.map((name) => textWidth(displayText(name))));
  // A cell: two spaces, name, space, bar, space, `0.74`.
  const barWidth = Math.min(10, room - longest - 8);
  const bars = barWidth >= 3;
  // No room for three letters of a name: the columns stand in the components' order.
  const nameWidth = bars ? longest : room < 10 ? 0 : Math.min(longest, room - 7);
  const rows = alphas.slice(0, maxRows).map((row, i) => {
    const cells = names.map((name, m) => {
      const pruned = marks[i]?.pruned[m] === 'all';
      const alpha = row[m] ?? Number.NaN;
      const figure = pruned ? '  – ' : formatFixed(alpha, 2).padStart(4);
      const drawn = bars ? ` ${paint(bar(pruned ? 0 : alpha, barWidth), m)}` : '';
      const named =
        nameWidth > 0 ? `  ${padEnd(fit(displayText(name), nameWidth), nameWidth)}` : '';
      return `${named}${drawn} ${figure}`;
    });
    const mark = marks[i]?.pinned === 'none' || !marks[i] ? '' : '  pinned';
    const line = `${String(i + 1).padStart(label)}${cells.join('')}${mark}`;
    return bars ? line : fit(line, columns);
  });
  const more = alphas.length - maxRows;
  return more > 0 ? [...rows, fit(`   and ${more} more blocks`, columns)] : rows;
}

interface Column {
  readonly head: string;
  readonly cell: (row: ResultSummary) => string;
}

/** Columns in the order they are given up last to first on a narrow terminal. */
const resultColumns: readonly Column[] = [
  { head: 'loss', cell: (row) => formatFixed(row.loss.mean) },
  {
    head: '95 % interval',
    cell: (row) =>
      row.loss.interval
        ? `${formatFixed(row.loss.interval.low)} to ${formatFixed(row.loss.interval.high)}`
        : 'one seed',
  },
  { head: 'perplexity', cell: (row) => formatFixed(row.perplexity.mean, 2) },
  {
    head: 'beside best',
    cell: (row) => (row.versusBest ? formatSigned(row.versusBest.difference.mean) : '–'),
  },
  { head: 'parameters', cell: (row) => formatShort(row.parameters) },
  { head: 'FLOPs/token', cell: (row) => formatShort(row.flopsPerToken) },
  { head: 'updates', cell: (row) => formatCount(row.updates) },
  { head: 'tokens', cell: (row) => formatCount(row.tokens) },
  { head: 'time', cell: (row) => formatDuration(row.seconds) },
];

const accuracyColumn: Column = {
  head: 'accuracy',
  cell: (row) => (row.accuracy ? `${formatFixed(row.accuracy.mean * 100, 1)} %` : '–'),
};

/** On a task accuracy comes first; perplexity says nothing there. */
const taskColumns: readonly Column[] = [
  accuracyColumn,
  ...resultColumns.filter(({ head }) => head !== 'perplexity'),
];

/** A table a split. @param task of the run, if it is a synthetic one */
export function resultLines(
  summary: readonly ResultSummary[],
  task: string | null,
  columns: number,
  paint: Paint,
  programmed = false,
): string[] {
  const what = task === null ? 'text' : 'examples';
  const splits = [...new Set(summary.map((row) => row.split))];
  return splits.flatMap((split) => {
    const rows = summary.filter((row) => row.split === split);
    const names = rows.map((row) => fit(stageInWords(row.stage, row.subject, programmed), 30));
    const nameWidth = Math.min(
      columns,
      Math.max(...names.map(textWidth), textWidth(`${split} ${what}`)),
    );
    const kept: { column: Column; width: number }[] = [];
    let used = nameWidth;
    for (const column of task === null ? resultColumns : taskColumns) {
      const width = Math.max(
        textWidth(column.head),
        ...rows.map((row) => textWidth(column.cell(row))),
      );
      if (used + 2 + width > columns) break;
      kept.push({ column, width });
      used += 2 + width;
    }
    const head = kept.map(({ column, width }) => `  ${padStart(column.head, width)}`).join('');
    return [
      paint(fit(padEnd(`${split} ${what}`, nameWidth) + head, columns), 'dim'),
      ...rows.map((row, index) => {
        const cells = kept.map(({ column, width }) => `  ${padStart(column.cell(row), width)}`);
        return padEnd(fit(names[index] ?? '', nameWidth), nameWidth) + cells.join('');
      }),
    ];
  });
}

/** Breaks a sentence into lines of at most `columns`. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const next = line === '' ? word : `${line} ${word}`;
    if (textWidth(next) > columns && line !== '') {
      lines.push(line);
      line = word;
    } else {
      line = next;
    }
  }
  lines.push(line);
  return lines.map((each) => fit(each, columns));
}

/** α by task, as many blocks as fit, then what they are worth. */
function programLines(model: ReportModel, program: ReportProgram, columns: number): string[] {
  const names = model.components.map(({ name }) => displayText(name, 24)).join(' / ');
  const rows = alphaRows(model, program).map(({ name, share, alphas }) => [
    fit(displayText(`${name} ${share}`.trim()), 34),
    ...alphas.map((row) => row.map((alpha) => formatFixed(alpha, 2)).join(' / ')),
  ]);
  const heads = [fit(`α of ${names}`, 34), ...blockHeads(model.blocks)];
  const widths = heads.map((head, column) =>
    Math.max(textWidth(head), ...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  let shown = 0;
  for (let used = 0; shown < widths.length; shown++) {
    used += widths[shown]! + (shown > 0 ? 2 : 0);
    if (used > columns) break;
  }
  const line = (cells: readonly string[]) =>
    cells
      .slice(0, shown)
      .map((cell, column) => (column === 0 ? padEnd : padStart)(cell, widths[column]!))
      .join('  ');
  const hidden = widths.length - shown;
  return [
    ...(rows.length > 0 && shown > 1 ? [line(heads), ...rows.map(line)] : []),
    ...(rows.length > 0 && hidden > 0
      ? [fit(`${hidden} more blocks: see the report`, columns)]
      : []),
    ...program.sentences.flatMap((sentence) =>
      wrap(displayText(sentence, 1000), Math.min(columns, 100)),
    ),
  ];
}

/** The end of a run: what it gained or lost, the table, where α ended, the selection. */
export function summaryLines(model: ReportModel, columns: number, paint: Paint): string[] {
  const { headline, results, alphas, selection, program, handOver, budgets } = model;
  const names = model.components.map((component) => component.name);
  const reading = Math.min(columns, 100);
  // A run that ended has results; what was evaluated on the way stands in the report.
  const final = results.summary.filter((row) => row.final);
  const blocks: string[][] = [
    [
      ...wrap(displayText(headline.sentence, 1000), reading).map((line) => paint(line, 'bold')),
      ...headline.details.flatMap((detail) => wrap(displayText(detail, 1000), reading)),
    ],
    resultLines(
      final.length > 0 ? final : results.summary,
      model.task,
      columns,
      paint,
      program !== null,
    ),
    alphas.mean ? alphaLines(names, alphas.mean, alphas.marks, columns, paint) : [],
    selection ? wrap(displayText(selection.sentence, 1000), reading) : [],
    program ? programLines(model, program, columns) : [],
    handOver ? wrap(displayText(handOver.sentence, 1000), reading) : [],
    budgets.sentences.flatMap((sentence) => wrap(displayText(sentence, 1000), reading)),
  ];
  return blocks.filter((lines) => lines.length > 0).flatMap((lines) => ['', ...lines]);
}
