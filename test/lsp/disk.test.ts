/** The process that reads the disk: one that hangs, dies or can't start costs an answer, never the server. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkConfig } from '../../server/language/checkConfig';
import { DiskClient } from '../../server/lsp/disk/diskClient';
import { directReader, silentReader } from '../../server/lsp/disk/diskReader';
import { HeaderMemory } from '../../server/lsp/disk/headerMemory';
import { quickstart } from './scene';
import { SERVER } from './session';

describe('lsp: the process that reads the disk', () => {
  let folder: string;
  let disk: DiskClient | undefined;
  const logged: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-disk-'));
    logged.length = 0;
  });
  afterEach(async () => {
    disk?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  /** A process of this program instead; `reply(answer)` answers `question`. */
  async function withProgram(program: string, giveUp: number): Promise<DiskClient> {
    const entry = path.join(folder, 'program.cjs');
    await writeFile(
      entry,
      `const { serialize } = require('node:v8');
       process.on('disconnect', () => process.exit(0));
       process.on('message', ({ id, question }) => {
         const reply = (answer) => process.send({ id, digest: 'd', answer: serialize(answer) });
         ${program}
       });`,
    );
    disk = new DiskClient(entry, (message) => logged.push(message), { giveUp, idle: 60_000 });
    return disk;
  }

  const file = (client: DiskClient, name: string) =>
    client.ask('file', { path: name, base: folder }, undefined);

  it('answers, and says the same only once', async () => {
    disk = new DiskClient(SERVER, (message) => logged.push(message));
    await writeFile(path.join(folder, 'text.txt'), 'words');
    const first = await file(disk, 'text.txt');
    assert.ok(first.kind === 'answer');
    assert.deepEqual(first.value, {
      kind: 'file',
      path: path.join(folder, 'text.txt'),
      bytes: 5,
    });
    const of = { path: 'text.txt', base: folder };
    assert.deepEqual(await disk.ask('file', of, undefined, first.digest), { kind: 'same' });
    await writeFile(path.join(folder, 'text.txt'), 'more words');
    assert.equal((await disk.ask('file', of, undefined, first.digest)).kind, 'answer');
    assert.deepEqual(logged, []);
  });

  it('what hangs is given up, and what was asked beside it is answered by a new process', async () => {
    const client = await withProgram(
      `if (question.of.path === 'hung') return;
       if (question.of.path === 'behind') {
         // The first process is taken to hang as a whole; the next one answers.
         const fs = require('node:fs'), mark = ${JSON.stringify(path.join(folder, 'mark'))};
         if (!fs.existsSync(mark)) { fs.writeFileSync(mark, ''); return; }
       }
       reply({ kind: 'missing', path: question.of.path });`,
      3000,
    );
    const hung = file(client, 'hung');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const behind = file(client, 'behind');
    assert.deepEqual(await hung, { kind: 'none' });
    assert.equal((await behind).kind, 'answer');
    assert.equal((await file(client, 'other')).kind, 'answer');
  });

  it('a process that dies over a question is replaced', async () => {
    const client = await withProgram(
      `if (question.of.path === 'deadly') process.exit(9);
       reply({ kind: 'missing', path: question.of.path });`,
      60_000,
    );
    assert.deepEqual(await file(client, 'deadly'), { kind: 'none' });
    assert.equal((await file(client, 'harmless')).kind, 'answer');
  });

  it('one that can’t start is not started for ever', async () => {
    disk = new DiskClient(path.join(folder, 'nothing.cjs'), (message) => logged.push(message));
    const client = disk;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => file(client, `file${index}`)),
    );
    assert.ok(answers.every(({ kind }) => kind === 'none'));
    assert.deepEqual(await file(client, 'later'), { kind: 'none' });
  });

  it('a config whose files don’t answer says so, after the rest was said', async () => {
    const client = await withProgram('return;', 200);
    const reader = directReader(client, undefined);
    const { problems } = await checkConfig(quickstart, { name: 'x', base: folder, reader });
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['damaged-model', 'damaged-model', 'missing-file', 'missing-file'],
    );
    assert.ok(problems.every(({ message }) => /failed or took too long/.test(message)));
  });

  it('nothing is said of files that nothing is known of yet', async () => {
    const place = { name: 'x', base: folder, reader: silentReader };
    const { problems, config, plan } = await checkConfig(quickstart, place);
    assert.deepEqual(problems, []);
    assert.ok(config);
    assert.equal(plan, undefined);
  });

  it('what is known is given at once, and news of a change follows', async () => {
    disk = new DiskClient(SERVER, (message) => logged.push(message));
    const arrived: string[] = [];
    let heard: () => void = () => undefined;
    const memory = new HeaderMemory(
      disk,
      (question) => {
        arrived.push(question);
        heard();
      },
      () => true,
      // No time passes, after which it would look again by itself.
      () => 1,
    );
    const nextNews = () => new Promise<void>((resolve) => (heard = resolve));
    const ask = () =>
      memory.session({ within: undefined, patience: 0 }).reader.readFile('a', folder);

    const first = nextNews();
    assert.equal((await ask()).kind, 'pending');
    await first;
    assert.equal((await ask()).kind, 'missing');

    await writeFile(path.join(folder, 'a'), 'words');
    const second = nextNews();
    assert.equal((await ask()).kind, 'missing');
    memory.refresh();
    await second;
    assert.equal((await ask()).kind, 'file');
    assert.equal(arrived.length, 2);
  });
});
