/** Lines and columns of a text, for people (from 1). */

export interface TextPosition {
  readonly line: number;
  /** UTF-16 code units, from 1. */
  readonly column: number;
}

/** Turns offsets into positions; a line ends at `\n`, `\r\n` or a lone `\r`, as in the Language Server Protocol. */
export function positionsIn(text: string): (offset: number) => TextPosition {
  const starts = [0];
  for (const end of text.matchAll(/\r\n?|\n/g)) starts.push(end.index + end[0].length);
  return (offset) => {
    const inside = Math.min(Math.max(offset, 0), text.length);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= inside) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: inside - starts[low]! + 1 };
  };
}
