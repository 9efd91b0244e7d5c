import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cachedFolder } from '../../server/weights/hubId';
import { partialName } from '../../server/weights/hubPartial';
import type { PullProgress } from '../../server/weights/pull';
import { COMMIT, gitHash, sha256 } from './hubServer';
import { failure, FILES, ID, MODEL, noise, scene, SHARDED, TOKEN, WEIGHTS } from './hubScene';

describe('pulling a model', () => {
  it("puts what is needed into the shared cache's layout, and no pickles", async () => {
    await scene(async ({ pull, snapshot, blobs, cache, server }) => {
      const result = await pull();
      assert.deepEqual(result, { path: snapshot, commit: COMMIT, checked: true });
      const names = (await readdir(snapshot)).sort();
      assert.deepEqual(names, ['config.json', 'model.safetensors', 'tokenizer.json']);
      assert.deepEqual(await readFile(path.join(snapshot, 'model.safetensors')), WEIGHTS);
      assert.equal(
        await readlink(path.join(snapshot, 'model.safetensors')),
        path.join('..', '..', 'blobs', sha256(WEIGHTS)),
      );
      assert.deepEqual(
        (await readdir(blobs)).sort(),
        [sha256(WEIGHTS), gitHash(FILES['config.json']), gitHash(FILES['tokenizer.json'])].sort(),
      );
      const reference = path.join(cache, 'models--someone--small-model', 'refs', 'main');
      assert.equal(await readFile(reference, 'utf8'), COMMIT);
      assert.equal(await cachedFolder(MODEL, { cache }), snapshot);
      assert.equal(server.downloads('pytorch_model.bin').length, 0);
    });
  });

  it('downloads nothing twice, and asks nothing for a commit that is here', async () => {
    await scene(async ({ pull, server, snapshot }) => {
      await pull();
      const before = server.seen.length;
      await pull();
      assert.ok(server.seen.slice(before).every(({ path: asked }) => asked.startsWith('/api/')));
      const quiet = server.seen.length;
      assert.equal((await pull({}, { id: ID, revision: COMMIT })).path, snapshot);
      assert.equal(server.seen.length, quiet);
    });
  });

  it('takes branches with slashes, and tokenizers alone', async () => {
    await scene(async ({ pull, cache, snapshot }) => {
      const model = { id: ID, revision: 'v1/x' };
      await pull({ need: 'tokenizer' }, model);
      assert.deepEqual(await readdir(snapshot), ['tokenizer.json']);
      assert.equal(await cachedFolder(model, { cache }), undefined);
      assert.equal(await cachedFolder(model, { cache, need: 'tokenizer' }), snapshot);
    });
  });

  it('downloads the shards that the index names', async () => {
    await scene(async ({ pull, snapshot, cache }) => {
      await pull();
      for (const [name, bytes] of Object.entries(SHARDED)) {
        assert.deepEqual(await readFile(path.join(snapshot, name)), bytes);
      }
      assert.equal(await cachedFolder(MODEL, { cache }), snapshot);
    }, SHARDED);
  });

  it('tells how far it is', async () => {
    await scene(async ({ pull }) => {
      const heard: PullProgress[] = [];
      await pull({ onProgress: (progress) => heard.push(progress) });
      const total = FILES['config.json'].length + FILES['tokenizer.json'].length + WEIGHTS.length;
      const [first] = heard;
      assert.ok(first?.type === 'listed' && first.totalBytes === total);
      const bytes = heard.flatMap((each) => (each.type === 'progress' ? each.doneBytes : []));
      assert.deepEqual(
        [...bytes].sort((a, b) => a - b),
        bytes,
      );
      assert.equal(bytes.at(-1), total);
      assert.deepEqual(
        heard.flatMap((each) => (each.type === 'file' ? each.file : [])),
        ['config.json', 'tokenizer.json', 'model.safetensors'],
      );
    });
  });

  it('sends the token to the hub and to nobody else', async () => {
    await scene(async ({ pull, server, environment }) => {
      server.faults = { token: TOKEN };
      environment['HF_TOKEN'] = TOKEN;
      await pull();
      const [hub, cdn] = (['hub', 'cdn'] as const).map((origin) =>
        server.seen.filter((each) => each.origin === origin).map((each) => each.authorization),
      );
      assert.ok(hub!.length > 0 && hub!.every((value) => value === `Bearer ${TOKEN}`));
      assert.ok(cdn!.length > 0 && cdn!.every((value) => value === undefined));
    });
  });
});

