/**
 * `events.index`: where in the log the line of a step stands, and its loss. A header of 16 bytes, then records of 48,
 * little endian, each with its own checksum, so a torn or damaged end is seen and only that is read again from the log.
 * α is not copied: one read at the recorded offset gives it exactly as the log has it.
 */
import { crc32 } from 'node:zlib';
import type { RunEvent, Split } from '../contract/events';
import type { LocatedEvent } from './logLines';

export const indexName = 'events.index';
const magic = 'MANTIDX1';
const version = 1;
export const headerBytes = 16;
export const recordBytes = 48;
/** Six million records. */
export const maximumIndexBytes = 288 * 1024 * 1024;
const maximumWheres = 0xffff;

const kinds = ['step', 'evaluation', 'resumed'] as const;
const splits: readonly Split[] = ['train', 'validation', 'test'];
type IndexedEvent = Extract<RunEvent, { readonly type: (typeof kinds)[number] }>;

export interface IndexRecord {
  readonly kind: (typeof kinds)[number];
  /** Number of its (stage, subject, seed) by first appearance. */
  readonly where: number;
  readonly step: number;
  /** Bytes in the log: start of the line, and its length with the newline. */
  readonly offset: number;
  readonly length: number;
  readonly seq: number;
  /** `step`, `evaluation`: loss in nats. `resumed`: `supersedesFromSeq`. */
  readonly value: number;
  readonly split: Split;
}

export function encodeHeader(): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(recordBytes, 12);
  return header;
}

export function encodeRecord(record: IndexRecord): Buffer {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUInt16LE(record.where, 4);
  bytes.writeUInt8(kinds.indexOf(record.kind), 6);
  bytes.writeUInt8(splits.indexOf(record.split), 7);
  bytes.writeUInt32LE(record.length, 8);
  bytes.writeDoubleLE(record.step, 12);
  bytes.writeDoubleLE(record.offset, 20);
  bytes.writeDoubleLE(record.seq, 28);
  bytes.writeDoubleLE(record.value, 36);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/**
 * Decodes as far as the bytes are whole and in order.
 * @returns bytes that are right, header included; 0 when the header is not this format's
 */
export function decodeIndex(bytes: Buffer, take: (record: IndexRecord) => void): number {
  if (!bytes.subarray(0, headerBytes).equals(encodeHeader())) return 0;
  let end = 0;
  let seq = -1;
  let wheres = 0;
  let position = headerBytes;
  for (; position + recordBytes <= bytes.length; position += recordBytes) {
    const record = decodeRecord(bytes, position);
    if (record === undefined) break;
    if (record.offset < end || record.seq <= seq || record.where > wheres) break;
    end = record.offset + record.length;
    seq = record.seq;
    if (record.where === wheres) wheres++;
    take(record);
  }
  return position;
}

/** A run has hundred thousands of them: nothing is made here but the record. */
function decodeRecord(bytes: Buffer, at: number): IndexRecord | undefined {
  if (bytes.readUInt32LE(at) !== crc32(bytes.subarray(at + 4, at + recordBytes))) return undefined;
  const kind = kinds[bytes[at + 6]!];
  const split = splits[bytes[at + 7]!];
  const length = bytes.readUInt32LE(at + 8);
  const step = bytes.readDoubleLE(at + 12);
  const offset = bytes.readDoubleLE(at + 20);
  const seq = bytes.readDoubleLE(at + 28);
  if (!isNatural(step) || !isNatural(offset) || !isNatural(seq)) return undefined;
  if (kind === undefined || split === undefined || length === 0) return undefined;
  const where = bytes.readUInt16LE(at + 4);
  return { kind, split, length, where, step, offset, seq, value: bytes.readDoubleLE(at + 36) };
}

const isNatural = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

export function isIndexed(event: RunEvent): event is IndexedEvent {
  return (kinds as readonly string[]).includes(event.type);
}

/** The record of a located event; `where` is its number. `undefined` beyond what 16 bits can number. */
export function recordOf(
  located: LocatedEvent,
  event: IndexedEvent,
  where: number,
): IndexRecord | undefined {
  if (where > maximumWheres) return undefined;
  return {
    kind: event.type,
    where,
    step: event.type === 'resumed' ? event.fromStep : event.step,
    offset: located.offset,
    length: located.length,
    seq: event.seq,
    value: event.type === 'resumed' ? event.supersedesFromSeq : event.loss,
    split: event.type === 'evaluation' ? event.split : 'train',
  };
}
