/** What can go wrong with a hybrid through a user's files: what is wrong, where, and the way out. */

export type HybridErrorCode =
  | 'tensor-missing'
  | 'tensor-shape'
  | 'tokenizer-missing'
  | 'projectors-missing'
  | 'projectors-differ'
  | 'result-damaged'
  | 'no-hybrid'
  | 'component-incomplete'
  | 'component-unknown'
  | 'auto-encoder'
  | 'classifier'
  | 'no-text'
  | 'prompt-empty'
  | 'prompt-too-long';

export class HybridError extends Error {
  override readonly name = 'HybridError';

  constructor(
    readonly code: HybridErrorCode,
    message: string,
    /** What the user can do. */
    readonly hint: string,
  ) {
    super(message);
  }
}

const listed = (shape: readonly number[]) => `[${shape.join(', ')}]`;

export const tensorMissing = (component: string, tensor: string): HybridError =>
  new HybridError(
    'tensor-missing',
    `The weights of ${component} have no tensor ${tensor}.`,
    'Check that the folder holds a whole model of the family that its config.json names.',
  );

export const tensorShape = (
  component: string,
  tensor: string,
  found: readonly number[],
  wanted: readonly number[],
): HybridError =>
  new HybridError(
    'tensor-shape',
    `${tensor} of ${component} has shape ${listed(found)}; its config.json asks for ${listed(wanted)}.`,
    'Check that config.json and the weights belong to the same model.',
  );

export const tokenizerMissing = (component: string): HybridError =>
  new HybridError(
    'tokenizer-missing',
    `${component} has no tokenizer, which the transplant of its embeddings needs.`,
    'Name one with `components.' + component + '.tokenizer`, or set `hybrid.embeddings: random`.',
  );

export const projectorsMissing = (from: string, tensor: string): HybridError =>
  new HybridError(
    'projectors-missing',
    `${from} has no tensor ${tensor}.`,
    'Take `hybrid.projectors.from` from a run with the same component names, number of blocks and projector kind, nothing pruned that is live here.',
  );

export const projectorsDiffer = (
  from: string,
  tensor: string,
  found: readonly number[],
  wanted: readonly number[],
): HybridError =>
  new HybridError(
    'projectors-differ',
    `${tensor} in ${from} has shape ${listed(found)}; this hybrid needs ${listed(wanted)}.`,
    'Take `hybrid.projectors.from` from a run of the same components and tokenizer.',
  );

export const resultDamaged = (folder: string, why: string): HybridError =>
  new HybridError(
    'result-damaged',
    `${folder} holds no whole hybrid: ${why}.`,
    'Export it again, or give the `result` folder of a finished run.',
  );

export const noHybrid = (folder: string): HybridError =>
  new HybridError(
    'no-hybrid',
    `${folder} holds pretrained projectors, and no hybrid.`,
    'A search makes one: give it `hybrid.projectors.from` with this run.',
  );

export const componentIncomplete = (component: string, tensor: string): HybridError =>
  new HybridError(
    'component-incomplete',
    `${component} is no whole model any more: ${tensor} was pruned from the hybrid.`,
    'Export the hybrid, or a component that was pruned from no block.',
  );

export const componentUnknown = (component: string, known: readonly string[]): HybridError =>
  new HybridError(
    'component-unknown',
    `The hybrid has no component ${component}.`,
    `It has ${known.join(', ')}.`,
  );

export const promptEmpty = (): HybridError =>
  new HybridError(
    'prompt-empty',
    'The prompt has no token and the tokenizer has no token to start with.',
    'Give a prompt of at least one character.',
  );

export const promptTooLong = (tokens: number, most: number): HybridError =>
  new HybridError(
    'prompt-too-long',
    `The prompt has ${tokens} tokens; the hybrid's components hold at most ${most}.`,
    'Shorten the prompt.',
  );

export const autoEncoderExport = (component: string): HybridError =>
  new HybridError(
    'auto-encoder',
    `${component} was trained on the compression task: its head rebuilds a sequence behind a decoder, which a model of its family has no place for.`,
    'Export the hybrid without `--component`, or train on another task.',
  );

export const classifierExport = (component: string): HybridError =>
  new HybridError(
    'classifier',
    `${component} was trained under a head that tells the class of a sequence: it has none of its own, and a model of its family predicts tokens.`,
    'Export the hybrid without `--component`, or train on a text.',
  );

export const classifierHasNoText = (folder: string): HybridError =>
  new HybridError(
    'no-text',
    `The hybrid in ${folder} tells the class of a sequence: it predicts no tokens.`,
    'Score it with `manticore eval RUN`; to generate text, take a run that was trained on one.',
  );

export const notCausal = (code: 'auto-encoder' | 'classifier'): HybridError =>
  new HybridError(
    code,
    `The hybrid ${code === 'classifier' ? 'tells the class of a sequence' : 'was trained on the compression task: it rebuilds a sequence'} and predicts no next token, so it is no causal language model, which \`--format transformers\` writes.`,
    'Export it without `--format`, or train on another task.',
  );

export const tokensAreNoText = (folder: string): HybridError =>
  new HybridError(
    'no-text',
    `The hybrid in ${folder} was trained on a synthetic task: its tokens are no text, and it has no tokenizer.`,
    'Score it with `manticore eval RUN`; to generate text, take a run that was trained on one.',
  );
