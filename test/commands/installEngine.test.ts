/** `manticore engines --install`, with an npm that does as it is told. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { EngineReport } from '../../server/contract/engine';
import { eventually, Scene, type Cli } from '../cli/scene';
import { fakeNpm, type NpmScript } from './fakeNpm';

describe('manticore engines --install', function () {
  if (process.platform === 'win32') return;
  let scene: Scene;
  let tries = 0;
  before(async () => (scene = await Scene.make('install')));
  after(() => scene.remove());

  const engines = (): string => scene.path('engines');
  const installed = (): string =>
    path.join(engines(), `tensorflow-${process.platform}-${process.arch}`);

  /** Starts an installation with such an npm; `undefined`: with none. */
  async function start(npm: NpmScript | undefined, ...args: readonly string[]): Promise<Cli> {
    const folder = scene.path(`bin${tries++}`);
    const PATH = npm === undefined ? folder : await fakeNpm(folder, npm);
    const words = args.length === 0 ? ['tensorflow'] : args;
    return scene.start(['engines', '--install', ...words], {
      env: { PATH, MANTICORE_ENGINES_DIR: engines() },
    });
  }
  const left = (): Promise<string[]> => readdir(engines()).catch((): string[] => []);

  it('says what is missing without npm', async () => {
    const { code, err } = await (await start(undefined)).ended;
    assert.equal(code, 1);
    assert.match(err, /^npm-missing: No npm is on the PATH.*\n.*nodejs\.org/);
    assert.deepEqual(await left(), []);
  });

  const failures: readonly [string, string, RegExp][] = [
    [
      'a download that fails',
      'Error: getaddrinfo ENOTFOUND storage.example.com\nnpm error code 1\nnpm error path /x',
      /engine-download-failed: @tensorflow\/tfjs-node(-gpu)?@4\.22\.0 .*ENOTFOUND.*\n.*network/,
    ],
    [
      'a build that fails',
      'node-pre-gyp ERR! Tried to download\ngyp ERR! build error\nnpm error code 1\nnpm error gyp ERR! not ok',
      /engine-build-failed: .*\n.*C\+\+ compiler/,
    ],
    ['a full disk', 'npm error code ENOSPC\nnpm error no space left', /disk-full: /],
    [
      'anything else',
      'npm error code E1\nnpm error a bad day',
      /engine-install-failed: .*a bad day/,
    ],
  ];
  for (const [what, output, sentence] of failures) {
    it(`tells ${what}, and leaves nothing behind`, async () => {
      const { code, err } = await (await start({ kind: 'fails', output })).ended;
      assert.equal(code, 3, err);
      assert.match(err, sentence);
      assert.doesNotMatch(err.slice(err.lastIndexOf('engine-')), /^\s+at /m);
      assert.deepEqual(await left(), []);
    });
  }

  it('puts an engine in place that passes its self-check, and `engines` finds it', async () => {
    const { code, out, err } = await (await start({ kind: 'works' }, 'tensorflow', '--json')).ended;
    assert.equal(code, 0, err);
    assert.match(err, /added 1 package: @tensorflow\/tfjs-node/);
    const said = JSON.parse(out) as { where: string; engine: EngineReport };
    assert.equal(said.where, installed());
    assert.ok(said.engine.available && said.engine.name === 'tensorflow');
    assert.ok(said.engine.selfCheckError < 1e-3);
    assert.deepEqual(await left(), [path.basename(installed())]);
    const listed = await scene.run(['engines', '--json'], {
      env: { MANTICORE_ENGINES_DIR: engines() },
    });
    const found = (JSON.parse(listed.out) as EngineReport[]).find(
      ({ name }) => name === 'tensorflow',
    );
    assert.equal(found?.available, true);
  });

  it('keeps the engine that works when the next one does not load', async () => {
    const { code, err } = await (
      await start({ kind: 'broken', error: 'libcudart is not there' })
    ).ended;
    assert.equal(code, 3, err);
    assert.match(err, /engine-unfit: .*libcudart is not there.*\n.*wasm/);
    assert.deepEqual(await left(), [path.basename(installed())]);
    assert.ok(existsSync(path.join(installed(), 'node_modules', '@tensorflow')));
  });

  it('ends npm with Ctrl-C', async () => {
    const sign = scene.path('npm.pid');
    const cli = await start({ kind: 'hangs', sign });
    const pid = await eventually('npm', () =>
      existsSync(sign) ? Number(readFileSync(sign, 'utf8')) || undefined : undefined,
    );
    cli.child.kill('SIGINT');
    assert.equal((await cli.ended).code, 130);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.deepEqual(await left(), [path.basename(installed())]);
  });

  it('has a sentence for what can not be installed', async () => {
    for (const [name, sentence] of [
      ['wasm', /engine-included: .*comes with Manticore/],
      ['abacus', /engine-unknown: .*"abacus".*\n.*tensorflow, webgpu/],
    ] as const) {
      const { code, err } = await (await start({ kind: 'works' }, name)).ended;
      assert.equal(code, 1);
      assert.match(err, sentence);
    }
  });
});
