/**
 * Random numbers of a run: one seed, any number of named streams that don't disturb each other, the same on every
 * platform (32-bit integer arithmetic; V8's own logarithm and cosine for normals), with a state that fits a checkpoint.
 * Generator: xoshiro128** 1.1 (Blackman and Vigna, https://prng.di.unimi.it), seeded through SplitMix32 over a hash of the
 * seed and the stream's name.
 */

/** A stream's whole state, as JSON. */
export interface RandomState {
  /** Four 32-bit words, unsigned. */
  readonly words: readonly number[];
  /** The second normal of the last Box–Muller pair, not yet used. */
  readonly spare: number | null;
}

export class RandomStream {
  private readonly words: Uint32Array;
  private spare: number | null;

  private constructor(words: Uint32Array, spare: number | null) {
    this.words = words;
    this.spare = spare;
  }

  /** The stream `name` of a run's `seed` (an integer ≥ 0). Equal arguments give equal streams. */
  static named(seed: number, name: string): RandomStream {
    const next = splitMix32(hash32(`${seed}\u0000${name}`));
    const words = Uint32Array.from([next(), next(), next(), next()]);
    if (words.every((word) => word === 0)) words[0] = 1;
    return new RandomStream(words, null);
  }

  /** @throws RangeError for words that no stream can have (all zero, not 32-bit) */
  static restore(state: RandomState): RandomStream {
    const valid = (word: number) => Number.isInteger(word) && word >= 0 && word <= 0xffffffff;
    if (
      state.words.length !== 4 ||
      !state.words.every(valid) ||
      state.words.every((w) => w === 0)
    ) {
      throw new RangeError('not the state of a random stream');
    }
    return new RandomStream(Uint32Array.from(state.words), state.spare);
  }

  get state(): RandomState {
    return { words: [...this.words], spare: this.spare };
  }

  /** Uniform over the 32-bit unsigned integers. */
  uint32(): number {
    const s = this.words;
    const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** Uniform over 0 … bound − 1, without bias (rejection). @throws RangeError unless 1 ≤ bound ≤ 2^32 */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x100000000) {
      throw new RangeError(`no integers below ${bound}`);
    }
    const limit = 0x100000000 - (0x100000000 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** Standard normal, by Box–Muller: √(−2 ln u) · (cos 2πv, sin 2πv). */
  normal(): number {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Standard Gumbel: −ln(−ln u), u in (0, 1). */
  gumbel(): number {
    let u = this.uniform();
    while (u === 0) u = this.uniform();
    return -Math.log(-Math.log(u));
  }

  /** Shuffles in place (Fisher–Yates). */
  shuffle<T>(values: { [index: number]: T; readonly length: number }): void {
    for (let last = values.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const value = values[last]!;
      values[last] = values[other]!;
      values[other] = value;
    }
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** FNV-1a over UTF-16 code units (both bytes of each), finished as MurmurHash3 does. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return mix32(hash);
}

/** MurmurHash3's finaliser: every input bit changes every output bit. */
export function mix32(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function splitMix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix32(state);
  };
}
