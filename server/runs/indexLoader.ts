/** Makes the index of a run from `events.index` as far as it can be believed, and from the log for the rest. */
import type { FileHandle } from 'node:fs/promises';
import type { RunEvent, Where } from '../contract/events';
import { parseEventLine } from './eventSchema';
import { LogCursor, logName, maximumLogBytes, type LocatedEvent } from './logLines';
import { systemCode } from '../files/systemErrors';
import { RunError } from './runErrors';
import {
  decodeIndex,
  indexName,
  isIndexed,
  maximumIndexBytes,
  recordOf,
  type IndexRecord,
} from './runIndexFormat';
import { readRange } from '../files/regularFile';
import { openInside, readInside } from './safeFiles';
import { LogGaps } from './logGaps';
import { sameWhere, StepTable } from './stepTable';

/** The index of a run as it stands, and how to take it further. */
export class LoadedIndex {
  readonly table = new StepTable();
  readonly wheres: Where[] = [];
  /** Records that `events.index` doesn't hold yet. */
  pending: IndexRecord[] = [];
  /** Bytes of `events.index` that are right; 0: it has to be written anew. */
  fileBytes = 0;
  /** What of the log is no `step` line. */
  readonly gaps = new LogGaps();
  cursor: LogCursor;

  constructor(readonly dir: string) {
    this.cursor = new LogCursor(dir);
  }

  /** Adds an event of the log; only those with a (stage, subject, seed) and a loss are kept. */
  add(located: LocatedEvent): IndexRecord | undefined {
    const { event } = located;
    if (!isIndexed(event)) return undefined;
    let where = this.wheres.findIndex((each) => sameWhere(each, event));
    if (where === -1) where = this.wheres.length;
    const record = recordOf(located, event, where);
    if (record === undefined) return undefined;
    if (where === this.wheres.length) this.wheres.push(whereOf(event));
    this.take(record);
    return record;
  }

  /** Adds a record whose (stage, subject, seed) is numbered. */
  take(record: IndexRecord): void {
    this.table.add(record);
    if (record.kind === 'step') this.gaps.cover(record);
  }

  /** Takes what was added to the log since. */
  async catchUp(): Promise<void> {
    try {
      await this.cursor.read((located) => {
        const record = this.add(located);
        if (record !== undefined) this.pending.push(record);
      });
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
}

function whereOf(event: Where): Where {
  return { stage: event.stage, subject: event.subject, seed: event.seed };
}

/** @throws RunError `unsafe-file` when the log is no regular file; a bad index is only read again from the log */
export async function loadIndex(dir: string): Promise<LoadedIndex> {
  const stored = await believeStored(dir);
  const index = stored ?? new LoadedIndex(dir);
  await index.catchUp();
  return index;
}

async function believeStored(dir: string): Promise<LoadedIndex | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readInside(dir, indexName, maximumIndexBytes);
  } catch (error) {
    if (error instanceof RunError || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const index = new LoadedIndex(dir);
  const firsts: IndexRecord[] = [];
  let last: IndexRecord | undefined;
  index.fileBytes = decodeIndex(bytes, (record) => {
    if (record.where === firsts.length) firsts.push(record);
    index.take(record);
    last = record;
  });
  if (last === undefined) return undefined;
  index.cursor = new LogCursor(dir, last.offset + last.length, last.seq);
  return (await nameWheres(index, firsts, last)) ? index : undefined;
}

/** Reads the log where the index points; `false` when the index belongs to another log. */
async function nameWheres(
  index: LoadedIndex,
  firsts: readonly IndexRecord[],
  last: IndexRecord,
): Promise<boolean> {
  let handle: FileHandle;
  try {
    ({ handle } = await openInside(index.dir, logName, maximumLogBytes));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    for (const record of firsts) {
      const event = await readEventAt(handle, record);
      if (event === undefined || !isIndexed(event)) return false;
      index.wheres.push(whereOf(event));
    }
    return (await readEventAt(handle, last)) !== undefined;
  } finally {
    await handle.close();
  }
}

/** The event whose line stands there, `undefined` when the log says something else. */
export async function readEventAt(
  log: FileHandle,
  place: { readonly offset: number; readonly length: number; readonly seq: number },
): Promise<RunEvent | undefined> {
  const bytes = await readRange(log, place.offset, place.length);
  if (bytes.length !== place.length || bytes[bytes.length - 1] !== 10) return undefined;
  const event = parseEventLine(bytes.toString('utf8', 0, bytes.length - 1));
  return event?.seq === place.seq ? event : undefined;
}
