/** The package without an editor: what VS Code unpacks runs by itself, far from any node_modules. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventsIn, scoredOnLittle } from '../cli/runFiles';
import { installPackage, installedExtension } from './codeServer';
import { place, temporaryFolder } from './place';

const runFile = promisify(execFile);

describe('the package', () => {
  const folder = temporaryFolder();
  let extension: string;
  before(async () => {
    await installPackage(folder);
    extension = await installedExtension(folder);
  });

  it('holds no sources, no tests and nothing to install', async () => {
    const names = await readdir(extension, { recursive: true });
    assert.deepEqual(
      names.filter((name) => /\.(ts|map)$|node_modules|^(test|scripts|server|client)\b/.test(name)),
      [],
    );
  });

  for (const [who, node] of [
    ['this Node', process.execPath],
    ["VS Code's Node", place.node],
  ] as const) {
    it(`searches the quickstart by itself on ${who}`, async () => {
      const out = path.join(folder, `runs of ${who}`);
      const environment = {
        PATH: process.env['PATH'],
        HOME: folder,
        MANTICORE_RUNTIME_DIR: path.join(folder, 'r'),
      };
      const steps = ['search.steps=4', 'finetune.steps=2'].flatMap((key) => ['--set', key]);
      const { stdout } = await runFile(
        node,
        [
          path.join(extension, 'dist', 'cli.js'),
          ...['search', path.join(extension, 'examples', 'quickstart.manticore.yaml')],
          ...['--json', '--out', out, ...steps, ...(await scoredOnLittle(folder))],
        ],
        { env: environment, cwd: folder, maxBuffer: 64 * 1024 * 1024 },
      );
      const finished = eventsIn(stdout).at(-1);
      assert.ok(finished?.type === 'finished' && finished.status === 'done');
      const [run] = await readdir(out);
      for (const file of ['report.html', 'heatmap.png', 'model.safetensors']) {
        await access(path.join(out, run!, 'result', file));
      }
    });
  }
});
