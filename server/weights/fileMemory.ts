/** What was read from files, remembered for as long as they stay as they were. */
import { stat } from 'node:fs/promises';
import { systemCode } from '../files/systemErrors';

/** Files that are asked for their times each time; a folder with more is read anew. */
const MAX_FILES = 1100;

/** A text that changes when one of the files does; `undefined` where that can't be told. */
export async function signatureOf(files: readonly string[]): Promise<string | undefined> {
  if (files.length > MAX_FILES) return undefined;
  try {
    const states = await Promise.all(files.map((file) => stat(file, { bigint: true })));
    return JSON.stringify(
      states.map(({ dev, ino, size, mtimeNs, ctimeNs }, index) => [
        files[index],
        ...[dev, ino, size, mtimeNs, ctimeNs].map(String),
      ]),
    );
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** The newest `limit` values by signature. */
export class FileMemory<T> {
  private readonly values = new Map<string, T>();

  constructor(private readonly limit: number) {}

  get(signature: string | undefined): T | undefined {
    return signature === undefined ? undefined : this.values.get(signature);
  }

  set(signature: string | undefined, value: T): void {
    if (signature === undefined) return;
    const [oldest] = this.values.keys();
    if (this.values.size >= this.limit && oldest !== undefined) this.values.delete(oldest);
    this.values.set(signature, value);
  }
}
