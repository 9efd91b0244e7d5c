/** What is drawn, as comma-separated values (RFC 4180). Pure. */
import type { Job } from './jobs';
import type { Component } from './selectors';

type Field = string | number | null;

/** Spreadsheets take a text that begins like a formula for one: an apostrophe makes it a text. */
function quoted(field: Field): string {
  if (field === null) return '';
  if (typeof field === 'number') return Number.isFinite(field) ? String(field) : '';
  const safe = /^[=+\-@\t\r]/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const csv = (rows: readonly (readonly Field[])[]): string =>
  rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');

/** α of one job at every step that the panel knows: a row a step and block. */
export function alphasCsv(job: Job, components: readonly Component[]): string {
  const rows = job.frameSteps.flatMap((step, at) =>
    job.alphas[at]!.map((row, block) => [job.stage, job.seed, step, block + 1, ...row]),
  );
  return csv([['stage', 'seed', 'step', 'block', ...components.map(({ name }) => name)], ...rows]);
}

/** α at one step: a row a block. */
export function frameCsv(
  alphas: readonly (readonly number[])[],
  components: readonly Component[],
): string {
  return csv([
    ['block', ...components.map(({ name }) => name)],
    ...alphas.map((row, block) => [block + 1, ...row]),
  ]);
}

/** Losses of every job, as drawn: a row a step. */
export function lossesCsv(jobs: readonly Job[]): string {
  const rows = jobs.flatMap(({ stage, subject, seed, steps, loss }) =>
    steps.map((step, at) => [stage, subject, seed, step, loss[at] ?? null]),
  );
  return csv([['stage', 'subject', 'seed', 'step', 'loss'], ...rows]);
}
