/** The order of an epoch's windows: a seeded permutation, drawn whole where that is small and computed where it isn't. */
import { mix32, RandomStream } from '../../models/random';

/** Windows up to which an order is a table: 16 MiB of it. */
export const TABLE_LIMIT = 2 ** 22;

/** The window at each place of the order. */
export type WindowOrder = (place: number) => number;

/**
 * @param stream names the random stream; equal names and seeds give equal orders
 * @param limit for tests
 */
export function windowOrder(
  windows: number,
  seed: number,
  stream: string,
  limit = TABLE_LIMIT,
): WindowOrder {
  const random = RandomStream.named(seed, stream);
  if (windows > limit) return feistelOrder(windows, random);
  const table = Uint32Array.from({ length: windows }, (_, w) => w);
  random.shuffle(table);
  return (place) => table[place]!;
}

const ROUNDS = 6;

/**
 * A permutation of 0 … n − 1 in no memory: a balanced Feistel network over the next even power of two, walked until it
 * lands below n (Black and Rogaway, Ciphers with arbitrary finite domains, 2002). A walk takes fewer than four rounds of
 * the network in the mean.
 */
function feistelOrder(windows: number, random: RandomStream): WindowOrder {
  const half = 2 ** Math.ceil(Math.log2(windows) / 2);
  const keys = Array.from({ length: ROUNDS }, () => random.uint32());
  const permute = (value: number): number => {
    let high = Math.floor(value / half);
    let low = value % half;
    for (const key of keys) {
      // Every word of the sum counts, so that neighbours part.
      const next = (high + (mix32(low ^ key) % half)) % half;
      high = low;
      low = next;
    }
    return high * half + low;
  };
  return (place) => {
    let value = permute(place);
    while (value >= windows) value = permute(value);
    return value;
  };
}
