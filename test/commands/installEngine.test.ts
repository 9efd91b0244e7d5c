/** `manticore engines --install tensorflow`, with programs that do as they are told. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EngineReport } from '../../server/contract/engine';
import { enginesFolder, installedEngine } from '../../server/files/userCache';
import { eventually, Scene, type Cli } from '../cli/scene';
import { standIns, type StandIns } from './standIns';

/** A TensorFlow that is really there: `scripts/engineSetup.mjs tensorflow`. */
const real = path.join(installedEngine(enginesFolder(), 'tensorflow'), 'tensorflow');
const isRequired = (process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').includes('tensorflow');

describe('manticore engines --install tensorflow', function () {
  if (process.platform === 'win32') return;
  let scene: Scene;
  let tries = 0;
  before(async () => (scene = await Scene.make('install')));
  after(() => scene.remove());

  const engines = (): string => scene.path('engines');
  const installed = (): string => installedEngine(engines(), 'tensorflow');

  /** Starts an installation on a machine that has these programs and no others. */
  async function start(programs: StandIns, ...args: readonly string[]): Promise<Cli> {
    const PATH = await standIns(scene.path(`bin${tries++}`), programs);
    const words = args.length === 0 ? ['tensorflow'] : args;
    return scene.start(['engines', '--install', ...words], {
      env: { PATH, MANTICORE_ENGINES_DIR: engines(), XDG_CACHE_HOME: scene.path('cache') },
    });
  }
  const left = (): Promise<string[]> => readdir(engines()).catch((): string[] => []);

  /** A previous installation: whatever happens afterwards, it must still be there. */
  async function havePrevious(): Promise<void> {
    await mkdir(installed(), { recursive: true });
    await writeFile(path.join(installed(), 'previous'), '');
  }
  async function assertPreviousStays(): Promise<void> {
    assert.deepEqual(await left(), [path.basename(installed())]);
    assert.ok(existsSync(path.join(installed(), 'previous')));
  }

  it('says what is missing without npm', async () => {
    const { code, err } = await (await start({})).ended;
    assert.equal(code, 1);
    assert.match(err, /^npm-missing: No npm is on the PATH.*\n.*nodejs\.org/m);
    assert.deepEqual(await left(), []);
  });

  const ownFails = { kind: 'fails', output: 'npm error code E1\nnpm error a bad day' } as const;
  const failures: readonly [string, StandIns, RegExp][] = [
    ['no compiler', { npm: ownFails }, /No C\+\+ compiler is on the PATH .*\n.*apt install g\+\+/],
    [
      'no Python',
      { npm: ownFails, compiler: true },
      /No Python 3 is on the PATH.*\n.*python3-pip.* Or use the wasm engine/,
    ],
    [
      'a Python without pip',
      { npm: ownFails, compiler: true, python: { kind: 'no pip' } },
      /python3 has no pip, and can't make a virtual environment.*\n.*python3-pip/,
    ],
    [
      'a pip that is too old',
      { npm: ownFails, compiler: true, python: { kind: 'old pip' } },
      /pip of .*python3 is too old: 20\.0, and 20\.3 .*\n.*--upgrade pip/,
    ],
    [
      'a wheel that pip does not find',
      {
        npm: ownFails,
        compiler: true,
        python: {
          kind: 'fails',
          output: 'ERROR: No matching distribution found for tensorflow_cpu==2.21.0',
        },
      },
      /pip finds no tensorflow(_cpu)?==2\.21\.0 for this system .*\n.*pip config list/,
    ],
    [
      'a download of pip that fails',
      {
        npm: ownFails,
        compiler: true,
        python: { kind: 'fails', output: 'ERROR: Could not install: Max retries exceeded' },
      },
      /pip could not fetch tensorflow(_cpu)?==2\.21\.0: .*Max retries.*\n.*network/,
    ],
    [
      'a TensorFlow that hides what the engine calls',
      {
        npm: ownFails,
        compiler: true,
        python: { kind: 'works' },
        symbols: '0000000001 T TF_Version',
      },
      /do not offer TFE_NewContext/,
    ],
    [
      'sources that are not those it was tested with',
      {
        npm: { kind: 'broken' },
        compiler: true,
        python: { kind: 'works' },
        symbols: '0000000001 T TFE_NewContext@@tensorflow',
      },
      /tfjs-node@4\.22\.0 is not the package that this version .*\(sha512-/,
    ],
  ];
  for (const [what, programs, sentence] of failures) {
    it(`tells ${what}, after tfjs-node's own download failed as well`, async () => {
      await havePrevious();
      const { code, err } = await (await start(programs)).ended;
      assert.equal(code, 3, err);
      const told = err.slice(err.search(/^engine-/m));
      assert.match(told, /^engine-(install-failed|unfit): .*(a bad day|no native module)/);
      assert.match(told, / Before that: /);
      assert.match(told, sentence);
      assert.doesNotMatch(err, /^\s+at /m);
      await assertPreviousStays();
    });
  }

  const ownFailures: readonly [string, string, RegExp][] = [
    [
      'a download that fails',
      'Error: getaddrinfo ENOTFOUND storage.example.com\nnpm error code 1\nnpm error path /x',
      /engine-download-failed: @tensorflow\/tfjs-node@4\.22\.0 .*ENOTFOUND.*\n.*network/,
    ],
    [
      'a build that fails',
      'node-pre-gyp ERR! Tried to download\ngyp ERR! build error\nnpm error code 1\nnpm error gyp ERR! not ok',
      /engine-build-failed: .*\n.*C\+\+ compiler/,
    ],
  ];
  for (const [what, output, sentence] of ownFailures) {
    it(`tells ${what} of tfjs-node itself`, async () => {
      const { code, err } = await (await start({ npm: { kind: 'fails', output } })).ended;
      assert.equal(code, 3, err);
      assert.match(err, sentence);
      await assertPreviousStays();
    });
  }

  const full: readonly [string, StandIns][] = [
    ['npm', { npm: { kind: 'fails', output: 'npm error code ENOSPC' } }],
    [
      'pip',
      {
        npm: ownFails,
        compiler: true,
        python: { kind: 'fails', output: 'ERROR: [Errno 28] No space left on device' },
      },
    ],
  ];
  for (const [tool, programs] of full) {
    it(`stops where ${tool} finds the disk full: no other way would find more room`, async () => {
      const { code, err } = await (await start(programs)).ended;
      assert.equal(code, 3, err);
      assert.match(err, /^disk-full: No space is left/m);
      assert.doesNotMatch(err, /a bad day/);
      await assertPreviousStays();
    });
  }

  it('keeps what was there when the next one does not load', async () => {
    const { code, err } = await (await start({ npm: { kind: 'broken' } })).ended;
    assert.equal(code, 3, err);
    assert.match(err, /engine-unfit: .*tfjs_binding\.node is no native module.*\n.*wasm/);
    await assertPreviousStays();
  });

  const hanging: readonly [string, (sign: string) => StandIns][] = [
    ['npm', (sign) => ({ npm: { kind: 'hangs', sign } })],
    [
      'pip, with what it started',
      (sign) => ({ npm: ownFails, compiler: true, python: { kind: 'hangs', sign } }),
    ],
  ];
  for (const [what, programs] of hanging) {
    it(`ends ${what}, with Ctrl-C`, async () => {
      const sign = scene.path(`pids${tries}`);
      const cli = await start(programs(sign));
      const pids = await eventually('the program', () => {
        const text = existsSync(sign) ? readFileSync(sign, 'utf8') : '';
        return text === '' ? undefined : text.split(' ').map(Number);
      });
      cli.child.kill('SIGINT');
      assert.equal((await cli.ended).code, 130);
      for (const pid of pids)
        await eventually('its end', () => (isRunning(pid) ? undefined : true));
      await assertPreviousStays();
    });
  }

  it('puts an engine in place that passes its self-check, and `engines` finds it', async function () {
    if (!existsSync(real)) {
      assert.ok(!isRequired, `required, but missing: ${real}`);
      this.skip();
    }
    this.timeout(240_000);
    const works = { npm: { kind: 'works', from: real } } as const;
    const { code, out, err } = await (await start(works, 'tensorflow', '--json')).ended;
    assert.equal(code, 0, err);
    assert.match(err, /added 1 package: @tensorflow\/tfjs-node/);
    const said = JSON.parse(out) as { where: string; engine: EngineReport };
    assert.equal(said.where, installed());
    assert.ok(said.engine.available && said.engine.name === 'tensorflow');
    assert.ok(said.engine.selfCheckError < 1e-4);
    assert.deepEqual(await left(), [path.basename(installed())]);
    assert.ok(!existsSync(path.join(installed(), 'previous')));
    const listed = await scene.run(['engines', '--json'], {
      env: { MANTICORE_ENGINES_DIR: engines(), XDG_CACHE_HOME: scene.path('cache') },
    });
    const found = (JSON.parse(listed.out) as EngineReport[]).find(
      ({ name }) => name === 'tensorflow',
    );
    assert.equal(found?.available, true);
  });

  it('has a sentence for what can not be installed', async () => {
    for (const [name, sentence] of [
      ['wasm', /engine-included: .*comes with Manticore/],
      ['abacus', /engine-unknown: .*"abacus".*\n.*tensorflow/],
    ] as const) {
      const { code, err } = await (await start({}, name)).ended;
      assert.equal(code, 1);
      assert.match(err, sentence);
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
