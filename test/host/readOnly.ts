/** A folder that nobody may write to, root included where the file system can say so. */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** Returns what undoes it, or `undefined` where root can't be kept out. */
export async function makeReadOnly(folder: string): Promise<(() => Promise<void>) | undefined> {
  if (process.getuid?.() !== 0) {
    await chmod(folder, 0o555);
    return () => chmod(folder, 0o755);
  }
  try {
    await runFile('chattr', ['+i', folder]);
  } catch {
    // No such program, or a file system that doesn't know the flag.
    return undefined;
  }
  return async () => {
    await runFile('chattr', ['-i', folder]);
  };
}
