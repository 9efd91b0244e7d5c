/** What can go wrong with an engine through no fault of the code: always with a way out. */

export type EngineErrorCode =
  | 'out-of-memory'
  | 'not-available'
  | 'self-check-failed'
  | 'thread-failed'
  | 'device-lost'
  | 'kernel-failed';

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

/** A thread of the kernels ended in the middle of its work: what it was to compute is missing. */
export function threadFailed(engine: string): EngineError {
  return new EngineError(
    'thread-failed',
    `${engine}: a worker thread ended or hangs; the step that it was part of is lost`,
    'Resume from the last checkpoint. If it happens again, free memory, or set engine.threads to 1.',
  );
}

/** What makes a step need less memory, whatever holds it. */
const LESS_MEMORY =
  'Take a smaller search.batch (with search.accumulate), a shorter data.context, search.checkpointing: on, or fewer or smaller components.';

/** The device itself had no more; how much it was asked for it doesn't tell. */
export function deviceOutOfMemory(engine: string, told: string, inUse: number): EngineError {
  return new EngineError(
    'out-of-memory',
    `${engine}: the device has no memory left, with ${megabytes(inUse)} in use: ${told}`,
    LESS_MEMORY,
  );
}

/** One tensor is larger than a device takes, however much memory is free. */
export function bufferTooLarge(engine: string, needed: number, largest: number): EngineError {
  return new EngineError(
    'out-of-memory',
    `${engine}: a tensor of ${megabytes(needed)} is larger than this device allows (${megabytes(largest)})`,
    `${LESS_MEMORY} Or use the wasm engine.`,
  );
}

export function deviceLost(engine: string, told: string): EngineError {
  return new EngineError(
    'device-lost',
    `${engine}: the device was lost: ${told}`,
    'Resume from the last checkpoint. If it happens again, look at the power, heat and driver of the GPU, or take another engine.',
  );
}

/** @param told the device's own words: which program, where, what */
export function kernelFailed(engine: string, told: string): EngineError {
  return new EngineError(
    'kernel-failed',
    `${engine}: the device refused a computation: ${told}`,
    'Update the driver of the GPU, or take another engine, and report this: it is a fault of Manticore or of the driver. The last checkpoint is whole.',
  );
}
