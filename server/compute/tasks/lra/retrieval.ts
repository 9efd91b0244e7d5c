/**
 * Retrieval of the Long Range Arena: pairs of papers of the ACL Anthology Network (Radev et al., 2013), byte by byte, as
 * the release writes them: label, both papers' ids and both texts, with tabs between. The first `length` bytes of each
 * text are read.
 */
import type { LraSource } from '../../../contract/config';
import type { LineReader } from './listed';
import type { ReleaseFolder } from './releaseFolder';

export const RETRIEVAL_FILES = {
  train: 'new_aan_pairs.train.tsv',
  validation: 'new_aan_pairs.eval.tsv',
  test: 'new_aan_pairs.test.tsv',
} as const;

/** The 98 ids: padding, unknown, the end of a line, then printable ASCII from the space on. */
const PAD = 0;
const UNKNOWN = 1;
const NEWLINE = 2;
const FIRST_PRINTABLE = 3;

const TAB = 0x09;

export function pairLine({ length }: LraSource, folder: ReleaseFolder): LineReader {
  return ({ number, bytes }, file) => {
    const fields = fieldsOf(bytes);
    const damaged = (why: string) => folder.damaged(file, `line ${number} ${why}`);
    if (fields.length !== 5) throw damaged(`has ${fields.length} fields between tabs, not 5`);
    const [first, , , one, other] = fields as [
      Uint8Array,
      unknown,
      unknown,
      Uint8Array,
      Uint8Array,
    ];
    const label = /^([01])(?:\.0*)?$/.exec(String.fromCharCode(...first.subarray(0, 8)))?.[1];
    if (label === undefined) throw damaged('begins with no label, 0 or 1');
    return {
      sequences: [paperIds(one, length), paperIds(other, length)],
      label: Number(label),
    };
  };
}

/** Of the first `length` bytes; a text without any is one padding. */
export function paperIds(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(PAD);
  return bytes.subarray(0, length).map((byte) => {
    if (byte === 0x0a) return NEWLINE;
    return byte >= 0x20 && byte < 0x7f ? byte - 0x20 + FIRST_PRINTABLE : UNKNOWN;
  });
}

/** At most six: more than five is a fault. */
function fieldsOf(line: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let start = 0;
  while (fields.length < 5) {
    const end = line.indexOf(TAB, start);
    if (end < 0) break;
    fields.push(line.subarray(start, end));
    start = end + 1;
  }
  fields.push(line.subarray(start));
  return fields;
}
