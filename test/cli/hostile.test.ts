/** A run folder can come with a cloned repository: nothing in it is believed, connected to, signalled or shown raw. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { computed } from './runFiles';
import { Scene } from './scene';

describe('a hostile run folder', () => {
  let scene: Scene;
  let dir: string;
  let stranger: ChildProcess;
  let copies = 0;

  before(async () => {
    scene = await Scene.make();
    const config = await scene.config({
      'search.steps': 6,
      'search.checkpointEvery': 3,
      finetune: false,
      baselines: false,
    });
    const { code, err } = await scene.run(['search', config, '--json', '--out', 'whole']);
    assert.equal(code, 0, err);
    [dir = ''] = await scene.runs(scene.path('whole'));
    stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await once(stranger, 'spawn');
  });
  after(async () => {
    stranger.kill('SIGKILL');
    await scene.remove();
  });

  /** A copy of the whole run, cut back to its middle: it looks like one that was lost. */
  async function lost(): Promise<string> {
    const copy = scene.path(`copy${++copies}`);
    await cp(dir, copy, { recursive: true });
    const log = path.join(copy, 'events.jsonl');
    const lines = (await readFile(log, 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.includes('"step":4,'));
    await writeFile(log, `${lines.slice(0, at + 1).join('\n')}\n`);
    await rm(path.join(copy, 'events.index'), { force: true });
    await rm(path.join(copy, 'checkpoints', 'step-000007'), { recursive: true, force: true });
    const file = path.join(copy, 'run.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
    const changed = { ...manifest, pid: stranger.pid, state: 'running' };
    await writeFile(file, JSON.stringify(changed));
    return copy;
  }

  it("with a stranger's pid: nobody is signalled, and the run can go on", async () => {
    const copy = await lost();
    for (const args of [
      ['stop', copy],
      ['pause', copy],
      ['stop', copy, '--checkpoint'],
    ]) {
      const { code, err } = await scene.run(args);
      assert.equal(code, 1);
      assert.match(err, /^not-running: /);
    }
    const attached = await scene.run(['attach', copy]);
    assert.equal(attached.code, 3);
    assert.match(attached.err, /^lost: /);
    const resumed = await scene.run(['resume', copy, '--json']);
    assert.equal(resumed.code, 0, resumed.err);
    assert.deepEqual(await computed(copy), await computed(dir));
    assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'it still lives');
  });

  it('with a socket in it: nobody connects', async () => {
    const copy = await lost();
    let connections = 0;
    const servers: Server[] = [];
    for (const name of ['control.sock', 'run.sock', 's']) {
      const server = createServer(() => {
        connections++;
      });
      // Sockets want short paths.
      const short = path.relative(process.cwd(), path.join(copy, name));
      server.listen(short.length < 100 ? short : path.join(copy, name));
      await once(server, 'listening');
      servers.push(server);
    }
    try {
      for (const args of [
        ['stop', copy],
        ['attach', copy],
        ['runs', copy],
        ['report', copy],
      ]) {
        await scene.run(args);
      }
      assert.equal(connections, 0);
    } finally {
      for (const server of servers) server.close();
    }
  });

  it('with any bytes in its log: report and runs still work, and no terminal obeys it', async () => {
    const copy = await lost();
    const log = path.join(copy, 'events.jsonl');
    const next = (await readFile(log, 'utf8')).split('\n').length + 10;
    const line = (event: object): string =>
      `${JSON.stringify({ seq: next, time: '', ...event })}\n`;
    await appendFile(log, `${'x'.repeat(5_000_000)}\n`);
    await appendFile(log, Buffer.from([0xff, 0xfe, 0, 10, 27, 91, 50, 74, 10]));
    await appendFile(log, '{"seq":-1}\n[]\nnull\n{"__proto__":{"type":"step"}}\n');
    await appendFile(
      log,
      line({
        type: 'failed',
        code: 'x',
        message: '\u001b[2J<script>alert(1)</script>',
        hint: '\u202e',
      }),
    );
    await appendFile(log, '{"seq":1e9,"type":"step"');
    for (const args of [
      ['report', copy],
      ['runs', scene.folder],
      ['attach', copy],
    ]) {
      const { code, out, err } = await scene.run(args);
      assert.equal(code, args[0] === 'attach' ? 3 : 0, err);
      for (const obeyed of ['\u001b', '\u202e']) assert.ok(!(out + err).includes(obeyed));
      assert.doesNotMatch(err, /^\s+at /m);
    }
    const html = await readFile(path.join(copy, 'result', 'report.html'), 'utf8');
    assert.doesNotMatch(html, /<script>alert/);
  });

  it('with links and pipes in place of its files: they are not opened', async () => {
    for (const name of ['events.jsonl', 'plan.json', 'config.manticore.yaml']) {
      for (const make of [
        (file: string) => symlink('/etc/passwd', file),
        (file: string) => Promise.resolve(execFileSync('mkfifo', [file])),
      ]) {
        const copy = await lost();
        await rm(path.join(copy, name));
        await make(path.join(copy, name));
        for (const args of [
          ['resume', copy],
          ['runs', scene.folder],
        ]) {
          const { code, out, err } = await scene.run(args);
          if (args[0] === 'resume') assert.ok(code === 1 || code === 3, `${name}: ${code}`);
          assert.doesNotMatch(out + err, /root:x|^\s+at |mistake in Manticore/m, name);
        }
        await rm(copy, { recursive: true });
      }
    }
  });
});
