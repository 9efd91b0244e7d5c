/** The same data as tables: α of every block, losses of every job, results of the run. */
import type { RunResult } from '../server/contract/events';
import { make } from './dom';
import { formatAlpha, formatCount, formatLoss, formatShort, jobTitle, layerRange } from './format';
import { whereKey } from './jobs';
import type { BlockMarks } from './marks';
import { componentsOf, finishedOf, lossAt, type Component, type Scene } from './selectors';
import type { RunData } from './state';

interface Column {
  readonly head: string;
  readonly title?: string;
  /** Words rather than numbers. */
  readonly words?: boolean;
}

/** A table; the first cell of each row is its head. */
function makeTable(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): HTMLElement {
  const className = ({ words }: Column): string | undefined => (words ? 'words' : undefined);
  const head = columns.map((column) =>
    make('th', { scope: 'col', class: className(column), title: column.title }, column.head),
  );
  const body = rows.map(([first, ...rest]) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row' }, first),
      ...rest.map((text, at) => make('td', { class: className(columns[at + 1]!) }, text)),
    ),
  );
  return make(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    make(
      'table',
      {},
      make('caption', {}, caption),
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...body),
    ),
  );
}

/** α at the step on show, by block and component. */
export function makeAlphaTable(
  components: readonly Component[],
  scene: Exclude<Scene, { kind: 'none' }>,
  marks: readonly BlockMarks[],
): HTMLElement {
  const rows = scene.alphas.map((row, block) => {
    const held = marks[block];
    const cells = components.map((_, m) =>
      held?.pruned.includes(m) ? 'pruned' : (held?.weights?.[m] ?? row[m]!).toFixed(4),
    );
    const layers = components
      .map(({ name, layers: groups }) => {
        const group = groups[block];
        return group ? `${name} ${layerRange(group.first, group.last)}` : '';
      })
      .filter((words) => words !== '');
    return [`Block ${block + 1}`, ...cells, held?.pinned ? 'pinned' : '', layers.join(', ')];
  });
  const when = scene.kind === 'job' ? ` after step ${formatCount(scene.step)}` : '';
  return makeTable(
    `Mixture weights α by block and component${when}`,
    [
      { head: 'Block', words: true },
      ...components.map(({ name, family }) => ({ head: name, title: family })),
      { head: 'State', words: true },
      { head: 'Layers', words: true },
    ],
    rows,
  );
}

/** Losses of every job: first, at the step on show, lowest, last, evaluations. */
export function makeLossTable(run: RunData, step: number | undefined): HTMLElement {
  const seeds = new Set(run.jobs.map(({ seed }) => seed)).size;
  const rows = run.jobs.map((job) => {
    const numbers = job.loss.filter((loss) => loss !== null);
    const evaluated = (split: string): string => {
      const last = run.events.findLast(
        (event) =>
          event.type === 'evaluation' && event.split === split && whereKey(event) === whereKey(job),
      );
      return last?.type === 'evaluation' ? formatLoss(last.loss) : '–';
    };
    return [
      jobTitle(job, seeds),
      `${formatCount(job.steps.at(-1) ?? 0)} of ${formatCount(job.total)}`,
      formatLoss(job.loss[0]),
      ...(step === undefined ? [] : [formatLoss(lossAt(job, step))]),
      formatLoss(numbers.reduce((least, loss) => Math.min(least, loss), Infinity)),
      formatLoss(job.loss.at(-1)),
      evaluated('validation'),
      evaluated('test'),
    ];
  });
  return makeTable(
    'Losses of each job, nats',
    [
      { head: 'Job', words: true },
      { head: 'Steps' },
      { head: 'First' },
      ...(step === undefined ? [] : [{ head: `By step ${formatCount(step)}` }]),
      { head: 'Lowest' },
      { head: 'Last' },
      { head: 'Validation', title: 'Newest evaluation' },
      { head: 'Test', title: 'Newest evaluation' },
    ],
    rows,
  );
}

/** What the run came to: a sentence about the selection, and its scores. `undefined` before it ended. */
export function makeResults(run: RunData): HTMLElement | undefined {
  const finished = finishedOf(run);
  if (!finished || (finished.results.length === 0 && finished.status !== 'done')) return undefined;
  const { selection, results } = finished;
  const means = Object.entries(selection.meanAlpha).sort(([, left], [, right]) => right - left);
  const rest = means.filter(([name]) => name !== selection.component);
  const seeds = finished.perSeed.length;
  const share = selection.meanAlpha[selection.component];
  return make(
    'section',
    { class: 'card results', 'aria-labelledby': 'results-title' },
    make('h2', { id: 'results-title' }, 'Results'),
    make(
      'p',
      { class: 'selection' },
      'The search leans on ',
      make('strong', {}, selection.component),
      share === undefined ? '' : `, with a mean α of ${formatAlpha(share)} over the blocks`,
      rest.length === 0
        ? ''
        : ` (${rest.map(([name, a]) => `${name} ${formatAlpha(a)}`).join(', ')})`,
      seeds > 1 ? `, over ${seeds} seeds.` : '.',
    ),
    results.length === 0 ? undefined : makeResultTable(results, componentsOf(run).length > 0),
  );
}

const stageTitle = ({ stage }: RunResult): string => (stage === 'finetune' ? 'fine-tune' : stage);

function makeResultTable(results: readonly RunResult[], known: boolean): HTMLElement {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const accurate = results.some(({ accuracy }) => accuracy !== undefined);
  const rows = results.map((result) => [
    result.subject,
    stageTitle(result),
    ...(seeds > 1 ? [String(result.seed)] : []),
    result.split,
    formatLoss(result.loss),
    formatPerplexity(result.perplexity),
    ...(accurate ? [formatShare(result.accuracy)] : []),
    formatShort(result.parameters),
    formatShort(result.flopsPerToken),
    formatCount(result.updates),
    formatShort(result.tokens),
  ]);
  return makeTable(
    known ? 'Scores of the hybrid and its baselines' : 'Scores',
    [
      { head: 'Subject', words: true },
      { head: 'Stage', words: true },
      ...(seeds > 1 ? [{ head: 'Seed' }] : []),
      { head: 'Split', words: true },
      { head: 'Loss', title: 'Nats a token' },
      { head: 'Perplexity' },
      ...(accurate ? [{ head: 'Accuracy' }] : []),
      { head: 'Parameters' },
      { head: 'FLOPs/token', title: 'Forward pass' },
      { head: 'Updates', title: 'Updates of the weights' },
      { head: 'Tokens', title: 'Training tokens that the weights saw' },
    ],
    rows,
  );
}

const formatPerplexity = (value: number): string =>
  Number.isFinite(value) ? (value >= 1e6 ? formatShort(value) : value.toFixed(2)) : '–';

const formatShare = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '–' : `${(value * 100).toFixed(1)} %`;
