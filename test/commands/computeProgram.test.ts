/** What the compute process is started with. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nodeOf } from '../../server/commands/computeProgram';
import { installedEngine } from '../../server/files/userCache';

const names = ['MANTICORE_ENGINES_DIR', 'MALLOC_ARENA_MAX', 'MALLOC_TOP_PAD_'] as const;

describe('the environment of the compute process', () => {
  const before = names.map((name) => process.env[name]);
  let engines: string;
  beforeEach(async () => {
    engines = await mkdtemp(path.join(tmpdir(), 'manticore-engines-'));
    for (const name of names) Reflect.deleteProperty(process.env, name);
    process.env['MANTICORE_ENGINES_DIR'] = engines;
  });
  afterEach(async () => {
    for (const [index, name] of names.entries()) {
      const value = before[index];
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    await rm(engines, { recursive: true });
  });
  const environment = async () => (await nodeOf({ distFolder: engines })).environment;

  it('has an allocator that gives back, but for what the user has set', async () => {
    process.env['MALLOC_ARENA_MAX'] = '4';
    const { MALLOC_ARENA_MAX: arenas, MALLOC_TOP_PAD_: padding } = await environment();
    assert.deepEqual([arenas, padding], [undefined, '0']);
  });

  it('is left alone where an engine is installed that allocates from threads of its own', async () => {
    await mkdir(installedEngine(engines, 'tensorflow'));
    assert.equal((await environment())['MALLOC_ARENA_MAX'], undefined);
  });
});
