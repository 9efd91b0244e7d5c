/** THIRD_PARTY_NOTICES.md names what the bundles hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

describe('third-party notices', () => {
  it('are those of the last build', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/notices.mjs', '--check'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
});
