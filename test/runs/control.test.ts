import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import type { ControlRequest } from '../../server/contract/control';
import { maximumMessageBytes } from '../../server/runs/controlChannel';
import { ControlClient } from '../../server/runs/controlClient';
import { ControlServer } from '../../server/runs/controlServer';
import { ownIdentity } from '../../server/runs/processIdentity';
import {
  ensureRuntimeFolder,
  findPublication,
  publish,
  unpublish,
} from '../../server/runs/runtimeFolder';
import { kill, startProgram } from './childProgram';
import { eventually, inTemporaryFolder, newRun } from './runFixtures';

/** A server that answers every request with the step 7, and what it was asked. */
async function withServer(
  body: (at: { dir: string; id: string; folder: string; asked: ControlRequest[] }) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const { dir, id } = await newRun(folder);
    const asked: ControlRequest[] = [];
    const server = await ControlServer.start(
      dir,
      id,
      (request) => {
        asked.push(request);
        if (request.action === 'unpin') throw new Error('a bug');
        return Promise.resolve({ ok: true, step: 7 });
      },
      () => 'paused',
    );
    try {
      await body({ dir, id, folder, asked });
    } finally {
      await server.close();
    }
  });
}

const listen = (server: Server, at: string): Promise<void> =>
  new Promise((resolve) => void server.listen(at, resolve));

/** Puts lines on the server's socket as they are; what comes back until it hangs up. */
async function speak(dir: string, lines: readonly string[]): Promise<string> {
  const { socketPath } = (await findPublication(dir))!;
  const socket = connect(socketPath);
  let heard = '';
  socket.on('data', (data: Buffer) => (heard += data.toString()));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  for (const line of lines) socket.write(line);
  await closed;
  return heard;
}

