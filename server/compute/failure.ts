/** Why a run ends as `failed`: what the `failed` event carries. Named factories, one for each cause. */

export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  constructor(
    readonly code: string,
    message: string,
    /** What the user can do. */
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function lossNotFinite(where: string, step: number, loss: number): RunFailure {
  return new RunFailure(
    'loss-not-finite',
    `The loss of step ${step} (${where}) is ${loss}.`,
    'Lower `learningRate` (or `alphaLearningRate`), lengthen `warmup`, or set `clip`; then resume from the last checkpoint or start anew.',
  );
}

export function evaluationNotFinite(loss: number): RunFailure {
  return new RunFailure(
    'loss-not-finite',
    `The loss of an evaluation is ${loss}.`,
    'Lower `learningRate` (or `alphaLearningRate`), lengthen `warmup`, or set `clip`; then start anew.',
  );
}

export function gradientNotFinite(where: string, step: number): RunFailure {
  return new RunFailure(
    'gradient-not-finite',
    `The gradient of step ${step} (${where}) is not finite, while its loss is.`,
    'Lower `learningRate` (or `alphaLearningRate`) or lengthen `warmup`; then resume from the last checkpoint or start anew.',
  );
}

export function outOfMemory(cause: unknown): RunFailure {
  return new RunFailure(
    'out-of-memory',
    `The engine has no memory left: ${messageOf(cause)}`,
    'Set a smaller `batch` (and a larger `accumulate`), a shorter `context`, prune components from blocks, or use another engine.',
    { cause },
  );
}

export function diskFull(cause: unknown): RunFailure {
  return new RunFailure(
    'disk-full',
    `The run folder can't be written: ${messageOf(cause)}`,
    'Free some space, then resume: the last checkpoint is whole.',
    { cause },
  );
}

export function checkpointDamaged(what: string): RunFailure {
  return new RunFailure(
    'checkpoint-damaged',
    `The checkpoint can't be read: ${what}.`,
    'Start the run anew, or put the checkpoint folder back from a copy.',
  );
}

export function notEnoughText(what: string, tokens: number, needed: number): RunFailure {
  return new RunFailure(
    'not-enough-text',
    `The ${what} text has ${tokens} tokens; ${needed} are needed.`,
    'Give more text, or a shorter `data.context`.',
  );
}

export function notEnoughExamples(what: string): RunFailure {
  return new RunFailure(
    'not-enough-examples',
    `The ${what} data have no example whose response is scored.`,
    'Give more examples, a longer `data.context`, or another part for validation.',
  );
}

export function noScoredToken(what: string): RunFailure {
  return new RunFailure(
    'no-scored-token',
    `No position of ${what} is scored, so there is no loss.`,
    'Give data with at least one token to predict.',
  );
}

/** Any error as the failure that a run reports. Errors of this program keep their message under `internal-error`. */
export function asRunFailure(error: unknown): RunFailure {
  if (error instanceof RunFailure) return error;
  const code = codeOf(error);
  // The typed errors of the engine, the run folder and the weights' files: a code, a sentence, a way out.
  if (error instanceof Error && code !== undefined && 'hint' in error) {
    if (code === 'disk-full') return diskFull(error);
    return new RunFailure(code, messageOf(error), String(error.hint), { cause: error });
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(error);
  if (isOutOfMemory(error, code)) return outOfMemory(error);
  return new RunFailure(
    'internal-error',
    messageOf(error),
    'This is a fault of the program: please report it with the run folder. The last checkpoint is whole; `manticore resume` goes on from it.',
    { cause: error },
  );
}

function isOutOfMemory(error: unknown, code: string | undefined): boolean {
  if (code === 'out-of-memory' || code === 'ERR_MEMORY_ALLOCATION_FAILED') return true;
  if (error instanceof RangeError && /allocation failed|array length/i.test(error.message)) {
    return true;
  }
  return /out of memory|memory access out of bounds|failed to allocate|OOM/.test(messageOf(error));
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function messageOf(error: unknown): string {
  // The message of an error of the weights' files ends with its hint.
  if (error instanceof Error && 'what' in error) return String(error.what);
  return error instanceof Error ? error.message : String(error);
}
