import assert from 'node:assert/strict';
import { parseHubId } from '../../server/weights/hubId';
import { COMMIT } from './hubServer';

describe('the name of a hub model', () => {
  it('is owner/name with a revision or without', () => {
    for (const [source, id, revision] of [
      ['hf:EleutherAI/pythia-160m', 'EleutherAI/pythia-160m', 'main'],
      ['hf:gpt2', 'gpt2', 'main'],
      ['hf:a/b@refs/pr/1', 'a/b', 'refs/pr/1'],
      [`hf:a/b.c_d@${COMMIT}`, 'a/b.c_d', COMMIT],
    ] as const) {
      assert.deepEqual(parseHubId(source), { ok: true, model: { id, revision } });
    }
  });

  it('is nothing that could leave the cache', () => {
    for (const source of [
      ...['gpt2', 'hf:', 'hf:a/b/c', 'hf:../x', 'hf:a/..', 'hf:a/.b', 'hf:a--b/c', 'hf:a b'],
      ...['hf:a/b@', 'hf:a/b@../x', 'hf:a/b@x/../y', 'hf:a/b@/x', 'hf:a/b@x@y', 'hf:a\\b/c'],
      ...['hf:a/b@x\n', 'hf:a/b@x//y', `hf:${'a'.repeat(99)}`, 'hf:a/b@x/.lock', 'hf:a/b@x.lock'],
    ]) {
      assert.equal(parseHubId(source).ok, false, source);
    }
  });
});