describe('control', () => {
  it('carries requests and replies, for two clients at once', () =>
    withServer(async ({ dir, id, asked }) => {
      const clients = [await ControlClient.connect(dir), await ControlClient.connect(dir)];
      const pin: ControlRequest = { action: 'pin', block: 2, weights: { neox: 0.7, mamba: 0.3 } };
      const replies = await Promise.all(clients.map((client) => client.request(pin)));
      assert.deepEqual(replies, [
        { ok: true, step: 7 },
        { ok: true, step: 7 },
      ]);
      assert.deepEqual(asked, [pin, pin]);
      assert.deepEqual(await clients[0]!.status(), { id, pid: process.pid, state: 'paused' });
      for (const client of clients) client.close();
    }));

  it('answers a request that it does not know, and one whose handling fails', () =>
    withServer(async ({ dir }) => {
      const client = await ControlClient.connect(dir);
      const foreign = await client.request({ action: 'format-disk' } as never);
      assert.equal(!foreign.ok && foreign.code, 'invalid-request');
      const failed = await client.request({ action: 'unpin', block: 1 });
      assert.deepEqual(failed, { ok: false, code: 'internal', message: 'a bug' });
      client.close();
    }));

  it('keeps record and socket from other users, with short names', () =>
    withServer(async ({ dir }) => {
      const { recordPath, socketPath } = (await findPublication(dir))!;
      assert.equal((await stat(path.dirname(recordPath))).mode & 0o777, 0o700);
      assert.equal((await stat(recordPath)).mode & 0o777, 0o600);
      assert.equal((await stat(socketPath)).mode & 0o077, 0);
      assert.ok(Buffer.byteLength(socketPath) < 104);
      const inRun = await readdir(dir);
      assert.ok(!inRun.some((name) => /sock|nonce/.test(name)));
      for (const name of inRun) {
        assert.ok(!(await readFile(path.join(dir, name), 'latin1')).includes(socketPath));
      }
    }));

  it('lets one process work on a run', () =>
    withServer(async ({ dir, id }) => {
      await assert.rejects(publish(dir, id, await ownIdentity()), { code: 'already-running' });
    }));

  it('does nothing for a client that has not proved itself', () =>
    withServer(async ({ dir, asked }) => {
      const message = (id: number, method: string, params: unknown): string =>
        `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
      const stop = message(3, 'control', { action: 'stop', checkpoint: false });
      assert.match(await speak(dir, [stop]), /prove yourself first/);
      const guess = message(2, 'prove', { proof: '0'.repeat(64) });
      const hello = message(1, 'hello', { challenge: '1'.repeat(64) });
      assert.match(await speak(dir, [hello, guess, stop]), /not the right proof/);
      assert.deepEqual(asked, []);
    }));

  it('hangs up on gigantic, binary and nonsensical messages, and goes on serving', () =>
    withServer(async ({ dir }) => {
      assert.equal(await speak(dir, ['x'.repeat(maximumMessageBytes + 1)]), '');
      assert.equal(await speak(dir, ['\u0000\u0001\n']), '');
      assert.equal(await speak(dir, ['[{"method":"control"}]\n']), '');
      const client = await ControlClient.connect(dir);
      assert.equal((await client.status()).state, 'paused');
      client.close();
    }));

  it('finds nobody when nobody runs, whatever run.json says', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await assert.rejects(ControlClient.connect(dir), { code: 'not-running' });
    }));

  it('tells a foreign socket nothing', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const publication = await publish(dir, id, await ownIdentity());
      const heard: string[] = [];
      const foreign = createServer((socket) => {
        socket.on('data', (data: Buffer) => {
          heard.push(data.toString());
          const { id: request } = JSON.parse(data.toString().split('\n')[0]!) as { id: number };
          const result = { challenge: '2'.repeat(64), proof: '3'.repeat(64) };
          socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: request, result })}\n`);
        });
      });
      await listen(foreign, publication.socketPath);
      try {
        await assert.rejects(ControlClient.connect(dir), { code: 'control-refused' });
        assert.equal(heard.length, 1);
        assert.match(heard[0]!, /"method":"hello"/);
        assert.ok(!heard[0]!.includes(publication.record.nonce));
      } finally {
        foreign.close();
        await unpublish(publication);
      }
    }));

  it('waits no longer than it says for one that never answers', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const publication = await publish(dir, id, await ownIdentity());
      const silent = createServer(() => undefined);
      await listen(silent, publication.socketPath);
      try {
        const connecting = ControlClient.connect(dir, { connectMs: 50 });
        await assert.rejects(connecting, { code: 'control-timeout' });
      } finally {
        silent.close();
        await unpublish(publication);
      }
    }));

  it('says so when the process dies while a request waits', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const child = await startProgram('computeProcess', [dir]);
      try {
        await eventually(() => findPublication(dir));
        const client = await eventually(() => ControlClient.connect(dir).catch(() => undefined));
        child.kill('SIGSTOP');
        const waiting = assert.rejects(client.request({ action: 'pause' }), {
          code: 'control-refused',
        });
        await kill(child);
        await waiting;
        client.close();
      } finally {
        await kill(child);
      }
    }));

  it('takes over what a killed process left, its socket too', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const child = await startProgram('computeProcess', [dir]);
      const publication = await eventually(() => findPublication(dir));
      await eventually(() => stat(publication.socketPath).catch(() => undefined));
      await kill(child);
      assert.equal(await findPublication(dir), undefined);
      await assert.rejects(ControlClient.connect(dir), { code: 'not-running' });
      const server = await ControlServer.start(
        dir,
        id,
        () => Promise.resolve({ ok: true, step: 0 }),
        () => 'running',
      );
      const client = await ControlClient.connect(dir);
      assert.equal((await client.status()).pid, process.pid);
      client.close();
      await server.close();
      assert.deepEqual(await readdir(path.dirname(publication.recordPath)), []);
    }));

  it('believes no record of another folder, of another process, or open to others', () =>
    withServer(async ({ dir, folder, id }) => {
      const { recordPath, record } = (await findPublication(dir))!;
      const other = await newRun(folder, 'other');
      assert.equal(await findPublication(other.dir), undefined);
      await writeFile(recordPath, JSON.stringify({ ...record, runDir: other.dir }));
      assert.equal(await findPublication(dir), undefined);
      await writeFile(recordPath, JSON.stringify({ ...record, startTime: 'another life' }));
      assert.equal(await findPublication(dir), undefined);
      await writeFile(recordPath, JSON.stringify({ ...record, id, nonce: 'short' }));
      assert.equal(await findPublication(dir), undefined);
      await writeFile(recordPath, JSON.stringify(record));
      assert.ok(await findPublication(dir));
      await chmod(path.dirname(recordPath), 0o755);
      assert.equal(await findPublication(dir), undefined);
      await chmod(path.dirname(recordPath), 0o700);
    }));

  it('refuses a runtime folder that is a link or open to others', () =>
    inTemporaryFolder(async (folder) => {
      const runtime = path.join(folder, 'runtime');
      await mkdir(runtime);
      await chmod(runtime, 0o777);
      await assert.rejects(ensureRuntimeFolder(), { code: 'unsafe-runtime-folder' });
      const linked = path.join(folder, 'session');
      await mkdir(linked);
      await symlink(runtime, path.join(linked, 'manticore'));
      const environment = { XDG_RUNTIME_DIR: linked };
      await assert.rejects(ensureRuntimeFolder(environment), { code: 'unsafe-runtime-folder' });
    }));

  it('takes the folder that MANTICORE_RUNTIME_DIR names, or says why not', () =>
    inTemporaryFolder(async (folder) => {
      const named = path.join(folder, 'mine');
      assert.equal(await ensureRuntimeFolder({ MANTICORE_RUNTIME_DIR: named }), named);
      const long = path.join(folder, 'x'.repeat(100));
      await assert.rejects(ensureRuntimeFolder({ MANTICORE_RUNTIME_DIR: long }), /too long/);
    }));

  it('goes elsewhere when the path of a socket would be too long', () =>
    inTemporaryFolder(async (folder) => {
      const long = path.join(folder, 'x'.repeat(100));
      await mkdir(long);
      const environment = { XDG_RUNTIME_DIR: long, TMPDIR: folder };
      assert.equal(path.dirname(await ensureRuntimeFolder(environment)), folder);
    }));
});
