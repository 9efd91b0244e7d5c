import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { cachedFolder, type HubModel } from '../../server/weights/hubId';
import { COMMIT, gitHash, type HubServer } from './hubServer';
import { failure, FILES, index, MODEL, scene, SHARDED, TOKEN, WEIGHTS } from './hubScene';

describe('a pull that the hub refuses', () => {
  const refused: [string, string, Partial<HubModel>, HubServer['faults'], RegExp][] = [
    ['a repository that is not there', 'hub-repository', { id: 'no/such' }, {}, /HF_TOKEN/],
    ['a private repository', 'hub-repository', {}, { token: TOKEN }, /needs a token/],
    ['a gated repository', 'hub-gated', {}, { gated: true }, /Accept them at http/],
    ['a revision that is not there', 'hub-revision', { revision: 'v9' }, {}, /no revision v9/],
  ];
  for (const [what, code, model, faults, message] of refused) {
    it(`says what to do about ${what}`, async () => {
      await scene(async ({ pull, server }) => {
        server.faults = faults;
        const error = await failure(pull({}, { ...MODEL, ...model }));
        assert.equal(error.code, code);
        assert.match(error.message, message);
      });
    });
  }

  it('says so when a file that is needed is missing', async () => {
    const files = Object.fromEntries(
      Object.entries(SHARDED).filter(([name]) => !/00002-of/.test(name)),
    );
    await scene(async ({ pull }) => {
      const error = await failure(pull());
      assert.deepEqual([error.code, error.file], ['hub-file', 'model-00002-of-00002.safetensors']);
    }, files);
    await scene(async ({ pull }) => assert.equal((await failure(pull())).file, 'config.json'), {
      'model.safetensors': WEIGHTS,
    });
  });

  it('downloads no pickles, and names the repository that has safetensors', async () => {
    const files = { 'config.json': FILES['config.json'], 'pytorch_model.bin': WEIGHTS };
    await scene(
      async ({ pull, server }) => {
        const error = await failure(pull());
        assert.equal(error.code, 'pickle-only');
        assert.match(error.message, /hf:state-spaces\/mamba-130m-hf/);
        assert.ok(server.seen.every(({ path: asked }) => asked.startsWith('/api/')));
      },
      files,
      'state-spaces/mamba-130m',
    );
  });

  it('refuses a wrong size without keeping it', async () => {
    for (const by of [-10, 10]) {
      await scene(async ({ pull, server, cache }) => {
        server.faults = { resize: { file: 'model.safetensors', by } };
        assert.equal((await failure(pull())).code, 'hub-size');
        assert.equal(await cachedFolder(MODEL, { cache }), undefined);
      });
    }
  });

  it('refuses wrong bytes without keeping them, large files and small', async () => {
    for (const file of ['model.safetensors', 'config.json']) {
      await scene(async ({ pull, server, blobs }) => {
        server.faults = { flip: { file, times: 1 } };
        const error = await failure(pull());
        assert.deepEqual([error.code, error.file], ['hub-hash', file]);
        assert.ok((await readdir(blobs)).every((name) => !name.endsWith('.incomplete')));
        await pull();
      });
    }
  });

  it('refuses names and hashes that could leave the folder', async () => {
    const oid = gitHash(Buffer.alloc(0));
    for (const entry of [
      { type: 'file', path: '../x', size: 0, oid },
      { type: 'file', path: '/etc/passwd', size: 0, oid },
      { type: 'file', path: 'a\\..\\b', size: 0, oid },
      { type: 'file', path: 'C:x', size: 0, oid },
      { type: 'directory', path: '..', size: 0, oid },
      { type: 'file', path: 'generation_config.json', size: 0, oid: '../../x' },
      { type: 'file', path: 'generation_config.json', size: -1, oid },
      { type: 'file', path: 'generation_config.json', size: 1, oid: 7 },
    ]) {
      await scene(async ({ pull, server, cache }) => {
        server.faults = { listed: [entry] };
        const error = await failure(pull());
        assert.ok(['hub-name', 'hub-answer'].includes(error.code), error.code);
        assert.deepEqual(await readdir(cache), []);
      });
    }
    await scene(async ({ pull }) => assert.equal((await failure(pull())).code, 'index-damaged'), {
      ...SHARDED,
      'model.safetensors.index.json': index({ a: '../../x.safetensors' }),
    });
  });

  it('takes no answer of another shape for a list', async () => {
    await scene(async ({ pull, server }) => {
      for (const body of ['<html>', '', 'null', '7', '{"sha":"x"}', `{"sha":"${COMMIT}"}`]) {
        server.faults = { body };
        assert.equal((await failure(pull())).code, 'hub-answer', body);
      }
      server.faults = { listed: [null] };
      assert.equal((await failure(pull())).code, 'hub-answer');
    });
  });

  it('never shows the token', async () => {
    await scene(async ({ pull, server, environment }) => {
      environment['HF_TOKEN'] = TOKEN;
      for (const faults of [
        { token: 'hf_other' },
        { gated: true },
        { hang: { file: 'config.json', after: 1 } },
        { cut: { file: 'config.json', after: 0, times: 99 } },
        { flip: { file: 'tokenizer.json', times: 9 } },
      ]) {
        server.faults = faults;
        const error = await failure(pull({ patience: 200 }));
        assert.ok(!`${error.message} ${error.stack ?? ''}`.includes('verySecret'));
      }
      for (const [name, value] of [
        ['HF_TOKEN', `${TOKEN}\nX: y`],
        ['HF_ENDPOINT', `http://user:${TOKEN}@127.0.0.1`],
        ['HF_ENDPOINT', `${TOKEN}://x`],
      ] as const) {
        const error = await failure(pull({ environment: { ...environment, [name]: value } }));
        assert.equal(error.code, 'hub-settings');
        assert.ok(!`${error.message} ${error.stack ?? ''}`.includes('verySecret'));
      }
    });
  });
});

describe('without a network', () => {
  it('uses what is cached', async () => {
    await scene(async ({ pull, server, environment, snapshot }) => {
      await pull();
      const before = server.seen.length;
      const offline = { ...environment, HF_HUB_OFFLINE: '1' };
      assert.deepEqual(await pull({ environment: offline }), {
        path: snapshot,
        commit: COMMIT,
        checked: false,
      });
      assert.equal(server.seen.length, before);
      await server.stop();
      assert.equal((await pull()).checked, false);
    });
  });

  it('says which command downloads what is not cached', async () => {
    await scene(async ({ pull, server, environment }) => {
      const offline = { ...environment, HF_HUB_OFFLINE: 'true' };
      const error = await failure(pull({ environment: offline }));
      assert.equal(error.code, 'hub-not-cached');
      assert.match(error.message, /manticore pull hf:someone\/small-model$/);
      await server.stop();
      assert.equal((await failure(pull())).code, 'hub-network');
    });
  });
});
