/** The same data as tables: α of every block, losses of every job, results of the run. */
import { make } from './dom';
import { formatAlpha, formatCount, formatLoss, jobTitle, layerRange } from './format';
import { whereKey } from './jobs';
import type { BlockMarks } from './marks';
import { makeHandOver } from './handOver';
import {
  componentsOf,
  finishedOf,
  isProgrammed,
  lossAt,
  type Component,
  type Scene,
} from './selectors';
import { makeScores } from './scores';
import type { RunData } from './state';
import { makeTable } from './table';

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
  const ofTask = run.plan?.task !== undefined;
  const share = selection.meanAlpha[selection.component];
  return make(
    'section',
    { class: 'card results', 'aria-labelledby': 'results-title' },
    make('h2', { id: 'results-title' }, 'Results'),
    make(
      'p',
      { class: 'selection' },
      isProgrammed(run) ? 'The program leans on ' : 'The search leans on ',
      make('strong', {}, selection.component),
      share === undefined ? '' : `, with a mean α of ${formatAlpha(share)} over the blocks`,
      rest.length === 0
        ? ''
        : ` (${rest.map(([name, a]) => `${name} ${formatAlpha(a)}`).join(', ')})`,
      seeds > 1 ? `, over ${seeds} seeds.` : '.',
    ),
    ...makeScores(results, componentsOf(run).length > 0, ofTask, isProgrammed(run)),
    ...makeHandOver(finished.handOver ?? [], ofTask),
  );
}
