/** Measured rows in a file, so that a page can be made of several goes: a quiet machine is rarely quiet for long. */
import { readFile, writeFile } from 'node:fs/promises';
import type { GemmRate } from './report';
import type { MeasuredRow } from './results';
import { BENCH_ROWS } from './rows';

export interface KeptRows {
  readonly measured: readonly MeasuredRow[];
  readonly gemm: readonly GemmRate[];
}

/** What an earlier go left; nothing where there is no file yet. A row that is no more is dropped; targets are today's. */
export async function readKept(file: string): Promise<KeptRows> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { measured: [], gemm: [] };
  const { measured, gemm } = JSON.parse(text) as KeptRows;
  const known = measured.flatMap((each) => {
    const row = BENCH_ROWS.find(({ name }) => name === each.row.name);
    return row ? [{ ...each, row }] : [];
  });
  return { measured: known, gemm };
}

export const writeKept = (file: string, { measured, gemm }: KeptRows): Promise<void> =>
  writeFile(file, `${JSON.stringify({ measured, gemm }, null, 1)}\n`);

/** Newer rows in the place of older ones, in the order of the table. */
export function mergeRows(
  older: readonly MeasuredRow[],
  newer: readonly MeasuredRow[],
): MeasuredRow[] {
  const all = [...newer, ...older];
  return BENCH_ROWS.flatMap(({ name }) => all.find(({ row }) => row.name === name) ?? []);
}
