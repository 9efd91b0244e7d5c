/** Records of a JSON Lines or Parquet file, one after the other, and what a data source wants of them. Nothing is trusted. */
import { RunFailure } from '../failure';
import { readParquet } from './parquet';
import type { SourceFile } from './sourceFile';

export type RecordKind = 'jsonl' | 'parquet';

/** The fields that are read. */
export interface WantedFields {
  readonly texts: readonly string[];
  /** Fields that may be missing, or null. */
  readonly optional?: readonly string[];
  /** A list of messages. */
  readonly messages?: string;
}

export interface DataRecord {
  readonly kind: RecordKind;
  readonly file: string;
  /** From 1: its line, or its row. */
  readonly number: number;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** @throws RunFailure `data-jsonl`, `data-parquet` and those of the file */
export async function* readRecords(
  file: SourceFile,
  kind: RecordKind,
  wanted: WantedFields,
  limits: { readonly lineLength: number },
  onBytes: (bytes: number) => void,
): AsyncGenerator<DataRecord> {
  let number = 0;
  if (kind === 'parquet') {
    for await (const value of readParquet(file, wanted, onBytes)) {
      number += 1;
      yield { kind, file: file.path, number, value };
    }
    return;
  }
  for await (const line of lines(file, limits.lineLength, onBytes)) {
    number += 1;
    if (line.trim() !== '')
      yield { kind, file: file.path, number, value: parse(file, number, line) };
  }
}

/** The text in a field of a record. @throws RunFailure `data-jsonl`, `data-parquet` where there is none */
export function wordsOf(record: DataRecord, field: string): string {
  const value = valueIn(record, field);
  if (typeof value !== 'string') throw recordProblem(record, `no text in its field \`${field}\``);
  return value;
}

/** As `wordsOf`, `undefined` for a field that is missing, null or empty. */
export function optionalWordsOf(record: DataRecord, field: string): string | undefined {
  const value = valueIn(record, field);
  return value === undefined || value === null || value === '' ? undefined : wordsOf(record, field);
}

/** The messages in a field of a record; of each its role and its content are taken. */
export function messagesOf(record: DataRecord, field: string): Message[] {
  const value = valueIn(record, field);
  if (!Array.isArray(value) || value.length === 0) {
    throw recordProblem(record, `no list of messages in its field \`${field}\``);
  }
  return (value as readonly unknown[]).map((message) => {
    const { role, content } = isObject(message) ? message : {};
    if (typeof role !== 'string' || typeof content !== 'string') {
      throw recordProblem(
        record,
        `a message in \`${field}\` without text as its \`role\` and \`content\``,
      );
    }
    return { role, content };
  });
}

export function recordProblem({ kind, file, number }: DataRecord, what: string): RunFailure {
  const where = kind === 'jsonl' ? `line ${number}` : `row ${number}`;
  return problemOf(kind, file, `${where} has ${what}`);
}

function valueIn({ value }: DataRecord, field: string): unknown {
  return Object.hasOwn(value, field) ? value[field] : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function* lines(
  file: SourceFile,
  lineLength: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<string> {
  let waiting = '';
  for await (const chunk of file.text(onBytes)) {
    const parts = (waiting + chunk).split('\n');
    waiting = parts.pop()!;
    yield* parts;
    if (waiting.length > lineLength) {
      throw problemOf('jsonl', file.path, `a line is longer than ${lineLength} characters`);
    }
  }
  yield waiting;
}

function parse(file: SourceFile, number: number, line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw problemOf('jsonl', file.path, `line ${number} is not JSON`);
  }
  if (!isObject(value)) throw problemOf('jsonl', file.path, `line ${number} is not a JSON object`);
  return value;
}

function problemOf(kind: RecordKind, file: string, what: string): RunFailure {
  return kind === 'jsonl'
    ? new RunFailure(
        'data-jsonl',
        `${file}: ${what}.`,
        'Every line of a JSON Lines file is an object that has the fields which `data` names.',
      )
    : new RunFailure(
        'data-parquet',
        `${file}: ${what}.`,
        'Every row has the columns which `data` names, and text in them.',
      );
}
