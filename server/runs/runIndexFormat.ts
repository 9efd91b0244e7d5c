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
    const record = decodeRecord(bytes.subarray(position, position + recordBytes));
    if (record === undefined) break;
    if (record.offset < end || record.seq <= seq || record.where > wheres) break;
    end = record.offset + record.length;
    seq = record.seq;
    if (record.where === wheres) wheres++;
    take(record);
  }
  return position;
}

function decodeRecord(bytes: Buffer): IndexRecord | undefined {
  if (bytes.readUInt32LE(0) !== crc32(bytes.subarray(4))) return undefined;
  const kind = kinds[bytes.readUInt8(6)];
  const split = splits[bytes.readUInt8(7)];
  const length = bytes.readUInt32LE(8);
  const [step, offset, seq] = [12, 20, 28].map((at) => bytes.readDoubleLE(at));
  const natural = [step, offset, seq].every((value) => Number.isSafeInteger(value) && value! >= 0);
  if (kind === undefined || split === undefined || !natural || length === 0) return undefined;
  return {
    kind,
    split,
    length,
    where: bytes.readUInt16LE(4),
    step: step!,
    offset: offset!,
    seq: seq!,
    value: bytes.readDoubleLE(36),
  };
}

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
