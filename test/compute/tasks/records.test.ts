/** Records of Parquet files as Apache Arrow wrote them (`test/reference/parquetFiles.py`), and what is refused. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  messagesOf,
  optionalWordsOf,
  readRecords,
  wordsOf,
  type DataRecord,
  type WantedFields,
} from '../../../server/compute/tasks/records';
import { SourceFile } from '../../../server/compute/tasks/sourceFile';
import { readRecordFields } from '../../../server/weights/recordFields';

const golden = path.resolve('test/compute/tasks/golden');
interface Rows {
  readonly pairs: readonly { instruction: string; input: string | null; output: string }[];
  readonly chats: readonly unknown[];
}

async function read(
  file: string,
  wanted: WantedFields,
  bytes: number[] = [],
): Promise<DataRecord[]> {
  const kind = file.endsWith('.parquet') ? 'parquet' : 'jsonl';
  const source = await SourceFile.open(file, 2 ** 30);
  const records: DataRecord[] = [];
  try {
    const all = readRecords(source, kind, wanted, { lineLength: 1000 }, (seen) => bytes.push(seen));
    for await (const record of all) records.push(record);
    return records;
  } finally {
    await source.close();
  }
}

describe('parquet files', () => {
  let rows: Rows;
  let folder: string;
  before(async () => {
    rows = JSON.parse(await readFile(path.join(golden, 'parquetRows.json'), 'utf8')) as Rows;
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-parquet-'));
  });
  after(() => rm(folder, { recursive: true }));

  for (const packing of ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'pages2']) {
    it(`${packing}: gives the rows that were written, a row group at a time`, async () => {
      const file = path.join(golden, `pairs-${packing}.parquet`);
      const bytes: number[] = [];
      const texts = ['instruction', 'output'];
      const records = await read(file, { texts, optional: ['input', 'absent'] }, bytes);
      const found = records.map((record) => ({
        instruction: wordsOf(record, 'instruction'),
        input: optionalWordsOf(record, 'input') ?? null,
        output: wordsOf(record, 'output'),
      }));
      assert.deepEqual(
        found,
        rows.pairs.map(({ instruction, input, output }) => ({ instruction, input, output })),
      );
      assert.deepEqual(
        [bytes.length, bytes.at(-1)],
        [packing === 'pages2' ? 1 : 3, (await readFile(file)).length],
      );
    });
  }

  it('gives lists of messages', async () => {
    const records = await read(path.join(golden, 'chats.parquet'), {
      texts: [],
      messages: 'messages',
    });
    assert.deepEqual(
      records.map((record) => messagesOf(record, 'messages')),
      rows.chats,
    );
  });

  it('refuses by name what is missing, or holds something else', async () => {
    const pairs = path.join(golden, 'pairs-none.parquet');
    const chats = path.join(golden, 'chats.parquet');
    const rejects = (file: string, wanted: WantedFields, message: RegExp) =>
      assert.rejects(read(file, wanted), { code: 'data-parquet', message });
    await rejects(pairs, { texts: ['text'] }, /no column `text`, but `id`, `instruction`/);
    await rejects(pairs, { texts: ['id'] }, /column `id` doesn't hold text/);
    await rejects(chats, { texts: ['nested'] }, /column `nested` doesn't hold text/);
    await rejects(chats, { texts: ['messages'] }, /column `messages` doesn't hold text/);
    await rejects(pairs, { texts: [], messages: 'output' }, /doesn't hold a list of messages/);
    const [, second] = await read(pairs, { texts: [], optional: ['input'] });
    assert.throws(() => wordsOf(second!, 'input'), {
      code: 'data-parquet',
      message: /row 2 has no text/,
    });
  });

  it('calls a file damaged whatever is cut off or changed in it, and never hangs', async () => {
    const bytes = await readFile(path.join(golden, 'pairs-snappy.parquet'));
    const file = path.join(folder, 'damaged.parquet');
    const texts = ['instruction', 'output'];
    const outcome = async (damaged: Uint8Array): Promise<string> => {
      await writeFile(file, damaged);
      try {
        for (const record of await read(file, { texts }))
          for (const name of texts) wordsOf(record, name);
        return 'read';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    for (const length of [0, 5, 11, 12, 100, bytes.length - 1]) {
      assert.equal(await outcome(bytes.subarray(0, length)), 'data-parquet');
    }
    // The footer and the heads of pages, byte by byte in strides.
    for (let at = 4; at < bytes.length; at += 13) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x55;
      assert.ok(['read', 'data-parquet'].includes(await outcome(damaged)), `byte ${at}`);
    }
  });

  it('tell the editor their columns from the footer alone', async () => {
    const fields = async (name: string) => readRecordFields(path.join(golden, name), 'parquet');
    assert.deepEqual(await fields('chats.parquet'), {
      kind: 'found',
      fields: [
        { name: 'messages', holds: 'messages', always: true },
        { name: 'nested', holds: 'other', always: true },
      ],
    });
    assert.equal((await fields('parquetRows.json')).kind, 'damaged');
  });
});

describe('records of a JSON Lines file', () => {
  it('name the line that lacks what is wanted', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'manticore-records-'));
    const file = path.join(folder, 'a.jsonl');
    const put = (...values: unknown[]) =>
      writeFile(file, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    await put({ messages: [{ role: 'user', content: 'a' }] }, { messages: [{ role: 'user' }] });
    const [first, second] = await read(file, { texts: [], messages: 'messages' });
    assert.deepEqual(messagesOf(first!, 'messages'), [{ role: 'user', content: 'a' }]);
    assert.throws(() => messagesOf(second!, 'messages'), {
      code: 'data-jsonl',
      message: /line 2 has a message/,
    });
    assert.throws(() => messagesOf(second!, 'constructor'), { message: /no list of messages/ });
    await put({ a: 'x', b: 1 }, { a: 'y', c: [{ role: 'user', content: 'z' }] });
    assert.deepEqual(await readRecordFields(file, 'jsonl'), {
      kind: 'found',
      fields: [
        { name: 'a', holds: 'text', always: true },
        { name: 'b', holds: 'other', always: false },
        { name: 'c', holds: 'messages', always: false },
      ],
    });
    await writeFile(file, '{"a": 1}\n{"a"');
    assert.deepEqual(await readRecordFields(file, 'jsonl'), {
      kind: 'damaged',
      message: 'line 2 is no JSON object',
    });
    await writeFile(file, `{"a": "${'x'.repeat(300_000)}"}\n`);
    assert.deepEqual(await readRecordFields(file, 'jsonl'), { kind: 'unknown' });
    await rm(folder, { recursive: true });
  });
});
