/** A run folder's data → `result/report.*` and `result/heatmap.*`. Stored reports are never read, only replaced. */
import { lstat, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { readEvents } from '../runs/readEvents';
import { readConfigSnapshot, readPlanFile } from '../runs/runFolder';
import { RunError, unsafeFile } from '../runs/runErrors';
import { writeAtomic } from '../runs/safeFiles';
import { heatmapSvg } from './heatmapSvg';
import { reportHtml } from './html';
import { buildReportModel } from './model';
import type { ReportModel } from './modelTypes';

export interface WrittenReport {
  readonly model: ReportModel;
  /** Absolute paths. */
  readonly html: string;
  readonly json: string;
  readonly svg: string;
  readonly png: string;
}

/** `report.json`: the model as JSON; numbers that are none (NaN) are null. */
export function reportJson(model: ReportModel): string {
  return `${JSON.stringify(model, null, 1)}\n`;
}

/** What a run folder holds, as a report; a missing plan or config leaves its part out. */
export async function readReportModel(runDir: string): Promise<ReportModel> {
  const { events, skipped } = await readEvents(runDir);
  const plan = await readPlanFile(runDir).then((file) => file.plan, absent);
  const config = await readConfigSnapshot(runDir).catch(absent);
  return buildReportModel(events, plan, config, skipped);
}

/** Files that aren't there, can't be trusted or aren't JSON are left out of the report; anything else is a bug. */
function absent(error: unknown): undefined {
  const system = error instanceof Error && 'code' in error;
  if (system || error instanceof RunError || error instanceof SyntaxError) return undefined;
  throw error;
}

/**
 * Writes `result/report.json`, `heatmap.svg`, `heatmap.png` and `report.html`, each as one act, the page last.
 * @throws RunError `disk-full`, `unsafe-file` when `result` is a link or no folder; system errors as they are
 */
export async function writeReport(runDir: string, model?: ReportModel): Promise<WrittenReport> {
  const shown = model ?? (await readReportModel(runDir));
  const folder = path.join(path.resolve(runDir), 'result');
  await mkdir(folder, { recursive: true });
  if (!(await lstat(folder)).isDirectory()) throw unsafeFile(folder, 'it is not a folder');
  const at = (name: string): string => path.join(folder, name);
  const drawing = heatmapSvg(shown);
  const written = {
    model: shown,
    html: at('report.html'),
    json: at('report.json'),
    svg: at('heatmap.svg'),
    png: at('heatmap.png'),
  };
  await writeAtomic(written.json, reportJson(shown));
  await writeAtomic(written.svg, drawing);
  await writeAtomic(written.png, await pngOf(drawing));
  await writeAtomic(written.html, reportHtml(shown));
  return written;
}

/** @throws Error when the SVG is not well-formed */
export async function pngOf(svg: string): Promise<Uint8Array> {
  // A bundle of its own, for everyone who writes reports (`scripts/build.mjs`): a drawing engine and its fonts.
  const { renderPng } = await import('./png');
  return renderPng(svg);
}
