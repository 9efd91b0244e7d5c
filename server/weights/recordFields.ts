/** The fields of a data file's first records, for the editor: a bounded read of its head, or of a Parquet file's footer. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { parquetMetadata } from 'hyparquet';
import { readRange } from '../files/regularFile';
import type { RecordField, RecordsFinding } from '../models/modelReader';
import { parquetColumns } from '../models/parquetColumns';

const HEAD_BYTES = 2 ** 18;
const MAX_LINES = 32;
/** A longer footer is read when the run reads the file. */
const FOOTER_BYTES = 2 ** 22;

type Found = Exclude<RecordsFinding, { readonly kind: 'pending' }>;

/** @throws system errors as they are */
export async function readRecordFields(file: string, format: 'jsonl' | 'parquet'): Promise<Found> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await handle.stat();
    if (!status.isFile()) return { kind: 'unknown' };
    return format === 'jsonl'
      ? fieldsOfLines(await readRange(handle, 0, Math.min(HEAD_BYTES, status.size)), status.size)
      : await fieldsOfFooter(handle, status.size);
  } finally {
    await handle.close();
  }
}

function fieldsOfLines(head: Buffer, size: number): Found {
  const lines = head
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split('\n');
  // What is behind the last line feed is cut, unless the file ends there.
  if (head.length < size) lines.pop();
  const records: Record<string, unknown>[] = [];
  for (const [index, line] of lines.slice(0, MAX_LINES).entries()) {
    if (line.trim() === '') continue;
    const record = objectOf(line);
    if (record === undefined) {
      return { kind: 'damaged', message: `line ${index + 1} is no JSON object` };
    }
    records.push(record);
  }
  if (records.length === 0) return { kind: 'unknown' };
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return { kind: 'found', fields: [...names].map((name) => fieldOf(name, records)) };
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function fieldOf(name: string, records: readonly Record<string, unknown>[]): RecordField {
  const values = records
    .filter((record) => Object.hasOwn(record, name))
    .map((record) => record[name]);
  const holds = values.every((value) => typeof value === 'string')
    ? 'text'
    : values.every(isMessages)
      ? 'messages'
      : 'other';
  return { name, holds, always: values.length === records.length };
}

function isMessages(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    (value as readonly unknown[]).every(
      (message) =>
        typeof message === 'object' &&
        message !== null &&
        'role' in message &&
        typeof message.role === 'string' &&
        'content' in message &&
        typeof message.content === 'string',
    )
  );
}

async function fieldsOfFooter(handle: FileHandle, size: number): Promise<Found> {
  const notParquet: Found = { kind: 'damaged', message: 'it is no whole Parquet file' };
  if (size < 12) return notParquet;
  const end = await readRange(handle, size - 8, 8);
  if (end.toString('latin1', 4) !== 'PAR1') return notParquet;
  const length = end.readUInt32LE(0);
  if (length > size - 12) return notParquet;
  if (length > FOOTER_BYTES) return { kind: 'unknown' };
  const footer = await readRange(handle, size - 8 - length, length + 8);
  try {
    const columns = parquetColumns(parquetMetadata(Uint8Array.from(footer), { geoparquet: false }));
    return { kind: 'found', fields: columns.map((column) => ({ ...column, always: true })) };
  } catch {
    return notParquet;
  }
}
