/**
 * Tokenizer transplant: embeddings and heads of a component, made for another tokenizer's vocabulary out of
 * its own rows. Pure: tokenizers in, row numbers and tables out.
 */

/** What the transplant asks of a tokenizer. */
export interface TransplantTokenizer {
  /** Highest id + 1. */
  readonly size: number;
  /** The bytes that an id stands for: a special token its text; `undefined` where no token has the id. */
  readonly bytesOf: (id: number) => Uint8Array | undefined;
  /** Ids of special tokens by role. */
  readonly special: Readonly<Partial<Record<SpecialRole, number | undefined>>>;
  /** Ids of a piece of text given as bytes: no BOS, no prefix space. Bytes that no token covers are left out. */
  readonly tokenizeBytes: (bytes: Uint8Array) => readonly number[];
}

const SPECIAL_ROLES = ['bos', 'eos', 'unk', 'pad'] as const;
export type SpecialRole = (typeof SPECIAL_ROLES)[number];

/** Where a row comes from: the mean of these rows of the component's own table, or the mean of all of them. */
export type RowSource = readonly number[] | 'mean';

/**
 * For each id of `target`, the rows of the component's own table that make its row:
 * a special token takes the row of the same role; bytes that are one token there take its row; else the mean of the rows
 * of the component's own tokenization of those bytes; where that is empty, the rows of the single bytes; what is
 * left takes the mean row.
 * @param rows usable rows of the component's own table: at most its tokenizer's size
 */
export function transplantRows(
  target: TransplantTokenizer,
  own: TransplantTokenizer,
  rows: number,
): RowSource[] {
  const byBytes = idsByBytes(own, rows);
  const roles = new Map<number, number>();
  for (const role of SPECIAL_ROLES) {
    const [id, ownId] = [target.special[role], own.special[role]];
    if (id !== undefined && ownId !== undefined && ownId < rows && !roles.has(id)) {
      roles.set(id, ownId);
    }
  }
  return Array.from({ length: target.size }, (_, id): RowSource => {
    const sameRole = roles.get(id);
    if (sameRole !== undefined) return [sameRole];
    const bytes = target.bytesOf(id);
    if (bytes === undefined || bytes.length === 0) return 'mean';
    return rowsForBytes(bytes, own, byBytes, rows);
  });
}

function rowsForBytes(
  bytes: Uint8Array,
  own: TransplantTokenizer,
  byBytes: ReadonlyMap<string, number>,
  rows: number,
): RowSource {
  const same = byBytes.get(keyOf(bytes));
  if (same !== undefined) return [same];
  const pieces = own.tokenizeBytes(bytes).filter((piece) => piece < rows);
  if (pieces.length > 0) return pieces;
  const single = Array.from(bytes, (byte) => byBytes.get(keyOf([byte])));
  const found = single.filter((piece) => piece !== undefined);
  return found.length === bytes.length ? found : 'mean';
}

/** The lowest id of each byte string. Byte-fallback tokens (`<0x0A>`) stand for their single byte. */
function idsByBytes(own: TransplantTokenizer, rows: number): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = 0; id < Math.min(own.size, rows); id++) {
    const bytes = own.bytesOf(id);
    if (bytes === undefined || bytes.length === 0) continue;
    const key = keyOf(bytes);
    if (!ids.has(key)) ids.set(key, id);
  }
  return ids;
}

const keyOf = (bytes: Uint8Array | readonly number[]) => String.fromCharCode(...bytes);

/**
 * A table [sources.length, width] made from `table` [≥ rows, width]; sums in float64.
 * @param rows rows that the mean row is taken over
 */
export function transplantTable(
  table: Float32Array,
  width: number,
  rows: number,
  sources: readonly RowSource[],
): Float32Array {
  const result = new Float32Array(sources.length * width);
  const meanRow = meanOf(
    table,
    width,
    Array.from({ length: rows }, (_, row) => row),
  );
  for (const [id, source] of sources.entries()) {
    const row =
      source === 'mean'
        ? meanRow
        : source.length === 1
          ? table.subarray(source[0]! * width, (source[0]! + 1) * width)
          : meanOf(table, width, source);
    result.set(row, id * width);
  }
  return result;
}

function meanOf(table: Float32Array, width: number, rows: readonly number[]): Float64Array {
  const mean = new Float64Array(width);
  for (const row of rows) {
    for (let column = 0; column < width; column++) mean[column]! += table[row * width + column]!;
  }
  return mean.map((sum) => sum / Math.max(rows.length, 1));
}
