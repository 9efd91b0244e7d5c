/** Errors that a user's files or network can cause: what is wrong, where, what to do. Anything else that is thrown is a bug. */
import { systemCode } from '../files/systemErrors';

export type WeightsErrorCode =
  | 'file-missing'
  | 'file-refused'
  | 'file-too-large'
  | 'file-unreadable'
  | 'safetensors-damaged'
  | 'dtype-unsupported'
  | 'tensor-missing'
  | 'index-damaged'
  | 'config-damaged'
  | 'pickle-only'
  | 'tokenizer-damaged'
  | 'tokenizer-unsupported'
  | 'write-failed'
  | 'disk-full'
  | 'hub-id'
  | 'hub-settings'
  | 'hub-not-cached'
  | 'hub-gated'
  | 'hub-repository'
  | 'hub-revision'
  | 'hub-file'
  | 'hub-answer'
  | 'hub-name'
  | 'hub-network'
  | 'hub-timeout'
  | 'hub-size'
  | 'hub-hash'
  | 'hub-stopped';

export class WeightsError extends Error {
  override readonly name = 'WeightsError';

  /**
   * @param what one sentence: what is wrong and where
   * @param hint one sentence: what to do
   */
  constructor(
    readonly code: WeightsErrorCode,
    readonly what: string,
    readonly hint: string,
    readonly file?: string,
    readonly tensor?: string,
  ) {
    super(`${what} ${hint}`);
  }
}

export const fileMissing = (file: string, hint: string): WeightsError =>
  new WeightsError('file-missing', `${file} is not there.`, hint, file);

export const fileRefused = (file: string, why: string): WeightsError =>
  new WeightsError(
    'file-refused',
    `${file} ${why}.`,
    'Use a regular file inside its own folder.',
    file,
  );

export const fileTooLarge = (file: string, bytes: number, most: number): WeightsError =>
  new WeightsError(
    'file-too-large',
    `${file} has ${bytes} bytes; at most ${most} are read.`,
    'Check that it is the file you mean.',
    file,
  );

export const safetensorsDamaged = (file: string, why: string, tensor?: string): WeightsError =>
  new WeightsError(
    'safetensors-damaged',
    `${file} is damaged: ${why}.`,
    'Download or export it again.',
    file,
    tensor,
  );

export const pickleOnly = (folder: string, suggestion: string | undefined): WeightsError =>
  new WeightsError(
    'pickle-only',
    `${folder} has its weights only as Python pickles, which can run code and are not read.`,
    suggestion === undefined
      ? 'Save it again as safetensors (transformers: model.save_pretrained(folder, safe_serialization=True)).'
      : `Use ${suggestion}, which has safetensors.`,
    folder,
  );

/** Turns a system error at `file` into a user error; anything else is a bug and comes back as it is. */
export function fromSystemError(error: unknown, file: string): unknown {
  const code = systemCode(error);
  switch (code) {
    case undefined:
      return error;
    case 'ENOENT':
    case 'ENOTDIR':
      return fileMissing(file, 'Check the path.');
    case 'ENOSPC':
    case 'EDQUOT':
      return new WeightsError(
        'disk-full',
        `The disk is full; ${file} could not be written.`,
        'Free some space and run it again.',
        file,
      );
    case 'ELOOP':
      return fileRefused(file, 'is a symbolic link that leads nowhere');
    default:
      return new WeightsError(
        'file-unreadable',
        `${file} can't be used (${code}).`,
        'Check its permissions.',
        file,
      );
  }
}
