/** Sections of `report.html` on what not every run has: pretrained projectors. */
import { section, show } from './htmlSections';
import type { ReportModel } from './modelTypes';
import { formatCount, formatFixed, formatShort } from './text';

export function projectorSection({ projectors }: ReportModel): string {
  if (!projectors) return '';
  const { before, after, text, trained, parameters, tokens, trainingFlops, steps } = projectors;
  const small = (value: typeof before) =>
    value?.interval
      ? `<small>${formatFixed(value.interval.low)} to ${formatFixed(value.interval.high)}</small>`
      : '';
  const cell = (value: typeof before) => `${formatFixed(value?.mean ?? null)}${small(value)}`;
  const heads = ['Loss before', 'Loss after', 'Trained', 'Of', 'Steps', 'Tokens', 'Training FLOPs'];
  const cells = [
    cell(before),
    cell(after),
    formatShort(trained),
    formatShort(parameters),
    formatCount(steps),
    formatCount(tokens),
    formatShort(trainingFlops),
  ];
  const table = `<div class="table"><table><caption>On held-out general text</caption><thead><tr><th scope="col">Text</th>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody><tr><th scope="row"><bdi>${text === null ? '–' : show(text, 60)}</bdi></th>${cells.map((each) => `<td>${each}</td>`).join('')}</tr></tbody></table></div>`;
  const note =
    'Frozen weights have no gradient of their own, so a token costs less training here than in the search. The search starts from these projectors, with α as the config says.';
  return section(
    'Projector pretraining',
    show(projectors.sentence, 1000),
    `${table}<p>${note}</p>`,
  );
}