describe('a pull that is cut', () => {
  it('goes on within the same pull where the connection broke', async () => {
    await scene(async ({ pull, server, snapshot }) => {
      server.faults = { cut: { file: 'model.safetensors', after: 70_000, times: 2 } };
      await pull();
      assert.deepEqual(await readFile(path.join(snapshot, 'model.safetensors')), WEIGHTS);
      const [whole, ...ranges] = server.downloads('model.safetensors').map(({ range }) => range);
      assert.deepEqual([whole, ranges.length], [undefined, 2]);
      // A connection that breaks can take with it what the client hadn't read yet, never what it had written.
      const [first, second] = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range!)![1]));
      assert.ok(0 < first! && first! <= 70_000, ranges.join());
      assert.ok(first! < second! && second! <= first! + 70_000, ranges.join());
    });
  });

  it('leaves a state that a later pull goes on from, when it is stopped', async () => {
    await scene(async ({ pull, server, blobs, snapshot, cache }) => {
      server.faults = { hang: { file: 'model.safetensors', after: 100_000 } };
      const stop = new AbortController();
      const stopped = pull({
        signal: stop.signal,
        onProgress: (each) => {
          if (each.type === 'progress' && each.bytes >= 100_000) stop.abort();
        },
      });
      assert.equal((await failure(stopped)).code, 'hub-stopped');
      assert.equal(await cachedFolder(MODEL, { cache }), undefined);
      const parked = (await readdir(blobs)).filter((name) => name.endsWith('.incomplete'));
      assert.deepEqual(parked, [`${sha256(WEIGHTS)}.manticore.incomplete`]);
      server.faults = {};
      await pull();
      assert.equal(server.downloads('model.safetensors').at(-1)?.range, 'bytes=100000-');
      assert.deepEqual(await readFile(path.join(snapshot, 'model.safetensors')), WEIGHTS);
      assert.ok((await readdir(blobs)).every((name) => !name.endsWith('.incomplete')));
    });
  });

  it('takes over from a process that was killed, and leaves alone what is not its own', async () => {
    await scene(async ({ pull, server, blobs }) => {
      const hash = sha256(WEIGHTS);
      await mkdir(blobs, { recursive: true });
      const kept = [`${hash}.incomplete`, `${hash}.manticore.00000000.1.1.incomplete`];
      const running = partialName(hash, process.pid, 0);
      for (const name of [...kept, running]) await writeFile(path.join(blobs, name), 'not ours');
      // A process that has ended, as one that was killed.
      const { pid } = spawnSync(process.execPath, ['--version']);
      await writeFile(path.join(blobs, partialName(hash, pid, 1)), WEIGHTS.subarray(0, 90_000));
      await pull();
      assert.equal(server.downloads('model.safetensors')[0]?.range, 'bytes=90000-');
      const names = await readdir(blobs);
      assert.deepEqual(
        names.filter((name) => name.endsWith('.incomplete')).sort(),
        [...kept, running].sort(),
      );
      assert.deepEqual(await readFile(path.join(blobs, hash)), WEIGHTS);
    });
  });

  it('starts over when the server knows no ranges, or when what was left is wrong or too long', async () => {
    await scene(async ({ pull, server, blobs, snapshot }) => {
      const parked = path.join(blobs, `${sha256(WEIGHTS)}.manticore.incomplete`);
      const weights = path.join(snapshot, 'model.safetensors');
      for (const [left, noRanges] of [
        [WEIGHTS.subarray(0, 1000), true],
        [noise(1000, 77), false],
        [noise(WEIGHTS.length, 78), false],
        [noise(WEIGHTS.length + 1, 79), false],
      ] as const) {
        await mkdir(blobs, { recursive: true });
        await writeFile(parked, left);
        await writeFile(path.join(blobs, sha256(WEIGHTS)), 'of another size');
        server.faults = { noRanges };
        await pull();
        assert.deepEqual(await readFile(weights), WEIGHTS);
      }
    });
  });

  it('is given up when nothing comes any more', async () => {
    await scene(async ({ pull, server }) => {
      server.faults = { cut: { file: 'model.safetensors', after: 0, times: 99 } };
      assert.equal((await failure(pull())).code, 'hub-network');
      assert.equal(server.downloads('model.safetensors').length, 3);
    });
  });

  it('is given up when the server falls silent', async () => {
    await scene(async ({ pull, server }) => {
      server.faults = { hang: { file: 'model.safetensors', after: 1000 } };
      const error = await failure(pull({ patience: 1000 }));
      assert.equal(error.code, 'hub-timeout');
      assert.match(error.message, /sent nothing for 1 seconds?\..*kept/);
      server.faults = { silent: true };
      assert.equal((await failure(pull({ patience: 1000 }))).code, 'hub-timeout');
    });
  });

  it('is safe beside another one', async () => {
    await scene(async ({ pull, server, snapshot, blobs }) => {
      server.faults = { cut: { file: 'model.safetensors', after: 50_000, times: 3 } };
      await Promise.all([pull(), pull(), pull()]);
      assert.deepEqual(await readFile(path.join(snapshot, 'model.safetensors')), WEIGHTS);
      assert.equal((await readdir(blobs)).length, 3);
    });
  });
});
