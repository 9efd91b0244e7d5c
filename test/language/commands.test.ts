/** `manticore check` and `manticore plan`, as functions. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCheck } from '../../server/cli/check';
import { runPlan } from '../../server/cli/planCommand';
import type { Plan } from '../../server/contract/plan';
import { fakeReader, model, quickDisk, tinyMamba } from './fakeReader';
import { quickConfig } from './marked';

describe('check and plan', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-check-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  type Command = typeof runCheck;
  async function run(command: Command, text: string | undefined, json = false, disk = quickDisk) {
    const file = path.join(folder, 'some.manticore.yaml');
    if (text !== undefined) await writeFile(file, text);
    let out = '';
    let err = '';
    const io = {
      out: (piece: string) => (out += piece),
      err: (piece: string) => (err += piece),
      json,
    };
    const code = await command(file, io, [], fakeReader(disk));
    return { code, out: out.replaceAll(folder, ''), err: err.replaceAll(folder, '') };
  }

  it('a whole config: nothing to say, exit 0', async () => {
    assert.deepEqual(await run(runCheck, quickConfig()), { code: 0, out: '', err: '' });
  });

  it('a broken one: file:line:col severity code message, exit 1', async () => {
    const { code, out } = await run(
      runCheck,
      quickConfig({ search: '  steps: 30\n  algorithm: drats' }),
    );
    assert.equal(code, 1);
    assert.match(out, /^\/some\.manticore\.yaml:13:14 error wrong-value `algorithm` must be .*\n$/);
  });

  it('a problem of the whole file is at 1:1', async () => {
    assert.match((await run(runCheck, '')).out, /^\/some\.manticore\.yaml:1:1 error not-a-config /);
    await rm(path.join(folder, 'some.manticore.yaml'));
    const missing = await run(runCheck, undefined);
    assert.equal(missing.code, 1);
    assert.match(
      missing.out,
      /^\/some\.manticore\.yaml:1:1 error unreadable-config .*no such file/,
    );
  });

  it('what is no text is said to be none', async () => {
    await writeFile(path.join(folder, 'some.manticore.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
    const { code, out } = await run(runCheck, undefined);
    assert.equal(code, 1);
    assert.match(out, /^\/some\.manticore\.yaml:1:1 error unreadable-config .*not UTF-8 text/);
  });

  it('with --json: one array and nothing else', async () => {
    assert.deepEqual(JSON.parse((await run(runCheck, quickConfig(), true)).out), []);
    const [problem] = JSON.parse(
      (await run(runCheck, quickConfig({ hybrid: '  blocks: 9' }), true)).out,
    ) as object[];
    assert.deepEqual(Object.keys(problem!), [
      'file',
      'line',
      'column',
      'endLine',
      'endColumn',
      'severity',
      'code',
      'message',
    ]);
  });

  it('a warning alone leaves 0', async () => {
    const { code, out } = await run(
      runCheck,
      quickConfig({ search: '  steps: 30\n  temperature: 2' }),
    );
    assert.equal(code, 0);
    assert.match(out, /warning no-effect/);
  });

  it('a plan as a table, and as JSON', async () => {
    const table = await run(runPlan, quickConfig());
    assert.equal(table.code, 0);
    assert.match(
      table.out,
      /^some: 2 blocks of 2 components, width 24, vocabulary 40, context 16$/m,
    );
    const plan = JSON.parse((await run(runPlan, quickConfig(), true)).out) as Plan;
    assert.equal(plan.name, 'some');
    assert.equal(plan.components.length, 2);
  });

  it('no plan: the problems on stderr, exit 1', async () => {
    const broken = await run(runPlan, quickConfig({ hybrid: '  blocks: 9' }));
    assert.equal(broken.code, 1);
    assert.equal(broken.out, '');
    assert.match(broken.err, /too-many-blocks.*\n.*errors above are mended\.\n$/);
    const disk = {
      ...quickDisk,
      models: {
        ...quickDisk.models,
        './mamba': { kind: 'notCached' as const, id: 'a/b', revision: 'main' },
      },
    };
    const away = await run(runPlan, quickConfig(), false, disk);
    assert.equal(away.code, 1);
    assert.match(away.err, /warning not-cached .*manticore pull hf:a\/b.*\n.*downloaded\.\n$/);
  });

  it('a plan that the engine can’t hold is shown, with exit 1', async () => {
    const disk = { ...quickDisk, models: { ...quickDisk.models, './mamba': model(tinyMamba) } };
    const { code, out, err } = await run(
      runPlan,
      quickConfig({ search: '  steps: 3\n  batch: 3000000', rest: 'engine: wasm' }),
      false,
      disk,
    );
    assert.equal(code, 1);
    assert.match(out, /predicted peak/);
    assert.match(err, /error memory/);
  });
});
