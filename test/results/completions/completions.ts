/**
 * Completions of a text's prompts, sampled from the two tiny pretrained models and mixed half and half: data on which, as
 * Roberts et al. (arXiv 2406.00894) argue, a hybrid of both should beat either. Each prompt goes to one model, in turns, so
 * that neither the prompt nor its kind of text tells which model goes on.
 */
import path from 'node:path';
import { generateText } from '../../../server/compute/hybrid/generate';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import { checkConfig } from '../../../server/language/checkConfig';
import { createNodeModelReader } from '../../../server/weights/nodeModelReader';

/** A line of the data. */
export interface Completion {
  readonly prompt: string;
  readonly completion: string;
  /** Which model it was sampled from; no run reads it. */
  readonly model: string;
}

export interface CompletionSplit {
  readonly name: 'train' | 'valid' | 'test';
  /** Completions in it, half of each model. */
  readonly count: number;
  /** Of its first completion: the next ones count on, so that no two share one. */
  readonly seed: number;
}

export const MODELS = ['neox', 'mamba'] as const;

/** Prompts come from the quickstart's text of the same name: chapters and years that the models never saw. */
export const SPLITS: readonly CompletionSplit[] = [
  { name: 'train', count: 640, seed: 1 },
  { name: 'valid', count: 80, seed: 10_001 },
  { name: 'test', count: 100, seed: 20_001 },
];

/** As `manticore generate` samples when nothing is said. */
export const SAMPLING = { maxTokens: 48, temperature: 0.8, topP: 0.95 } as const;

/** At least so many characters a prompt, up to the end of a word. */
export const PROMPT_LENGTH = 40;

/** `count` prompts at equal distances, each from the beginning of a word to the end of one, on one line. */
export function promptsOf(text: string, count: number): readonly string[] {
  const words = text.replace(/\s+/g, ' ').trim();
  return Array.from({ length: count }, (_, k) => {
    const from = Math.floor((k * words.length) / count);
    const start = k === 0 ? 0 : words.indexOf(' ', from) + 1;
    const end = words.indexOf(' ', start + PROMPT_LENGTH);
    return words.slice(start, end < 0 ? undefined : end);
  });
}

/** A pretrained model by itself: text from a prompt and a seed. */
export interface Sampler {
  sample(prompt: string, seed: number): Promise<string>;
  close(): Promise<void>;
}

/** @param examples the repository's folder of examples; an engine must be open */
export async function openSampler(
  model: (typeof MODELS)[number],
  examples: string,
): Promise<Sampler> {
  const text = JSON.stringify({
    manticore: 1,
    components: { [model]: { source: `./models/tiny-${model}` } },
    hybrid: { blocks: 1 },
    data: { train: { text: './data/train.txt' }, context: 64 },
    search: { steps: 1 },
  });
  const place = { name: model, base: examples, reader: createNodeModelReader() };
  const { plan, problems } = await checkConfig(text, place);
  if (!plan) throw new Error(JSON.stringify(problems));
  const files = new ComponentFiles(plan);
  const { hybrid, dispose } = await files.build([[true]], 1);
  const tokenizer = await files.tokenizer();
  const { eos } = tokenizer.special;
  const source = {
    encode: tokenizer.encode,
    decode: tokenizer.decode,
    special: eos === undefined ? {} : { eos },
  };
  return {
    sample: async (prompt, seed) => {
      const stop = eos === undefined ? [] : [eos];
      const options = { ...SAMPLING, seed, stop };
      const pieces = generateText(hybrid, [[1]], source, prompt, options);
      let made = '';
      for (;;) {
        const { value, done } = await pieces.next();
        if (done === true) return made + value;
        made += value.text;
      }
    },
    close: async () => {
      dispose();
      await files.close();
    },
  };
}

/** The first `limit` completions of a split, in its order. */
export async function completionsOf(
  { count, seed }: CompletionSplit,
  text: string,
  samplers: readonly Sampler[],
  limit = count,
): Promise<readonly Completion[]> {
  const made: Completion[] = [];
  for (const [k, prompt] of promptsOf(text, count).slice(0, limit).entries()) {
    const turn = k % MODELS.length;
    const completion = await samplers[turn]!.sample(prompt, seed + k);
    made.push({ prompt, completion, model: MODELS[turn]! });
  }
  return made;
}

export const textPath = (examples: string, { name }: CompletionSplit): string =>
  path.join(examples, 'data', `${name}.txt`);

export const dataPath = (examples: string, { name }: CompletionSplit): string =>
  path.join(examples, 'experiments', 'completions', `${name}.jsonl`);
