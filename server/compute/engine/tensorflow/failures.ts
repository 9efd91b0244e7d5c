/** What TensorFlow says when an op fails, in one line, with a way out. */
import { EngineError, deviceOutOfMemory, kernelFailed } from '../errors';

/** TF_Code. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

/**
 * @param op the op that ran
 * @param inUse bytes of tensors at that moment
 */
export function opFailed(op: string, error: unknown, inUse: number): Error {
  const told = error instanceof Error ? error.message : String(error);
  const code = Number(/^Invalid TF_Status: (\d+)/.exec(told)?.[1] ?? Number.NaN);
  const message = told.replace(/^Invalid TF_Status: \d+\s*Message:\s*/, '').split('\n')[0]!;
  if (code === RESOURCE_EXHAUSTED || /\bOOM\b|out of memory|CUDA_ERROR_OUT_OF_MEMORY/i.test(told)) {
    return deviceOutOfMemory('tensorflow', withoutDevice(message), inUse);
  }
  // Shapes or ids that don't fit are the caller's fault, as on any engine.
  if (code === INVALID_ARGUMENT) return new Error(`${op}: ${message}`, { cause: error });
  return kernelFailed('tensorflow', `${op}: ${message}`);
}

/** The allocator and the device's full name say nothing to a user. */
const withoutDevice = (message: string): string =>
  message.replace(/ on \/job:\S+\/device:(\w+:\d+).*$/, ' on $1');

/** More than the limit that was set for this run. */
export function overLimit(needed: number, inUse: number, limit: number): EngineError {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  return new EngineError(
    'out-of-memory',
    `tensorflow: ${gigabytes(needed)} more would go beyond engine.memoryLimit: ${gigabytes(inUse)} of ${gigabytes(limit)} are in use`,
    'Raise engine.memoryLimit; or take a smaller search.batch (with search.accumulate), a shorter data.context, or search.checkpointing: on.',
  );
}
