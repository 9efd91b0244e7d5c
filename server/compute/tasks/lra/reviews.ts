/**
 * Text classification of the Long Range Arena: the reviews of IMDb (Maas et al., 2011) byte by byte, in the folder that
 * their authors publish: `train` and `test`, each with `pos` and `neg`, a file a review. The first `length` bytes are read.
 *
 * The release takes the test reviews to validate on as well, so that what is chosen there is chosen on the test. Here a
 * tenth of the training reviews is kept for that, in an order drawn from the task's seed.
 */
import type { LraSource } from '../../../contract/config';
import { RandomStream } from '../../../models/random';
import { divided, type Entry, type ListedSplits } from './listed';
import type { ReleaseFolder } from './releaseFolder';

/** Of the training reviews, to train on. */
const TRAINING_SHARE = 0.9;
/** Largest file of a review; IMDb's largest has 14 kB. */
const MAX_REVIEW_BYTES = 2 ** 20;

/** The 129 ids: padding, ASCII as it is, then what is none. */
const PAD = 0;
const NO_ASCII = 128;

export async function reviewEntries(
  source: LraSource,
  folder: ReleaseFolder,
): Promise<ListedSplits> {
  const listed = async (split: 'train' | 'test') => {
    const classes = await Promise.all(
      ['neg', 'pos'].map(async (name, label) => {
        const names = await folder.names(`${split}/${name}`);
        const reviews = names.filter((file) => /^\d+_\d+\.txt$/.test(file));
        return reviews.map((file): Entry => async () => {
          const bytes = await folder.read(`${split}/${name}/${file}`, MAX_REVIEW_BYTES);
          return { sequences: [reviewIds(bytes, source.length)], label };
        });
      }),
    );
    const entries = classes.flat();
    RandomStream.named(source.seed, `lra/text/${split}`).shuffle(entries);
    return entries;
  };
  const [train, validation] = divided(await listed('train'), TRAINING_SHARE);
  return { train, validation, test: await listed('test') };
}

/** Of the first `length` bytes; a review without any is one padding. */
export function reviewIds(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(PAD);
  return Uint8Array.from(bytes.subarray(0, length), (byte) =>
    byte > 0 && byte < NO_ASCII ? byte : NO_ASCII,
  );
}
