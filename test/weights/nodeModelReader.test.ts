import assert from 'node:assert/strict';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { loadTokenizer } from '../../server/weights/tokenizer';
import { writeSafetensors } from '../../server/weights/writeSafetensors';
import { inTemporaryFolder } from './temporaryFolder';

const GOLDEN = path.resolve('test/weights/golden');
const COMMIT = 'ab'.repeat(20);

/** A small whole model with the byte-level golden tokenizer. */
async function writeModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'config.json'), '{"model_type":"gpt2"}');
  const data = new Float32Array(6);
  await writeSafetensors(path.join(folder, 'model.safetensors'), [
    { name: 'wte.weight', dtype: 'F16', shape: [2, 3], data },
  ]);
  await cp(path.join(GOLDEN, 'byteLevel'), folder, { recursive: true });
}

describe("the language's reader", () => {
  it('finds a model with config, headers and tokenizer, from the folder of the config', async () => {
    await inTemporaryFolder(async (base) => {
      const folder = path.join(base, 'models', 'a');
      await writeModel(folder);
      const { digest, size } = await loadTokenizer(folder);
      const tokenizer = {
        kind: 'found',
        path: folder,
        summary: { size, digest, hasChatTemplate: false },
      };
      const reader = createNodeModelReader();
      for (let twice = 0; twice < 2; twice++) {
        assert.deepEqual(await reader.readModel('./models/a', base), {
          kind: 'found',
          path: folder,
          hub: undefined,
          config: { model_type: 'gpt2' },
          tensors: [{ name: 'wte.weight', dtype: 'F16', shape: [2, 3] }],
          tokenizer,
        });
        assert.deepEqual(await reader.readTokenizer('models/a', base), tokenizer);
      }
    });
  });

  it('sees a tokenizer that changed', async () => {
    await inTemporaryFolder(async (base) => {
      await writeModel(path.join(base, 'a'));
      const reader = createNodeModelReader();
      const before = await reader.readTokenizer('a', base);
      await cp(path.join(GOLDEN, 'split'), path.join(base, 'a'), { recursive: true, force: true });
      const after = await reader.readTokenizer('a', base);
      assert.ok(before.kind === 'found' && after.kind === 'found');
      assert.notEqual(before.summary.digest, after.summary.digest);
    });
  });

  it('sees weights and a config that changed', async () => {
    await inTemporaryFolder(async (base) => {
      const folder = path.join(base, 'a');
      await writeModel(folder);
      const reader = createNodeModelReader();
      const found = async () => {
        const model = await reader.readModel('a', base);
        assert.ok(model.kind === 'found');
        return [model.config, model.tensors.map(({ name }) => name)];
      };
      assert.deepEqual(await found(), [{ model_type: 'gpt2' }, ['wte.weight']]);
      await writeFile(path.join(folder, 'config.json'), '{"model_type":"bert"}');
      await writeSafetensors(path.join(folder, 'model.safetensors'), [
        { name: 'wpe.weight', dtype: 'F16', shape: [2, 3], data: new Float32Array(6) },
      ]);
      assert.deepEqual(await found(), [{ model_type: 'bert' }, ['wpe.weight']]);
      await writeFile(path.join(folder, 'model.safetensors'), 'x');
      assert.equal((await reader.readModel('a', base)).kind, 'damaged');
    });
  });

  it('reads what another hybrid holds, from its folder or its run', async () => {
    await inTemporaryFolder(async (base) => {
      const reader = createNodeModelReader();
      assert.deepEqual(await reader.readResult('run', base), { kind: 'missing' });
      await writeModel(path.join(base, 'run', 'result'));
      assert.deepEqual(await reader.readResult('run', base), { kind: 'missing' });
      await writeFile(path.join(base, 'run', 'run.json'), '{}');
      for (const name of ['run', 'run/result']) {
        const result = await reader.readResult(name, base);
        assert.ok(result.kind === 'found' && result.tokenizer.kind === 'found', name);
        assert.deepEqual(result.tensors, [{ name: 'wte.weight', dtype: 'F16', shape: [2, 3] }]);
      }
      await writeFile(path.join(base, 'run', 'result', 'model.safetensors'), 'x');
      assert.equal((await reader.readResult('run', base)).kind, 'damaged');
      await writeFile(path.join(base, 'file'), 'x');
      assert.deepEqual(await reader.readResult('file', base), { kind: 'missing' });
    });
  });

  it('finds a hub model in the cache, and says which is not there', async () => {
    await inTemporaryFolder(async (cache) => {
      const repository = path.join(cache, 'models--someone--small');
      const snapshot = path.join(repository, 'snapshots', COMMIT);
      const reader = createNodeModelReader({ environment: { HF_HUB_CACHE: cache } });
      const missing = { kind: 'notCached', id: 'someone/small', revision: 'main' };
      assert.deepEqual(await reader.readModel('hf:someone/small', '/'), missing);
      assert.deepEqual(await reader.readTokenizer('hf:someone/small', '/'), missing);
      await writeModel(snapshot);
      await mkdir(path.join(repository, 'refs'));
      await writeFile(path.join(repository, 'refs', 'main'), COMMIT);
      const found = await reader.readModel('hf:someone/small', '/');
      assert.ok(found.kind === 'found' && found.tokenizer.kind === 'found');
      assert.deepEqual(
        [found.path, found.hub],
        [snapshot, { id: 'someone/small', revision: 'main' }],
      );
      // What another program left half-way is not there either.
      await rm(path.join(snapshot, 'model.safetensors'));
      assert.deepEqual(await reader.readModel('hf:someone/small', '/'), missing);
      assert.equal((await reader.readTokenizer('hf:someone/small', '/')).kind, 'found');
      assert.equal((await reader.readModel('hf:../x', '/')).kind, 'invalid');
    });
  });

  it('turns everything that can be wrong with a folder into a finding', async () => {
    await inTemporaryFolder(async (base) => {
      const reader = createNodeModelReader();
      const folder = path.join(base, 'a');
      const kind = async () => {
        const finding = await reader.readModel('a', base);
        return [finding.kind, 'file' in finding ? finding.file : undefined];
      };
      assert.deepEqual(await kind(), ['missing', undefined]);
      await writeFile(folder, 'a file');
      assert.deepEqual(await kind(), ['missing', undefined]);
      await rm(folder);
      await mkdir(folder);
      assert.deepEqual(await kind(), ['missing', 'config.json']);
      await writeFile(path.join(folder, 'config.json'), 'x');
      assert.deepEqual(await kind(), ['damaged', 'config.json']);
      await writeFile(path.join(folder, 'config.json'), '{}');
      assert.deepEqual(await kind(), ['missing', 'model.safetensors']);
      await writeFile(path.join(folder, 'pytorch_model.bin'), 'x');
      assert.deepEqual(await reader.readModel('a', base), {
        kind: 'pickleOnly',
        path: folder,
        files: ['pytorch_model.bin'],
        suggestion: undefined,
      });
      await writeFile(path.join(folder, 'model.safetensors'), 'x');
      assert.deepEqual(await kind(), ['damaged', 'model.safetensors']);
      await writeSafetensors(path.join(folder, 'model.safetensors'), []);
      const found = await reader.readModel('a', base);
      assert.ok(found.kind === 'found');
      assert.deepEqual(found.tokenizer, { kind: 'missing', path: folder });
      await writeFile(path.join(folder, 'tokenizer.json'), '{}');
      const damaged = await reader.readTokenizer('a', base);
      assert.ok(damaged.kind === 'damaged' && damaged.message.includes('it has no model'));
      for (const source of ['', '\0', 'a\0b', '../../../../../..', 'x'.repeat(5000)]) {
        assert.equal(
          (await reader.readModel(source, path.join(base, 'a'))).kind === 'invalid',
          false,
        );
        assert.equal((await reader.readTokenizer(source, base)).kind === 'notCached', false);
        await reader.readFile(source, base);
        await reader.readResult(source, base);
      }
    });
  });

  it('tells files from folders and from nothing', async () => {
    await inTemporaryFolder(async (base) => {
      const reader = createNodeModelReader();
      await writeFile(path.join(base, 'train.txt'), 'words');
      const file = path.join(base, 'train.txt');
      assert.deepEqual(await reader.readFile('train.txt', base), {
        kind: 'file',
        path: file,
        bytes: 5,
      });
      assert.equal((await reader.readFile('.', base)).kind, 'refused');
      assert.equal((await reader.readFile('/dev/null', base)).kind, 'refused');
      assert.equal((await reader.readFile('nothing', base)).kind, 'missing');
    });
  });

  it('stays inside an untrusted workspace, whatever links say', async () => {
    await inTemporaryFolder(async (root) => {
      const workspace = path.join(root, 'workspace');
      await writeModel(path.join(workspace, 'inside'));
      await writeModel(path.join(root, 'outside'));
      await symlink(path.join(root, 'outside'), path.join(workspace, 'link'));
      const reader = createNodeModelReader({ within: workspace });
      assert.equal((await reader.readModel('inside', workspace)).kind, 'found');
      for (const source of ['../outside', 'link', path.join(root, 'outside')]) {
        assert.equal((await reader.readModel(source, workspace)).kind, 'damaged', source);
        assert.equal((await reader.readTokenizer(source, workspace)).kind, 'damaged', source);
        assert.equal((await reader.readFile(`${source}/config.json`, workspace)).kind, 'refused');
        assert.equal((await reader.readResult(source, workspace)).kind, 'damaged');
      }
    });
  });
});
