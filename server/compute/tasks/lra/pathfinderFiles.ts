/**
 * Pathfinder as the release stores it: for each length of the contours a folder with `metadata/<n>.npy` (lines of text,
 * whatever their name says) and the grey PNG images that they list. The first eight tenths are trained on, one tenth
 * validates, one tests.
 */
import { decode } from 'fast-png';
import type { LraSource } from '../../../contract/config';
import { pathfinderSide, RELEASED_CONTOURS } from '../../../models/lraTasks';
import { divided, type Entry, type ListedSplits } from './listed';
import type { ReleaseFolder } from './releaseFolder';

/** Of an image: even uncompressed ones are smaller. */
const MAX_IMAGE_BYTES = 2 ** 17;

const decoder = new TextDecoder('latin1');

export async function pathfinderEntries(
  source: LraSource,
  folder: ReleaseFolder,
): Promise<ListedSplits> {
  const own = RELEASED_CONTOURS.get(source.contour);
  if (own === undefined) throw new Error(`no release has contours of ${source.contour}`);
  const side = pathfinderSide(source);
  const names = await folder.names(`${own}/metadata`);
  const numbers = names.flatMap((name) => /^(\d{1,9})\.npy$/.exec(name)?.[1] ?? []);
  const entries: Entry[] = [];
  for (const number of numbers.sort((a, b) => Number(a) - Number(b))) {
    const file = `${own}/metadata/${number}.npy`;
    for await (const line of folder.lines(file)) {
      const listed = imageOf(decoder.decode(line.bytes));
      if (!listed) throw folder.damaged(file, `line ${line.number} lists no image and label`);
      entries.push(() => readImage(folder, `${own}/${listed.path}`, side, listed.label));
    }
  }
  const [train, rest] = divided(entries, 0.8);
  const [validation, test] = divided(rest, 0.5);
  return { train, validation, test };
}

/** `imgs/<n> sample_<k>.png <k> <label> …`: names that lead nowhere else. */
function imageOf(line: string): { readonly path: string; readonly label: number } | undefined {
  const match = /^(imgs\/\d{1,9}) (sample_\d{1,9}\.png) \d+ ([01])(?: |$)/.exec(line);
  return match ? { path: `${match[1]!}/${match[2]!}`, label: Number(match[3]) } : undefined;
}

/** The release has an image without content, which it skips. */
async function readImage(folder: ReleaseFolder, file: string, side: number, label: number) {
  const bytes = await folder.read(file, MAX_IMAGE_BYTES);
  if (bytes.length === 0) return undefined;
  if (!isGreyPng(bytes, side)) {
    throw folder.damaged(file, `it is no PNG image of ${side} × ${side} grey pixels of 8 bits`);
  }
  const image = decoded(bytes);
  if (image?.data.length !== side * side || !(image.data instanceof Uint8Array)) {
    throw folder.damaged(file, 'its PNG image is damaged');
  }
  return { sequences: [image.data], label };
}

function decoded(bytes: Uint8Array) {
  try {
    return decode(bytes);
  } catch {
    // Whatever the library says of it: the file is named by who asked.
    return undefined;
  }
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** What the header says, before anything is made of its sizes: signature, IHDR with 8 bits of grey. */
function isGreyPng(bytes: Uint8Array, side: number): boolean {
  if (bytes.length < 33 || PNG_SIGNATURE.some((byte, at) => bytes[at] !== byte)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isHeader = view.getUint32(12) === 0x49484452;
  const [depth, colour] = [bytes[24], bytes[25]];
  const isOfSize = view.getUint32(16) === side && view.getUint32(20) === side;
  return isHeader && isOfSize && depth === 8 && colour === 0;
}
