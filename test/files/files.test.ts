/** The two promises of server/files: a file is replaced whole or not at all, and only regular files are read. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createFile, replaceFile, writeFully } from '../../server/files/atomicFile';
import {
  NotRegularFile,
  openRegularFile,
  readFully,
  readRange,
} from '../../server/files/regularFile';
import { exists, systemCode } from '../../server/files/systemErrors';
import { inTemporaryFolder } from '../weights/temporaryFolder';

describe('replacing a file', () => {
  it('shows the old bytes until the new ones are whole', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'alphas.json');
      await writeFile(file, 'old');
      await replaceFile(file, async (handle) => {
        await writeFully(handle, Buffer.from('new, and longer'));
        assert.equal(await readFile(file, 'utf8'), 'old');
      });
      assert.equal(await readFile(file, 'utf8'), 'new, and longer');
      assert.deepEqual(await readdir(folder), ['alphas.json']);
    }));

  it('leaves the old file and nothing else where writing fails, and says why', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'alphas.json');
      await writeFile(file, 'old');
      const half = replaceFile(file, async (handle) => {
        await writeFully(handle, Buffer.from('ne'));
        throw new RangeError('no more to write');
      });
      await assert.rejects(half, RangeError);
      assert.equal(await readFile(file, 'utf8'), 'old');
      assert.deepEqual(await readdir(folder), ['alphas.json']);
    }));

  it('leaves a file that is there where one is to be created, and makes one of many', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'choice');
      const made = await Promise.all(
        ['a', 'b', 'c', 'd'].map(async (text) =>
          (await createFile(file, (handle) => writeFully(handle, Buffer.from(text)))) ? [text] : [],
        ),
      );
      assert.deepEqual(made.flat(), [await readFile(file, 'utf8')]);
      assert.deepEqual(await readdir(folder), ['choice']);
    }));

  it('does not make folders: a name mistyped is an error', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'reslut', 'alphas.json');
      await assert.rejects(
        replaceFile(file, () => Promise.resolve()),
        { code: 'ENOENT' },
      );
    }));

  it('gives the mode that is asked for', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'nonce');
      await replaceFile(file, (handle) => writeFully(handle, Buffer.from('1')), 0o600);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    });
  });

  it('writes at a place or where the handle stands', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'weights');
      await replaceFile(file, async (handle) => {
        await writeFully(handle, Buffer.from('aaaa'));
        await writeFully(handle, Buffer.from('bb'), 1);
      });
      assert.equal(await readFile(file, 'utf8'), 'abba');
    }));
});

describe('opening a file', () => {
  it('tells its size; what is read ends where the file ends', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'weights');
      await writeFile(file, 'abcdef');
      const { handle, size, inode } = await openRegularFile(file);
      try {
        assert.equal(size, 6);
        assert.equal(inode, (await stat(file)).ino);
        assert.equal((await readRange(handle, 4, 10)).toString(), 'ef');
        assert.equal((await readRange(handle, 9, 10)).length, 0);
        const target = new Uint8Array(3);
        assert.equal(await readFully(handle, target, 1), 3);
        assert.equal(Buffer.from(target).toString(), 'bcd');
      } finally {
        await handle.close();
      }
    }));

  it('refuses a folder', () =>
    inTemporaryFolder(async (folder) => {
      await mkdir(path.join(folder, 'weights'));
      await assert.rejects(openRegularFile(path.join(folder, 'weights')), NotRegularFile);
    }));

  it('refuses a link, also one to a regular file', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (folder) => {
      await writeFile(path.join(folder, 'weights'), '');
      await symlink('weights', path.join(folder, 'link'));
      await assert.rejects(openRegularFile(path.join(folder, 'link')), NotRegularFile);
    });
  });

  it('refuses a pipe at once instead of waiting for its writer', function () {
    if (process.platform === 'win32') this.skip();
    return inTemporaryFolder(async (folder) => {
      const pipe = path.join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      await chmod(pipe, 0o600);
      await assert.rejects(openRegularFile(pipe), NotRegularFile);
    });
  });

  it('leaves "it is not there" to its caller', () =>
    inTemporaryFolder(async (folder) => {
      await assert.rejects(openRegularFile(path.join(folder, 'weights')), { code: 'ENOENT' });
    }));
});

describe('what the operating system said', () => {
  it('is a code; errors of Node itself and of programs have none', async () => {
    const missing = await stat(path.join('no', 'such', 'file')).catch((error: unknown) => error);
    assert.equal(systemCode(missing), 'ENOENT');
    const refused = await stat('a\0b').catch((error: unknown) => error);
    assert.ok(refused instanceof Error && 'code' in refused);
    assert.equal(refused.code, 'ERR_INVALID_ARG_VALUE');
    assert.equal(systemCode(refused), undefined);
    assert.equal(systemCode(Object.assign(new Error('no'), { code: 4 })), undefined);
    assert.equal(systemCode({ code: 'ENOENT' }), undefined);
  });

  it('a name exists where a link bears it, wherever that leads', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'weights');
      assert.equal(await exists(file), false);
      await symlink('nowhere', file);
      assert.equal(await exists(file), true);
    }));
});
