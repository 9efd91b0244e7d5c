/**
 * The header of a safetensors file: 8 bytes of length (little-endian), that many bytes of JSON, then the tensors' bytes.
 * Format: https://huggingface.co/docs/safetensors. As the reference implementation, the tensors must cover the data
 * exactly: no overlap, no hole, nothing after the last one. Pure: bytes in, a table or problems out.
 */
import { DTYPE_BITS } from './dtype';
import { parseStrictJson, quoteName, type StrictJson } from './strictJson';

/** The format's own bound on the header, bytes. */
const MAX_HEADER_BYTES = 100_000_000;
/** Tensors in one file; the largest models have some ten thousand. */
const MAX_TENSORS = 200_000;
const MAX_DIMENSIONS = 16;
const MAX_NAME_LENGTH = 1024;
const MAX_PROBLEMS = 20;
/** header → tensor → shape → number. */
const MAX_DEPTH = 6;
const PREFIX_BYTES = 8;

export interface SafetensorsTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** Bytes [begin, end) of the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: readonly SafetensorsTensor[];
  readonly metadata: ReadonlyMap<string, string>;
  /** First byte of the data. */
  readonly dataStart: number;
}

export interface SafetensorsProblem {
  readonly code:
    | 'too-short'
    | 'header-too-long'
    | 'header-beyond-file'
    | 'not-utf8'
    | 'not-json'
    | 'duplicate-key'
    | 'too-deep'
    | 'too-many'
    | 'bad-metadata'
    | 'bad-name'
    | 'bad-tensor'
    | 'unknown-dtype'
    | 'bad-shape'
    | 'bad-offsets'
    | 'wrong-size'
    | 'overlap'
    | 'hole'
    | 'truncated'
    | 'trailing-bytes';
  /** The tensor it is about, as the file spells it. */
  readonly tensor: string | undefined;
  /** One clause, without the file's name. */
  readonly message: string;
}

export type SafetensorsReading =
  | { readonly ok: true; readonly header: SafetensorsHeader }
  | { readonly ok: false; readonly problems: readonly SafetensorsProblem[] };

const failure = (
  code: SafetensorsProblem['code'],
  message: string,
  tensor?: string,
): { ok: false; problems: SafetensorsProblem[] } => ({
  ok: false,
  problems: [{ code, message, tensor }],
});

/** Length of the JSON, read from the file's first 8 bytes. `fileSize` in bytes. */
export function safetensorsHeaderLength(
  prefix: Uint8Array,
  fileSize: number,
): { readonly ok: true; readonly length: number } | (SafetensorsReading & { readonly ok: false }) {
  if (prefix.length < PREFIX_BYTES || fileSize < PREFIX_BYTES) {
    return failure('too-short', `it has ${fileSize} bytes, fewer than a header's 8`);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    return failure(
      'header-too-long',
      `its header claims ${length.toString()} bytes; at most ${MAX_HEADER_BYTES} are allowed`,
    );
  }
  if (PREFIX_BYTES + Number(length) > fileSize) {
    return failure(
      'header-beyond-file',
      `its header claims ${length.toString()} bytes, the file has ${fileSize}`,
    );
  }
  return { ok: true, length: Number(length) };
}

/**
 * Reads the whole header. `bytes`: at least the first 8 + length bytes of a file of `fileSize` bytes.
 * Never throws, whatever the bytes.
 */
export function parseSafetensorsHeader(bytes: Uint8Array, fileSize: number): SafetensorsReading {
  const length = safetensorsHeaderLength(bytes, fileSize);
  if (!length.ok) return length;
  const dataStart = PREFIX_BYTES + length.length;
  if (bytes.length < dataStart) {
    return failure('header-beyond-file', `its header was cut at byte ${bytes.length}`);
  }
  let text: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    text = decoder.decode(bytes.subarray(PREFIX_BYTES, dataStart));
  } catch {
    return failure('not-utf8', 'its header is not UTF-8');
  }
  if (!text.startsWith('{')) return failure('not-json', 'its header does not start with "{"');
  const json = parseStrictJson(text, { maxDepth: MAX_DEPTH, maxValues: MAX_TENSORS * 20 });
  if (!json.ok) return failure(json.code, `its header is not valid: ${json.message}`);
  if (!(json.value instanceof Map)) return failure('not-json', 'its header is not an object');
  return readTable(json.value, dataStart, fileSize);
}

