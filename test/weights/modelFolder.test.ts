import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WeightsError } from '../../server/weights/errors';
import { openModelFolder } from '../../server/weights/modelFolder';
import { writeSafetensors } from '../../server/weights/writeSafetensors';
import { inTemporaryFolder } from './temporaryFolder';

const one = (name: string, ...numbers: number[]) =>
  ({ name, dtype: 'F32', shape: [numbers.length], data: Float32Array.from(numbers) }) as const;

const failure = async (folder: string): Promise<WeightsError> => {
  const error = await openModelFolder(folder).then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WeightsError, String(error));
  return error;
};

/** A folder with a config, two shards and their index. */
async function writeSharded(folder: string, map?: Record<string, unknown>): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'config.json'), '{"model_type":"gpt2"}');
  await writeSafetensors(path.join(folder, 'model-1.safetensors'), [one('a', 1, 2)]);
  await writeSafetensors(path.join(folder, 'model-2.safetensors'), [one('b', 3), one('extra', 4)]);
  const index = { weight_map: map ?? { a: 'model-1.safetensors', b: 'model-2.safetensors' } };
  await writeFile(path.join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
}

describe('a model folder', () => {
  it('gives config and tensors of a single file', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeFile(path.join(folder, 'config.json'), '{"model_type":"gpt2"}');
      await writeSafetensors(path.join(folder, 'model.safetensors'), [one('a', 1.5)]);
      const model = await openModelFolder(folder);
      assert.deepEqual(model.config, { model_type: 'gpt2' });
      assert.deepEqual(model.names, ['a']);
      assert.deepEqual([...(await model.read('a')).data], [1.5]);
      await assert.rejects(model.read('b'), { code: 'tensor-missing', tensor: 'b' });
      await model.close();
    });
  });

  it('joins shards where the index says', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeSharded(folder);
      const model = await openModelFolder(folder);
      assert.deepEqual(model.names, ['a', 'b']);
      assert.deepEqual(
        [...(await model.read('a')).data, ...(await model.read('b')).data],
        [1, 2, 3],
      );
      await assert.rejects(model.read('extra'), { code: 'tensor-missing' });
      await model.close();
    });
  });

  it('has another digest when a byte of any file of weights is another', async () => {
    await inTemporaryFolder(async (folder) => {
      const digest = async (): Promise<string> => {
        const model = await openModelFolder(folder);
        try {
          return await model.digest();
        } finally {
          await model.close();
        }
      };
      await writeSharded(folder);
      const whole = await digest();
      assert.match(whole, /^[0-9a-f]{64}$/);
      assert.equal(await digest(), whole);
      await writeSafetensors(path.join(folder, 'model-2.safetensors'), [
        one('b', 3.5),
        one('extra', 4),
      ]);
      const second = await digest();
      assert.notEqual(second, whole);
      await writeSafetensors(path.join(folder, 'model.safetensors'), [one('a', 1, 2)]);
      assert.notEqual(await digest(), second);
    });
  });

  it('names the shard that is missing, and the one that is cut', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeSharded(folder);
      const shard = path.join(folder, 'model-2.safetensors');
      await truncate(shard, (await readFile(shard)).length - 4);
      const cut = await failure(folder);
      assert.deepEqual([cut.code, cut.file, cut.tensor], ['safetensors-damaged', shard, 'extra']);
      await rm(shard);
      const missing = await failure(folder);
      assert.deepEqual([missing.code, missing.file], ['file-missing', shard]);
    });
  });

  it('notices an index that belongs to other shards', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeSharded(folder, { a: 'model-1.safetensors', b: 'model-1.safetensors' });
      const error = await failure(folder);
      assert.deepEqual([error.code, error.tensor], ['tensor-missing', 'b']);
      assert.ok(error.message.includes('model-1.safetensors'));
    });
  });

  it('refuses an index that points anywhere else', async () => {
    await inTemporaryFolder(async (folder) => {
      for (const file of [
        ...['../x.safetensors', '/etc/x.safetensors', 'a/b.safetensors', 'a\\b.safetensors'],
        ...['C:x.safetensors', 'config.json', '', 7, null, 'x\0.safetensors'],
      ]) {
        await writeSharded(folder, { a: file });
        assert.equal((await failure(folder)).code, 'index-damaged', JSON.stringify(file));
      }
      for (const text of ['{}', '[]', '{"weight_map":{}}', '{"weight_map":{"a":1,"a":1}}', '{']) {
        await writeFile(path.join(folder, 'model.safetensors.index.json'), text);
        assert.equal((await failure(folder)).code, 'index-damaged', text);
      }
    });
  });

  it('follows no link out of itself, except a cache snapshot into its own blobs', async () => {
    await inTemporaryFolder(async (root) => {
      const secret = path.join(root, 'secret.safetensors');
      await writeSafetensors(secret, [one('a', 1)]);
      const folder = path.join(root, 'model');
      await mkdir(folder);
      await writeFile(path.join(folder, 'config.json'), '{}');
      await symlink(secret, path.join(folder, 'model.safetensors'));
      assert.equal((await failure(folder)).code, 'file-refused');

      const repository = path.join(root, 'models--someone--small');
      const snapshot = path.join(repository, 'snapshots', 'abc');
      await mkdir(path.join(repository, 'blobs'), { recursive: true });
      await mkdir(snapshot, { recursive: true });
      await writeFile(path.join(repository, 'blobs', '1'), '{}');
      await writeSafetensors(path.join(repository, 'blobs', '2'), [one('a', 9)]);
      await symlink('../../blobs/1', path.join(snapshot, 'config.json'));
      await symlink('../../blobs/2', path.join(snapshot, 'model.safetensors'));
      const model = await openModelFolder(snapshot);
      assert.deepEqual([...(await model.read('a')).data], [9]);
      await model.close();

      await rm(path.join(snapshot, 'model.safetensors'));
      await symlink(secret, path.join(snapshot, 'model.safetensors'));
      assert.equal((await failure(snapshot)).code, 'file-refused');
      await rm(path.join(repository, 'blobs', '2'));
      await symlink(secret, path.join(repository, 'blobs', '2'));
      await rm(path.join(snapshot, 'model.safetensors'));
      await symlink('../../blobs/2', path.join(snapshot, 'model.safetensors'));
      assert.equal((await failure(snapshot)).code, 'file-refused');
    });
  });

  it('reads regular files only', async function () {
    if (process.platform === 'win32') this.skip();
    await inTemporaryFolder(async (folder) => {
      await writeFile(path.join(folder, 'config.json'), '{}');
      const weights = path.join(folder, 'model.safetensors');
      await mkdir(weights);
      assert.equal((await failure(folder)).code, 'file-refused');
      await rm(weights, { recursive: true });
      // Nobody writes to this pipe: opening it the usual way would wait for ever.
      execFileSync('mkfifo', [weights]);
      assert.equal((await failure(folder)).code, 'file-refused');
    });
  });

  it('refuses pickles and names a way out', async () => {
    await inTemporaryFolder(async (root) => {
      for (const [name, file, way] of [
        ['some', 'pytorch_model.bin', /safe_serialization=True/],
        ['some', 'model.ckpt', /safe_serialization=True/],
        ['mamba-1.4b', 'pytorch_model.bin', /Use hf:state-spaces\/mamba-1\.4b-hf/],
        ['models--state-spaces--mamba-130m/snapshots/x', 'x.pt', /hf:state-spaces\/mamba-130m-hf/],
      ] as const) {
        const folder = path.join(root, name);
        await mkdir(folder, { recursive: true });
        await writeFile(path.join(folder, 'config.json'), '{}');
        await writeFile(path.join(folder, file), 'x');
        const error = await failure(folder);
        assert.equal(error.code, 'pickle-only');
        assert.match(error.message, way);
        await rm(folder, { recursive: true });
      }
    });
  });

  it('says what is missing or damaged', async () => {
    await inTemporaryFolder(async (folder) => {
      assert.equal((await failure(path.join(folder, 'nowhere'))).code, 'file-missing');
      const config = path.join(folder, 'config.json');
      assert.equal((await failure(folder)).file, config);
      for (const text of ['[]', '{', 'null', '']) {
        await writeFile(config, text);
        assert.equal((await failure(folder)).code, 'config-damaged');
      }
      await writeFile(config, '{}');
      assert.equal((await failure(folder)).file, path.join(folder, 'model.safetensors'));
    });
  });
});
