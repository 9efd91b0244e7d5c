/** Mocha hooks for tests that measure engines anew: what they find must not change the tier of runs beside them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Gives the tests of a `describe`, and processes that they start, a cache folder of their own. */
export function useOwnCache(): void {
  let folder: string;
  let previous: string | undefined;
  before(() => {
    previous = process.env['XDG_CACHE_HOME'];
    folder = mkdtempSync(path.join(tmpdir(), 'manticore-cache-'));
    process.env['XDG_CACHE_HOME'] = folder;
  });
  after(() => {
    if (previous === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = previous;
    rmSync(folder, { recursive: true, force: true });
  });
}
