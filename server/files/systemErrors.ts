/** What the operating system said. */
import { lstat } from 'node:fs/promises';

/**
 * The `code` of a system error such as `ENOENT`; `undefined` for anything else, Node's own errors (`ERR_…`) included:
 * those are bugs.
 */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Whether something bears this name: a link counts, wherever it leads. */
export async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