function readTable(
  table: ReadonlyMap<string, StrictJson>,
  dataStart: number,
  fileSize: number,
): SafetensorsReading {
  const problems: SafetensorsProblem[] = [];
  const tensors: SafetensorsTensor[] = [];
  const metadata = new Map<string, string>();
  if (table.size > MAX_TENSORS + 1) {
    return failure(
      'too-many',
      `it lists ${table.size} tensors; at most ${MAX_TENSORS} are allowed`,
    );
  }
  for (const [name, entry] of table) {
    if (problems.length >= MAX_PROBLEMS) break;
    if (name === '__metadata__') {
      readMetadata(entry, metadata, problems);
      continue;
    }
    const tensor = readTensor(name, entry, dataStart);
    if ('code' in tensor) problems.push(tensor);
    else tensors.push(tensor);
  }
  if (problems.length > 0) return { ok: false, problems };
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(tensors, dataStart, fileSize, problems);
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, header: { tensors, metadata, dataStart } };
}

function readMetadata(
  entry: StrictJson,
  metadata: Map<string, string>,
  problems: SafetensorsProblem[],
): void {
  const bad = (message: string) =>
    problems.push({ code: 'bad-metadata', message, tensor: undefined });
  if (!(entry instanceof Map)) {
    bad('its __metadata__ is not an object');
    return;
  }
  for (const [key, value] of entry) {
    if (typeof value === 'string') metadata.set(key, value);
    else {
      bad(`its __metadata__ has a value for ${quoteName(key)} that is not a string`);
      return;
    }
  }
}

function isCleanName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= MAX_NAME_LENGTH &&
    !/\p{Cc}|\p{Cs}|\p{Zl}|\p{Zp}|\p{Bidi_Control}/u.test(name)
  );
}

const isCount = (value: StrictJson | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);

/** Product of a shape, or `undefined` when it leaves the safe integers. */
function countElements(shape: readonly number[]): number | undefined {
  // A zero makes the tensor empty, but the other factors must not overflow on the way.
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (!Number.isSafeInteger(elements)) return undefined;
  }
  return elements;
}

function readTensor(
  name: string,
  entry: StrictJson,
  dataStart: number,
): SafetensorsTensor | SafetensorsProblem {
  const bad = (code: SafetensorsProblem['code'], message: string): SafetensorsProblem => ({
    code,
    message,
    tensor: name,
  });
  const shown = quoteName(name);
  if (!isCleanName(name)) {
    return bad('bad-name', `the tensor name ${shown} is empty, too long or has control characters`);
  }
  if (!(entry instanceof Map)) return bad('bad-tensor', `tensor ${shown} is not an object`);
  const dtype = entry.get('dtype');
  const shape = entry.get('shape');
  const offsets = entry.get('data_offsets');
  if (typeof dtype !== 'string') return bad('bad-tensor', `tensor ${shown} has no dtype`);
  const bits = Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  if (bits === undefined) {
    return bad('unknown-dtype', `tensor ${shown} has the unknown dtype ${quoteName(dtype)}`);
  }
  if (!Array.isArray(shape) || shape.length > MAX_DIMENSIONS || !shape.every(isCount)) {
    return bad('bad-shape', `tensor ${shown} has a shape that is not a short list of counts`);
  }
  const [begin, end, ...more] = Array.isArray(offsets) ? offsets : [];
  if (!isCount(begin) || !isCount(end) || more.length > 0 || begin > end) {
    return bad('bad-offsets', `tensor ${shown} has data_offsets that are not [begin, end]`);
  }
  const elements = countElements(shape);
  const totalBits = elements === undefined ? Number.NaN : elements * bits;
  if (elements === undefined || !Number.isSafeInteger(totalBits)) {
    return bad('bad-shape', `tensor ${shown} has more elements than can be counted`);
  }
  if (totalBits !== (end - begin) * 8) {
    return bad(
      'wrong-size',
      `tensor ${shown} has ${end - begin} bytes; ${dtype} [${shape.join(', ')}] needs ${totalBits / 8}`,
    );
  }
  return { name, dtype, shape, elements, begin: dataStart + begin, end: dataStart + end };
}

/** Sorted tensors must cover [dataStart, fileSize) exactly. Stops at the first fault: the rest would repeat it. */
function checkLayout(
  tensors: readonly SafetensorsTensor[],
  dataStart: number,
  fileSize: number,
  problems: SafetensorsProblem[],
): void {
  let position = dataStart;
  for (const { name, begin, end } of tensors) {
    const shown = quoteName(name);
    const report = (code: SafetensorsProblem['code'], message: string) =>
      problems.push({ code, message, tensor: name });
    if (end > fileSize) {
      report('truncated', `tensor ${shown} ends at byte ${end}, the file has only ${fileSize}`);
      return;
    }
    if (begin < position) {
      report('overlap', `tensor ${shown} overlaps the one before it at byte ${begin}`);
      return;
    }
    if (begin > position) {
      report('hole', `${begin - position} bytes before tensor ${shown} belong to no tensor`);
      return;
    }
    position = end;
  }
  if (position !== fileSize) {
    const extra = fileSize - position;
    problems.push({
      code: 'trailing-bytes',
      tensor: undefined,
      message: `${extra} bytes after the last tensor belong to no tensor`,
    });
  }
}
