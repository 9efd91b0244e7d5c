/** What can go wrong with an engine through no fault of the code: always with a way out. */

export type EngineErrorCode = 'out-of-memory' | 'not-available' | 'self-check-failed';

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;
  /** What the user can do about it. */
  readonly hint: string;

  constructor(code: EngineErrorCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** @param needed bytes of the request that failed */
export function outOfMemory(
  engine: string,
  needed: number,
  inUse: number,
  limit: number,
): EngineError {
  return new EngineError(
    'out-of-memory',
    `${engine}: no room for ${megabytes(needed)} more: ${megabytes(inUse)} of ${megabytes(limit)} are in use`,
    'Take a smaller search.batch (with search.accumulate), a shorter data.context, or fewer or smaller components; ' +
      'engine.memoryLimit raises the limit up to 4 GB.',
  );
}

export function notAvailable(engine: string, reason: string, hint: string): EngineError {
  return new EngineError('not-available', `engine ${engine}: ${reason}`, hint);
}

export function selfCheckFailed(engine: string, error: number): EngineError {
  return new EngineError(
    'self-check-failed',
    `${engine}: its self-check differs from the reference by ${error.toExponential(1)} (allowed: 1e-4)`,
    'Its kernels compute wrong numbers on this machine and Node version. Take another engine or another Node version.',
  );
}
