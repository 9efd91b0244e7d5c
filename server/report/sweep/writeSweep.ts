/** A sweep's report → `result/sweep.json`, `.csv`, `.svg`, `.png`, `.html` in its folder. Stored ones are never read. */
import path from 'node:path';
import { writeAtomic } from '../../runs/safeFiles';
import { sweepResultFolder } from '../../runs/sweepFolder';
import { pngOf } from '../write';
import { labelOf } from './axes';
import { sweepHtml } from './sweepHtml';
import type { SweepModel } from './sweepModel';
import { sweepSvg } from './sweepSvg';

export interface WrittenSweepReport {
  readonly model: SweepModel;
  /** Absolute paths. */
  readonly html: string;
  readonly json: string;
  readonly csv: string;
  readonly svg: string;
  readonly png: string;
}

/** @throws RunError `disk-full`, `not-a-sweep` when `result` is a link or no folder */
export async function writeSweepReport(
  dir: string,
  model: SweepModel,
): Promise<WrittenSweepReport> {
  const folder = await sweepResultFolder(path.resolve(dir));
  const at = (ending: string): string => path.join(folder, `sweep.${ending}`);
  const drawing = sweepSvg(model);
  const written = {
    model,
    ...{ html: at('html'), json: at('json'), csv: at('csv'), svg: at('svg'), png: at('png') },
  };
  await writeAtomic(written.json, `${JSON.stringify(model, null, 1)}\n`);
  await writeAtomic(written.csv, sweepCsv(model));
  await writeAtomic(written.svg, drawing);
  await writeAtomic(written.png, await pngOf(drawing));
  await writeAtomic(written.html, sweepHtml(model));
  return written;
}

/** A line for each row and subject; figures in full. */
export function sweepCsv(model: SweepModel): string {
  const own = model.axes.filter(({ kind }) => kind !== 'seed').map(({ key }) => key);
  const splits = ['validation', 'test'] as const;
  const head = [
    ...['cells', ...own, 'subject', 'stage', 'chosen', 'seeds'],
    ...splits.flatMap((split) =>
      ['loss', 'accuracy'].flatMap((name) => [
        `${split}_${name}`,
        `${split}_${name}_low`,
        `${split}_${name}_high`,
      ]),
    ),
    ...['parameters', 'flops_per_token', 'seconds', 'state'],
  ];
  const lines = model.rows.flatMap((row, index) =>
    row.subjects.map((score) => [
      row.cells.join(' '),
      ...row.settings.map(({ value }) => labelOf(value)),
      score.subject,
      score.stage,
      model.selected.some((one) => one.row === index && one.subject === score.subject) ? 1 : 0,
      row.seeds,
      ...splits.flatMap((split) =>
        [score[split]?.loss, score[split]?.accuracy].flatMap((estimate) => [
          estimate?.mean ?? '',
          estimate?.interval?.low ?? '',
          estimate?.interval?.high ?? '',
        ]),
      ),
      score.parameters ?? '',
      score.flopsPerToken ?? '',
      score.seconds ?? '',
      [...new Set(row.states)].join(' '),
    ]),
  );
  return [head, ...lines].map((line) => `${line.map(csvField).join(',')}\r\n`).join('');
}

/** A text that a spreadsheet would take for a formula begins with a quote mark. */
function csvField(value: string | number): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const text = /^[=+@\t\r]|^-(?![\d.])/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
