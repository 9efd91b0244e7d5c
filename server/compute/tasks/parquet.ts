/**
 * Parquet files, a row group at a time, with only the columns that are wanted. Footer and pages are untrusted: sizes are
 * checked before anything is read by them, and what the reader can't make sense of is a damaged file.
 */
import { parquetMetadataAsync, parquetReadObjects, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { MAX_FOOTER_BYTES, parquetColumns, type ParquetColumn } from '../../models/parquetColumns';
import { RunFailure } from '../failure';
import type { WantedFields } from './records';
import type { SourceFile } from './sourceFile';

/** Most bytes of a column in one row group, packed or unpacked: they are in memory at once. */
const MAX_CHUNK_BYTES = 2 ** 30;
/** Most rows of a row group. */
const MAX_GROUP_ROWS = 2 ** 26;

/**
 * The rows of a file as objects with the wanted columns.
 * @throws RunFailure `data-parquet`, `data-changed`
 */
export async function* readParquet(
  file: SourceFile,
  wanted: WantedFields,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Record<string, unknown>> {
  const buffer = {
    byteLength: file.bytes,
    slice: async (start: number, end = file.bytes) => {
      if (!(start >= 0 && start <= end && end <= file.bytes))
        throw damaged(file, 'a part of it lies outside');
      const bytes = await file.range(start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    },
  };
  const metadata = await guarded(file, async () => {
    await checkFooter(file);
    return parquetMetadataAsync(buffer, { geoparquet: false });
  });
  const columns = await guarded(file, () =>
    Promise.resolve(wantedColumns(file, parquetColumns(metadata), wanted)),
  );
  checkGroups(file, metadata, columns);
  const rows = Number(metadata.num_rows);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    // One group's metadata at a time: a plan of the reader's walks over all that it is given.
    const one = { ...metadata, row_groups: [group], num_rows: group.num_rows };
    const objects = await guarded(file, () =>
      parquetReadObjects({ file: buffer, metadata: one, columns, compressors, geoparquet: false }),
    );
    if (objects.length !== rowEnd - rowStart) throw damaged(file, 'a row group lacks rows');
    yield* objects;
    rowStart = rowEnd;
    onBytes(rows === 0 ? file.bytes : Math.floor((file.bytes * rowStart) / rows));
  }
}

async function checkFooter(file: SourceFile): Promise<void> {
  if (file.bytes < 12) throw damaged(file, 'it is too short');
  const end = Buffer.from(await file.range(file.bytes - 8, file.bytes));
  if (end.toString('latin1', 4) !== 'PAR1') throw damaged(file, 'it doesn’t end as one does');
  const length = end.readUInt32LE(0);
  if (length > Math.min(MAX_FOOTER_BYTES, file.bytes - 12))
    throw damaged(file, 'its footer is too long');
}

/** Names of the columns to read. */
function wantedColumns(
  file: SourceFile,
  columns: readonly ParquetColumn[],
  { texts, optional = [], messages }: WantedFields,
): string[] {
  const need = (name: string, holds: 'text' | 'messages'): string => {
    const found = columns.find((column) => column.name === name);
    if (found === undefined) {
      const names = columns.slice(0, 20).map((column) => `\`${column.name}\``);
      throw problem(file, `it has no column \`${name}\`, but ${names.join(', ')}`);
    }
    if (found.holds !== holds) {
      const what =
        holds === 'text' ? 'text' : 'a list of messages, each a struct of `role` and `content`';
      throw problem(file, `its column \`${name}\` doesn't hold ${what}`);
    }
    return name;
  };
  const there = optional.filter((name) => columns.some((column) => column.name === name));
  return [
    ...[...texts, ...there].map((name) => need(name, 'text')),
    ...(messages === undefined ? [] : [need(messages, 'messages')]),
  ];
}

function checkGroups(file: SourceFile, metadata: FileMetaData, columns: readonly string[]): void {
  let rows = 0;
  for (const group of metadata.row_groups) {
    const count = Number(group.num_rows);
    if (!(count >= 0 && count <= MAX_GROUP_ROWS))
      throw damaged(file, 'the rows of a row group can’t be so many');
    rows += count;
    for (const { meta_data: chunk } of group.columns) {
      if (chunk === undefined) throw damaged(file, 'a column chunk has no description');
      if (!columns.includes(chunk.path_in_schema[0] ?? '')) continue;
      const bytes = [chunk.total_compressed_size, chunk.total_uncompressed_size].map(Number);
      if (bytes.every((size) => size >= 0 && size <= MAX_CHUNK_BYTES)) continue;
      throw problem(
        file,
        `a row group has more than ${MAX_CHUNK_BYTES} bytes in its column \`${chunk.path_in_schema.join('.')}\`; write it with smaller row groups`,
      );
    }
  }
  if (rows !== Number(metadata.num_rows)) throw damaged(file, 'its row groups don’t have its rows');
}

/** Errors of the reading library say nothing to a user but that the file is damaged. */
async function guarded<T>(file: SourceFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RunFailure) throw error;
    const why = error instanceof Error ? error.message.slice(0, 200) : 'it was refused';
    throw damaged(file, why, error);
  }
}

const HINT = 'Name a Parquet file whose columns hold what `data` says, or write it again.';

const problem = (file: SourceFile, what: string) =>
  new RunFailure('data-parquet', `${file.path}: ${what}.`, HINT);

const damaged = (file: SourceFile, why: string, cause?: unknown) =>
  new RunFailure('data-parquet', `${file.path} is no whole Parquet file: ${why}.`, HINT, { cause });
