/** Where the tests in a real VS Code find their programs, and where they leave pictures. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

const placeSchema = z.object({
  /** The Node that runs code-server. */
  node: z.string(),
  /** The entry of code-server. */
  codeServer: z.string(),
  chromium: z.string(),
  /** The packaged extension. */
  vsix: z.string(),
});

/** What `scripts/testHost.mjs` has set up. */
export const place = placeSchema.parse(JSON.parse(process.env['MANTICORE_HOST'] ?? '{}'));

/** The clone: mocha runs there. */
export const root = process.cwd();

/** Pictures, and what a failure leaves. */
export const shots = path.join(root, 'test', 'host', 'shots');

const made: string[] = [];
process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A folder for one suite, its links resolved and its name short: sockets stand below it. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'mh-')));
  made.push(folder);
  return folder;
}
