/** The parts that installing TensorFlow is made of. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireSpace } from '../../server/commands/engineRecipes/diskSpace';
import { filesOfTar } from '../../server/commands/engineRecipes/tar';
import { waysFor } from '../../server/commands/engineRecipes/tensorflow';
import { compile } from '../../server/commands/engineRecipes/tfjsBinding';
import { readRequirements } from '../../server/commands/engineRecipes/wheelRequirements';
import { program } from './standIns';

describe('the ways to a TensorFlow', () => {
  const current = { version: 535.18 };
  const old = { version: 470.82 };
  const untold = { version: undefined };
  it('begin with CUDA 12 where the driver runs it, and end where no compiler is needed', () => {
    assert.deepEqual(waysFor('linux', 'x64', current), ['cuda', 'package-gpu', 'cpu', 'package']);
    assert.deepEqual(waysFor('linux', 'x64', untold), ['cuda', 'package-gpu', 'cpu', 'package']);
    assert.deepEqual(waysFor('linux', 'x64', old), ['package-gpu', 'cpu', 'package']);
    assert.deepEqual(waysFor('linux', 'x64', undefined), ['cpu', 'package']);
    assert.deepEqual(waysFor('linux', 'arm64', current), ['cpu', 'package']);
  });

  it('are those of the wheels on other systems', () => {
    assert.deepEqual(waysFor('darwin', 'arm64', undefined), ['cpu', 'package']);
    assert.deepEqual(waysFor('darwin', 'x64', undefined), ['package']);
    assert.deepEqual(waysFor('win32', 'x64', current), ['package-gpu', 'package']);
    assert.deepEqual(waysFor('win32', 'arm64', undefined), []);
    assert.deepEqual(waysFor('freebsd', 'x64', undefined), []);
  });
});

describe('what an installation needs', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(path.join(tmpdir(), 'recipe-'))));
  after(() => rm(folder, { recursive: true }));

  it('of room on the disk is told before anything is fetched, with both figures', async () => {
    await requireSpace(folder, 1);
    await assert.rejects(requireSpace(folder, 1e18), {
      code: 'disk-full',
      message: /needs 1000000000\.0 GB while it is installed, and .* has \d+\.\d GB left/,
      hint: /MANTICORE_ENGINES_DIR/,
    });
  });

  it("of NVIDIA's libraries is what the wheel asks for, but for the compiler", async () => {
    const file = path.join(folder, 'METADATA');
    await writeFile(
      file,
      [
        'Name: tensorflow',
        'Requires-Dist: keras>=3.12.0',
        'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
        'Requires-Dist: nvidia-cuda-nvcc-cu12<13.0,>=12.5.82; extra == "and-cuda"',
        'Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"',
        'Requires-Dist: other; extra == "gcs"',
      ].join('\n'),
    );
    assert.deepEqual(await readRequirements(file), [
      'nvidia-cublas-cu12<13.0,>=12.5.3.2',
      'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
    ]);
  });
});

describe('a tar archive', () => {
  const block = (name: string, content: string, kind = '0', prefix = ''): Buffer => {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write(content.length.toString(8).padStart(11, '0'), 124);
    head.write(kind, 156);
    head.write(prefix, 345);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return Buffer.concat([head, body]);
  };
  const end = Buffer.alloc(1024);
  const read = (archive: Buffer): Record<string, string> =>
    Object.fromEntries(
      [...filesOfTar(archive)].map(({ name, content }) => [name, Buffer.from(content).toString()]),
    );

  it('gives its files: short names, prefixed ones, and those of a record before them', () => {
    const long = `package/${'a'.repeat(120)}.h`;
    const archive = Buffer.concat([
      block('package', '', '5'),
      block('package/one.h', 'one'),
      block('two.h', 'x'.repeat(600), '0', 'package/deep'),
      block('header', `${` path=${long}\n`.length + 3} path=${long}\n`, 'x'),
      block('package/cut.h', 'three'),
      end,
    ]);
    assert.deepEqual(read(archive), {
      'package/one.h': 'one',
      'package/deep/two.h': 'x'.repeat(600),
      [long]: 'three',
    });
  });

  it('gives a record to the entry after it alone, be that a folder', () => {
    const archive = Buffer.concat([
      block('header', '19 path=package/a\n', 'x'),
      block('package', '', '5'),
      block('package/one.h', 'one'),
      end,
    ]);
    assert.deepEqual(read(archive), { 'package/one.h': 'one' });
  });

  it('that is cut off is refused', () => {
    assert.throws(() => read(block('package/one.h', 'x'.repeat(600)).subarray(0, 700)), /cut off/);
  });
});

describe('compiling the part that joins TensorFlow to Node', function () {
  if (process.platform === 'win32') return;
  let folder: string;
  before(async () => (folder = await mkdtemp(path.join(tmpdir(), 'compile-'))));
  after(() => rm(folder, { recursive: true }));

  /** With a compiler that does this. */
  async function compileWith(source: string): Promise<void> {
    const compiler = await program(folder, 'c++', source);
    const options = {
      aside: folder,
      onLine: () => undefined,
      signal: new AbortController().signal,
    };
    await compile(compiler, { code: '/code', headers: ['/headers'] }, folder, ['lib.so'], options);
  }

  it('that fails is told with the first error, and what compiler is needed', async () => {
    const said =
      'In file included from x:\n/code/tfjs_backend.cc:1:10: fatal error: c_api.h: No such file\nerror: more';
    await assert.rejects(
      compileWith(`console.error(${JSON.stringify(said)}); process.exitCode = 1;`),
      {
        code: 'engine-build-failed',
        message:
          /tfjs-node could not be compiled: \/code\/tfjs_backend\.cc:1:10: fatal error: c_api\.h/,
        hint: /c\+\+ works .*GCC 8 .*Or use the wasm engine/,
      },
    );
  });

  it('by a compiler that says nothing is told with how it ended', async () => {
    await assert.rejects(compileWith('process.exitCode = 4;'), {
      code: 'engine-build-failed',
      message: /could not be compiled: it ended with 4$/,
    });
  });

  it('names the sources, the libraries, and a place beside them to look for these in', async () => {
    const kept = path.join(folder, 'args.json');
    await compileWith(
      `require('node:fs').writeFileSync(${JSON.stringify(kept)}, JSON.stringify(process.argv));`,
    );
    const args = JSON.parse(await readFile(kept, 'utf8')) as string[];
    for (const wanted of ['/code/tfjs_binding.cc', '/headers', path.join(folder, 'lib.so')]) {
      assert.ok(args.includes(wanted), wanted);
    }
    assert.ok(args.some((arg) => /^-Wl,-rpath,(\$ORIGIN|@loader_path)$/.test(arg)));
  });
});
