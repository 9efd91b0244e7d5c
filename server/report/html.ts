/** `report.html`: one file, no network, a policy that runs nothing but its own script and style. */
import { curveGroups, curvePlot, curveScale } from './curvesSvg';
import { htmlPage } from './htmlPage';
import { reportScript } from './htmlScript';
import {
  alphaSection,
  budgetSection,
  configSection,
  curveSection,
  environmentSection,
  header,
  resultSection,
  warningSection,
} from './htmlSections';
import { pathSection } from './htmlPaths';
import { costSection, programSection, projectorSection } from './htmlStages';
import { reportStyle, type Appearance } from './htmlStyle';
import type { ReportModel } from './modelTypes';
import { displayText, escapeMarkup } from './text';

/** What the script reads: steps, α and running means that the drawings show too. */
function pageData(model: ReportModel): string {
  const groups = curveGroups(model);
  const { width, height, left, right, top, bottom } = curvePlot;
  const data = {
    path: model.alphas.meanPath.map(({ step, alphas }) => ({
      step,
      alphas: alphas.map((row) => row.map((alpha) => Math.round(alpha * 1e4) / 1e4)),
    })),
    plot: {
      left,
      right: width - right,
      top,
      bottom: height - bottom,
      steps: curveScale(groups).steps,
    },
    curves: groups.map((group) => ({
      label: group.label,
      seeds: group.curves.map((curve) =>
        curve.points.map((point) => [point.step, Math.round(point.mean * 1e4) / 1e4]),
      ),
    })),
  };
  // A name can hold `</script>`; in JSON `<` may always be written so.
  return JSON.stringify(data).replace(/</gu, '\\u003c');
}

export function reportHtml(model: ReportModel, appearance: Appearance = 'auto'): string {
  return htmlPage({
    title: `${escapeMarkup(displayText(model.run.name))} · Manticore report`,
    appearance,
    style: reportStyle(appearance),
    main: [
      header(model),
      alphaSection(model),
      pathSection(model),
      curveSection(model),
      resultSection(model),
      programSection(model),
      costSection(model),
      projectorSection(model),
      budgetSection(model),
      warningSection(model),
      environmentSection(model),
      configSection(model),
    ],
    footer:
      'Losses are nats a token. The same figures stand in <code>report.json</code>; every step is in the run’s <code>events.jsonl</code>.',
    script: { dataId: 'report-data', data: pageData(model), code: reportScript() },
  });
}
