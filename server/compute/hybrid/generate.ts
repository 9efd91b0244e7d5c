/** Text from a hybrid: sampling with temperature and nucleus (Holtzman et al., arXiv 1904.09751), or greedy. */
import { RandomStream } from '../../models/random';
import { Decoder, positionLimit, type ConstantRows } from './decode';
import { promptEmpty, promptTooLong } from './errors';
import type { Hybrid } from './hybrid';

export interface SamplingOptions {
  readonly maxTokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  /** Share of the probability that may be drawn from, in (0, 1]. */
  readonly topP: number;
  readonly seed: number;
  /** Ids that end the text; they are not part of it. */
  readonly stop: readonly number[];
}

/** What generation asks of a tokenizer. */
export interface TextTokenizer {
  readonly special: { readonly bos?: number; readonly eos?: number };
  readonly encode: (text: string) => ArrayLike<number>;
  readonly decode: (ids: readonly number[]) => string;
}

/** Ids of a prompt; an empty one starts from BOS, else EOS. @throws HybridError when there is neither */
export function promptIds(tokenizer: TextTokenizer, prompt: string): number[] {
  const ids = Array.from(tokenizer.encode(prompt));
  if (ids.length > 0) return ids;
  const start = tokenizer.special.bos ?? tokenizer.special.eos;
  if (start === undefined) throw promptEmpty();
  return [start];
}

/**
 * Continues `prompt` (at least one id), one id at a time, until `stop`, `maxTokens`, or the components' positions end.
 * @throws HybridError when the prompt alone is longer than the components hold
 */
export async function* generateIds(
  hybrid: Hybrid,
  rows: ConstantRows,
  prompt: readonly number[],
  options: SamplingOptions,
): AsyncGenerator<number, void, undefined> {
  const limit = positionLimit(hybrid, rows);
  if (prompt.length > limit) throw promptTooLong(prompt.length, limit);
  const stream = RandomStream.named(options.seed, 'generate');
  const decoder = new Decoder(hybrid, rows);
  try {
    let next = prompt;
    for (let count = 0; count < options.maxTokens; count++) {
      if (decoder.length + next.length > limit) return;
      const logits = await decoder.append(next);
      const id = sample(logits, options, stream);
      if (options.stop.includes(id)) return;
      yield id;
      next = [id];
    }
  } finally {
    decoder.dispose();
  }
}

/** The text of `generateIds`, in pieces as soon as each is whole characters. */
export async function* generateText(
  hybrid: Hybrid,
  rows: ConstantRows,
  tokenizer: TextTokenizer,
  prompt: string,
  options: SamplingOptions,
): AsyncGenerator<{ readonly id: number; readonly text: string }, string, undefined> {
  const ids = promptIds(tokenizer, prompt);
  const pieces = new TextPieces(tokenizer, ids);
  for await (const id of generateIds(hybrid, rows, ids, options)) {
    yield { id, text: pieces.push(id) };
  }
  return pieces.rest();
}

/**
 * Draws an id: softmax(logits / temperature) over the smallest set of likeliest ids that holds `topP` of it.
 * Temperature 0 takes the largest logit (the lowest id among equals).
 */
export function sample(
  logits: Float32Array,
  { temperature, topP }: Pick<SamplingOptions, 'temperature' | 'topP'>,
  stream: RandomStream,
): number {
  const likeliest = logits.reduce((best, logit, id) => (logit > logits[best]! ? id : best), 0);
  if (temperature === 0) return likeliest;
  const largest = logits[likeliest]!;
  const powers = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  // Ids below this share hold less than 1 − topP together: they can't be in the nucleus and needn't be sorted.
  const least = (Math.max(1 - topP, 0) * total) / powers.length;
  const order = Uint32Array.from(powers.keys()).filter((id) => powers[id]! >= least);
  if (topP < 1) order.sort((left, right) => powers[right]! - powers[left]! || left - right);
  const nucleus: number[] = [];
  let held = 0;
  for (const id of order) {
    nucleus.push(id);
    held += powers[id]!;
    if (held >= topP * total) break;
  }
  let left = stream.uniform() * held;
  for (const id of nucleus) {
    left -= powers[id]!;
    if (left < 0) return id;
  }
  return nucleus[nucleus.length - 1]!;
}

/**
 * Ids to text as they come. A piece is given out when it no longer ends inside a character; it is decoded together with
 * the piece before it, because tokenizers spell a word's space by what precedes it.
 */
class TextPieces {
  private readonly ids: number[];
  private before: number;
  private given: number;

  constructor(
    private readonly tokenizer: TextTokenizer,
    prompt: readonly number[],
  ) {
    this.ids = [...prompt];
    this.before = Math.max(0, prompt.length - 4);
    this.given = prompt.length;
  }

  push(id: number): string {
    this.ids.push(id);
    const piece = this.pending();
    if (piece === '' || piece.endsWith('\ufffd')) return '';
    this.before = this.given;
    this.given = this.ids.length;
    return piece;
  }

  /** What has been held back, broken characters included. */
  rest(): string {
    return this.pending();
  }

  private pending(): string {
    const known = this.tokenizer.decode(this.ids.slice(this.before, this.given));
    return this.tokenizer.decode(this.ids.slice(this.before)).slice(known.length);
  }
}
