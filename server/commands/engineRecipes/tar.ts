/** Files of a tar archive as npm packs them (POSIX ustar, IEEE Std 1003.1 "pax", with its long-name records). */

export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;

/** @throws RangeError when the archive is cut off */
export function* filesOfTar(archive: Uint8Array): Generator<TarFile> {
  const text = (from: number, length: number): string =>
    Buffer.from(archive.subarray(from, from + length))
      .toString('utf8')
      .replace(/\0[^]*$/, '');
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    const start = at + BLOCK;
    if (!(size >= 0) || start + size > archive.length)
      throw new RangeError('the archive is cut off');
    const content = archive.subarray(start, start + size);
    const prefix = text(at + 345, 155);
    const own = text(at, 100);
    const kind = text(at + 156, 1);
    if (kind === 'x') longName = /(?:^|\n)\d+ path=([^\n]+)\n/.exec(text(start, size))?.[1];
    if (kind === '' || kind === '0') {
      yield { name: longName ?? (prefix === '' ? own : `${prefix}/${own}`), content };
    }
    // It is that of the entry after it, whatever kind that is.
    if (kind !== 'x' && kind !== 'g') longName = undefined;
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}
