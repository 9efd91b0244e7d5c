/** The entries of the export menu. */
import type { PanelToHost } from '../server/contract/panel';
import { alphasCsv, frameCsv, lossesCsv } from './csv';
import { formatCount, jobTitle } from './format';
import type { MenuEntry } from './menu';
import { heatmapSvg, pngOf } from './pictures';
import { marksOf } from './marks';
import { componentsOf, sceneOf } from './selectors';
import type { PanelModel } from './state';

export interface ExportHandlers {
  readonly save: (message: PanelToHost & { readonly type: 'save' }) => void;
  readonly say: (words: string) => void;
}

export function exportMenu(model: PanelModel, handlers: ExportHandlers): MenuEntry[] {
  const { run } = model;
  const scene = sceneOf(model);
  const none = !run || scene.kind === 'none' ? 'The run hasn’t told its weights yet.' : undefined;
  const svg = (): string => {
    if (!run || scene.kind === 'none') return '';
    const seeds = new Set(run.jobs.map(({ seed }) => seed)).size;
    const when =
      scene.kind === 'job'
        ? `${jobTitle(scene.job, seeds)}, after step ${formatCount(scene.step)}`
        : scene.kind === 'mean'
          ? `mean over ${scene.seeds} seeds`
          : 'before the first step';
    return heatmapSvg({
      title: 'Mixture weights α by block and component',
      subtitle: `${run.name} · ${when}`,
      components: componentsOf(run),
      alphas: scene.alphas,
      marks: marksOf(run, scene),
    });
  };
  const save = (format: 'svg' | 'png' | 'csv', what: string, data: string): void =>
    handlers.save({ type: 'save', format, name: `${run?.name ?? 'run'}-${what}`, data });
  const savePng = (): void => {
    pngOf(svg()).then(
      (data) => save('png', 'alphas', data),
      () => handlers.say('The picture could not be drawn. Export it as SVG.'),
    );
  };
  const csvEntry = (text: string, what: string, data: () => string): MenuEntry => ({
    text,
    refusal: none,
    onChoose: () => save('csv', what, data()),
  });
  return [
    { text: 'Heatmap as PNG', refusal: none, onChoose: savePng },
    { text: 'Heatmap as SVG', refusal: none, onChoose: () => save('svg', 'alphas', svg()) },
    'line',
    csvEntry('Weights on show as CSV', 'alphas', () =>
      run && scene.kind !== 'none' ? frameCsv(scene.alphas, componentsOf(run)) : '',
    ),
    {
      text: 'Weights over the steps as CSV',
      refusal: scene.kind === 'job' ? undefined : 'No search is on show.',
      onChoose: () => {
        if (run && scene.kind === 'job')
          save('csv', 'alpha-path', alphasCsv(scene.job, componentsOf(run)));
      },
    },
    csvEntry('Losses as CSV', 'losses', () => (run ? lossesCsv(run.jobs) : '')),
  ];
}
