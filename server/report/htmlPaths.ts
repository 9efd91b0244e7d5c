/** The section of `report.html` on how α moved. */
import { componentKey, section, show } from './htmlSections';
import type { AlphaMovement, ReportModel } from './modelTypes';
import { alphaPathSvg } from './pathSvg';
import { formatCount, listInWords } from './text';

function heldInWords(model: ReportModel, block: number): string {
  const mark = model.alphas.marks[block];
  const gone = model.components
    .filter((_, m) => (mark?.pruned[m] ?? 'none') !== 'none')
    .map((component) => component.name);
  return [
    ...(mark && mark.pinned !== 'none' ? ['pinned'] : []),
    ...(gone.length > 0 ? [`${listInWords(gone)} pruned`] : []),
  ].join(', ');
}

export function pathSection(model: ReportModel): string {
  const { program, alphas } = model;
  const [own] = alphas.paths;
  const all = program
    ? program.movements
    : own
      ? [{ ...alphas, stage: own.stage, subject: 'hybrid' }]
      : [];
  const movements = all.filter(({ paths }) => paths.some(({ points }) => points.length > 1));
  const [first] = movements;
  if (!first) return '';
  const { paths } = first;
  const seeds = paths.length > 1 ? ` Thick: mean over ${paths.length} seeds; thin: each seed.` : '';
  const most = paths.find(({ points, recorded }) => points.length < recorded);
  const thinned = most
    ? ` ${formatCount(most.points.length)} of ${formatCount(most.recorded)} recorded steps are drawn.`
    : '';
  const where = program
    ? 'that found them: on each task, and on the target where it was searched too'
    : `of the ${first.stage === 'projectors' ? 'projectors’ pretraining' : first.stage}`;
  const grids = movements.map((movement) => {
    const name = movement.stage === 'program' ? movement.subject : 'the search on the target';
    const head = program ? `<h3><bdi>${show(name, 60)}</bdi></h3>` : '';
    return `${head}<div class="grid">${blockPaths(model, movement)}</div>`;
  });
  return section(
    'How the weights moved',
    `α over the steps ${where}.${seeds} A dotted line marks what was done by hand.${thinned}`,
    `${componentKey(model)}${grids.join('')}`,
  );
}

function blockPaths(model: ReportModel, movement: AlphaMovement): string {
  return Array.from({ length: model.blocks }, (_, i) => {
    // A program's blocks are held as each of its jobs was, which the dotted lines tell.
    const held = model.program ? '' : heldInWords(model, i);
    return `<figure><figcaption>Block ${i + 1}${held ? ` <span>${show(held)}</span>` : ''}</figcaption>${alphaPathSvg(model, movement, i)}</figure>`;
  }).join('');
}
