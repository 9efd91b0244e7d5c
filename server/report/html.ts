/** `report.html`: one file, no network, a policy that runs nothing but its own script and style. */
import { createHash } from 'node:crypto';
import { curveGroups, curvePlot, curveScale } from './curvesSvg';
import { reportScript } from './htmlScript';
import {
  alphaSection,
  budgetSection,
  configSection,
  curveSection,
  environmentSection,
  header,
  pathSection,
  resultSection,
  warningSection,
} from './htmlSections';
import { costSection, projectorSection } from './htmlStages';
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

const sha256 = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export function reportHtml(model: ReportModel, appearance: Appearance = 'auto'): string {
  const style = reportStyle(appearance);
  const script = reportScript();
  const policy = [
    "default-src 'none'",
    `style-src ${sha256(style)}`,
    `script-src ${sha256(script)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${appearance === 'auto' ? 'light dark' : appearance}">
<title>${escapeMarkup(displayText(model.run.name))} · Manticore report</title>
<style>${style}</style>
</head>
<body>
<main>
${[
  header(model),
  alphaSection(model),
  pathSection(model),
  curveSection(model),
  resultSection(model),
  costSection(model),
  projectorSection(model),
  budgetSection(model),
  warningSection(model),
  environmentSection(model),
  configSection(model),
]
  .filter(Boolean)
  .join('\n')}
<footer><p>Losses are nats a token. The same figures stand in <code>report.json</code>; every step is in the run’s <code>events.jsonl</code>.</p></footer>
</main>
<script type="application/json" id="report-data">${pageData(model)}</script>
<script>${script}</script>
</body>
</html>
`;
}
