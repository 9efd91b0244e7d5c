/** What loading data needs of its process, for tests. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LoadOptions } from '../../../server/compute/tasks/text';
import { TokenStore } from '../../../server/compute/tasks/tokenStore';

/** The bundle that renders chat templates. */
export const TEMPLATE_PROGRAM = path.resolve('dist/templates.js');

/** Small data stay in memory, so that nothing is written. */
export const inMemory = (): LoadOptions => ({
  store: new TokenStore(path.join(tmpdir(), 'manticore-no-tokens')),
  templateProgram: TEMPLATE_PROGRAM,
});
