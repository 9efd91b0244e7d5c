/**
 * Image classification of the Long Range Arena: CIFAR-10 (Krizhevsky, 2009) in grey, pixel by pixel, from its binary
 * version: a record is the class, then 1,024 red, green and blue values, row by row. The last tenth of the training images
 * is kept to validate on, as in the release.
 */
import { divided, type Entry, type ListedSplits } from './listed';
import type { ReleaseFolder } from './releaseFolder';

const PIXELS = 1024;
const RECORD = 1 + 3 * PIXELS;
const CLASSES = 10;
const TRAINING_SHARE = 0.9;
/** The published ones have 10,000 records. */
const MAX_BATCH_BYTES = 100_000 * RECORD;

export async function imageEntries(folder: ReleaseFolder): Promise<ListedSplits> {
  const batches: Entry[] = [];
  for (let batch = 1; batch <= 5; batch++) {
    batches.push(...(await recordsOf(folder, `data_batch_${batch}.bin`)));
  }
  const [train, validation] = divided(batches, TRAINING_SHARE);
  return { train, validation, test: await recordsOf(folder, 'test_batch.bin') };
}

async function recordsOf(folder: ReleaseFolder, file: string): Promise<Entry[]> {
  const bytes = await folder.read(file, MAX_BATCH_BYTES);
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw folder.damaged(file, `its ${bytes.length} bytes are no records of ${RECORD}`);
  }
  return Array.from({ length: bytes.length / RECORD }, (_, index): Entry => {
    const record = bytes.subarray(index * RECORD, (index + 1) * RECORD);
    return () => {
      const label = record[0]!;
      if (label >= CLASSES)
        throw folder.damaged(file, `record ${index + 1} has the class ${label}`);
      return Promise.resolve({ sequences: [greyOf(record.subarray(1))], label });
    };
  });
}

/**
 * Grey levels by the luma weights of ITU-R BT.601, rounded as TensorFlow's `rgb_to_grayscale` does it, which the release
 * uses: in [0, 1], back to bytes by 255.5, rounded down.
 * @param planes red, green, blue, each [pixels] @returns [pixels]
 */
export function greyOf(planes: Uint8Array): Uint8Array {
  const pixels = planes.length / 3;
  return Uint8Array.from({ length: pixels }, (_, pixel) => {
    const [red, green, blue] = [0, 1, 2].map((plane) => planes[plane * pixels + pixel]!) as [
      number,
      number,
      number,
    ];
    const luma = (0.2989 * red + 0.587 * green + 0.114 * blue) / 255;
    return Math.floor(luma * 255.5);
  });
}
