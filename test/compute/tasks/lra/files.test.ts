/** The release's files of every task, in tiny folders of exactly its layouts; and what no release has, refused. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import { EvaluationBatches, TrainingBatches } from '../../../../server/compute/tasks/batches';
import { greyOf } from '../../../../server/compute/tasks/lra/cifar';
import { lraSplits } from '../../../../server/compute/tasks/lra/dataset';
import { tokensOf, type LabelledSet } from '../../../../server/compute/tasks/labelled';
import type { LraSource, LraTask } from '../../../../server/contract/config';
import { lraSource, writeFiles } from './scene';

const latin = (text: string) => Buffer.from(text, 'latin1');
const labelsOf = ({ labels }: LabelledSet) => [...labels];
const rowsOf = (set: LabelledSet) =>
  Array.from({ length: set.count * set.sequences }, (_, row) => [...tokensOf(set, row)]);

describe('the release’s files', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'lra-files-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const read = (task: LraTask, knobs: Partial<LraSource> = {}) =>
    lraSplits(
      lraSource(task, {
        folder: path.basename(root),
        examples: undefined,
        testExamples: undefined,
        ...knobs,
      }),
      path.dirname(root),
    );

  describe('of ListOps', () => {
    const heading = 'Source\tTarget\r\n';
    const one = '( ( ( ( [MAX 4 ) 3 ) ( ( ( [MIN 7 ) 2 ) ] ) ) ] )\t4\r\n';
    const two = '( ( ( [SM 9 ) 5 ) ] )\t4\r\n';
    const files = {
      'basic_train.tsv': heading + one + two,
      'basic_val.tsv': heading + two,
      'basic_test.tsv': heading + one.trimEnd(),
    };

    it('lose their parentheses and keep their values', async () => {
      await writeFiles(root, files);
      const { train, validation, test } = await read('listops', { length: 12 });
      assert.deepEqual(labelsOf(train), [4, 4]);
      assert.deepEqual(rowsOf(train), [
        [14, 7, 6, 13, 10, 5, 17, 17],
        [16, 12, 8, 17],
      ]);
      assert.deepEqual([validation.count, test.count], [1, 1]);
      assert.equal((await read('listops', { length: 12, examples: 1 })).train.count, 1);
    });

    it('are refused where they aren’t ListOps', async () => {
      for (const line of ['( [MAX 4 ) ]\t44\n', '[AVG 4 3 ]\t3\n', '[MAX 4 3 ]\n', '( )\t3\n']) {
        await writeFiles(root, { ...files, 'basic_val.tsv': heading + line });
        await assert.rejects(read('listops'), { code: 'data-damaged' }, line);
      }
      await writeFiles(root, files);
      // Eight tokens.
      await assert.rejects(read('listops', { length: 7 }), { code: 'data-damaged' });
      await rm(path.join(root, 'basic_test.tsv'));
      await assert.rejects(read('listops'), { code: 'data-unreadable' });
    });
  });

  describe('of IMDb', () => {
    const reviews = (split: string, count: number) =>
      Object.fromEntries(
        ['pos', 'neg'].flatMap((name) =>
          Array.from({ length: count }, (_, index) => [
            `${split}/${name}/${index}_${name === 'pos' ? 9 : 2}.txt`,
            latin(`${split} ${name} ${index} \u00e9\0 and more`),
          ]),
        ),
      );

    it('are bytes: ASCII as it is, the rest one token; a tenth of the training validates', async () => {
      await writeFiles(root, {
        ...reviews('train', 10),
        ...reviews('test', 3),
        'train/labeledBow.feat': 'nothing',
        'train/pos/readme.txt': 'no review',
      });
      const { train, validation, test } = await read('text', { length: 18 });
      assert.deepEqual([train.count, validation.count, test.count], [18, 2, 6]);
      const all = [...rowsOf(train), ...rowsOf(validation)].map((ids) => {
        assert.ok(ids.length <= 18);
        assert.equal(ids.filter((id) => id === 128).length, 2);
        return String.fromCharCode(...ids.filter((id) => id !== 128));
      });
      assert.equal(new Set(all).size, 20);
      const labels = [...labelsOf(train), ...labelsOf(validation)];
      all.forEach((text, row) => {
        assert.equal(text.startsWith('train pos'), labels[row] === 1);
      });
      assert.deepEqual(await read('text', { length: 18 }), { train, validation, test });
      const other = await read('text', { length: 18, seed: 2 });
      assert.notDeepEqual(rowsOf(other.train), rowsOf(train));
    });

    it('an empty review is one padding; a link is refused', async () => {
      await writeFiles(root, { ...reviews('train', 10), ...reviews('test', 1) });
      await writeFiles(root, { 'test/pos/7_7.txt': '' });
      const { test } = await read('text');
      assert.ok(rowsOf(test).some((ids) => ids.length === 1 && ids[0] === 0));
      await symlink('/etc/passwd', path.join(root, 'test/pos/8_8.txt'));
      await assert.rejects(read('text'), { code: 'data-unreadable' });
    });
  });

  describe('of AAN', () => {
    const pair = (label: string, one: string, other: string) =>
      `${label}\tP05-1\tW99-2\t${one}\t${other}\n`;
    const files = {
      'new_aan_pairs.train.tsv': latin(
        pair('1.0', 'A ~', 'caf\u00e9, and more') + pair('0.0', '', 'b'),
      ),
      'new_aan_pairs.eval.tsv': pair('1', 'x', 'y'),
      'new_aan_pairs.test.tsv': pair('0', 'x', 'y'),
    };

    it('are pairs of byte sequences of 98 tokens', async () => {
      await writeFiles(root, files);
      const { train, validation, test } = await read('retrieval', { length: 5 });
      assert.equal(train.sequences, 2);
      assert.deepEqual(labelsOf(train), [1, 0]);
      const id = (text: string) => [...latin(text)].map((byte) => byte - 32 + 3);
      assert.deepEqual(rowsOf(train), [
        [...id('A '), 97],
        [...id('caf'), 1, ...id(',')],
        [0],
        id('b'),
      ]);
      assert.deepEqual([labelsOf(validation), labelsOf(test)], [[1], [0]]);
    });

    it('make batches of two rows an example, each with its own end', async () => {
      await writeFiles(root, files);
      const { train } = await read('retrieval', { length: 5 });
      const [batch] = [...new EvaluationBatches(train, 5, 8, 'test').all()];
      assert.deepEqual(
        [batch!.sequences, batch!.scored, [...batch!.targets], [...batch!.lasts!]],
        [4, 2, [1, 0], [2, 4, 0, 0]],
      );
      const make = () => new TrainingBatches(train, 5, 1, 'search');
      const [whole, cut] = [make(), make()];
      whole.next(3);
      cut.restore(whole.position);
      assert.deepEqual(cut.next(3), whole.next(3));
    });

    it('are refused with other fields or labels', async () => {
      for (const line of ['1\ta\tb\tc\n', '1\ta\tb\tc\td\te\n', pair('2', 'a', 'b'), '\n']) {
        await writeFiles(root, { ...files, 'new_aan_pairs.eval.tsv': line });
        await assert.rejects(read('retrieval'), { code: 'data-damaged' }, line);
      }
    });
  });

  describe('of CIFAR-10', () => {
    /** Every record one colour. */
    const batch = (...colours: readonly (readonly [label: number, ...rgb: number[]])[]) =>
      Buffer.concat(
        colours.map(([label, ...rgb]) =>
          Buffer.concat([Buffer.from([label]), ...rgb.map((level) => Buffer.alloc(1024, level))]),
        ),
      );
    const white = [3, 255, 255, 255] as const;
    const files = (last: Uint8Array = batch(white)) => ({
      ...Object.fromEntries(
        [1, 2, 3, 4, 5].map((n) => [`data_batch_${n}.bin`, batch([n, 255, 0, 0], [n, 0, 255, 0])]),
      ),
      'test_batch.bin': last,
    });

    it('are grey; the last tenth of the training validates', async () => {
      await writeFiles(root, files());
      const { train, validation, test } = await read('image');
      assert.deepEqual([train.count, validation.count, test.count], [9, 1, 1]);
      assert.deepEqual(labelsOf(train), [1, 1, 2, 2, 3, 3, 4, 4, 5]);
      assert.deepEqual(rowsOf(test)[0], new Array(1024).fill(255));
      assert.ok(rowsOf(train)[0]!.every((level) => level === 76));
      assert.ok(rowsOf(train)[1]!.every((level) => level === 149));
      // 130.9 and 1.8, rounded down.
      assert.deepEqual([...greyOf(Uint8Array.of(10, 1, 200, 2, 90, 3))], [130, 1]);
    });

    it('are refused where bytes or classes are others', async () => {
      await writeFiles(root, files(batch(white).subarray(1)));
      await assert.rejects(read('image'), { code: 'data-damaged' });
      await writeFiles(root, files(batch([10, 0, 0, 0])));
      await assert.rejects(read('image'), { code: 'data-damaged' });
    });
  });

  describe('of Pathfinder', () => {
    const png = (level: number, side = 32, channels: 1 | 3 = 1) =>
      encode({
        width: side,
        height: side,
        channels,
        depth: 8,
        data: new Uint8Array(side * side * channels).map((_, at) => (level + at) % 256),
      });
    const line = (n: number, label: number, folder = 'imgs/0') =>
      `${folder} sample_${n}.png ${n} ${label} 1.8 6 2 5 1.5 1 1\n`;
    const ten = Array.from({ length: 10 }, (_, n) => n);
    const files = {
      'curv_contour_length_14/metadata/0.npy': ten.map((n) => line(n, n % 2)).join(''),
      'curv_contour_length_14/metadata/10.npy': line(11, 0, 'imgs/10'),
      'curv_contour_length_14/metadata/2.npy': line(12, 1, 'imgs/2'),
      ...Object.fromEntries(
        ten.map((n) => [`curv_contour_length_14/imgs/0/sample_${n}.png`, png(n)]),
      ),
      'curv_contour_length_14/imgs/2/sample_12.png': png(12),
      'curv_contour_length_14/imgs/10/sample_11.png': png(11),
    };

    it('are listed by their metadata, eight tenths to train on', async () => {
      await writeFiles(root, files);
      const { train, validation, test } = await read('pathfinder32');
      assert.deepEqual([train.count, validation.count, test.count], [9, 1, 2]);
      assert.deepEqual(labelsOf(train), [0, 1, 0, 1, 0, 1, 0, 1, 0]);
      assert.deepEqual(rowsOf(train)[3], [...new Uint8Array(1024).map((_, at) => 3 + at)]);
      // Folders by their numbers: 2 comes before 10.
      assert.deepEqual([labelsOf(validation), labelsOf(test)], [[1], [1, 0]]);
    });

    it('skip an image without content, as the release does', async () => {
      await writeFiles(root, { ...files, 'curv_contour_length_14/imgs/0/sample_4.png': '' });
      assert.equal((await read('pathfinder32')).train.count, 8);
    });

    it('are refused where an image or a list is another', async () => {
      const image = 'curv_contour_length_14/imgs/0/sample_1.png';
      const list = 'curv_contour_length_14/metadata/0.npy';
      const damaged = png(1).slice(0, 60);
      const others: readonly (readonly [string, string | Uint8Array])[] = [
        [image, png(1, 16)],
        [image, png(1, 32, 3)],
        [image, damaged],
        [image, 'no image, but long enough to have a header'],
        [list, line(0, 0, 'imgs/../../0')],
        [list, line(0, 2)],
        [list, '\u0093NUMPY'],
      ];
      for (const [name, content] of others) {
        await writeFiles(root, { ...files, [name]: content });
        await assert.rejects(read('pathfinder32'), { code: 'data-damaged' }, String(content));
        await writeFiles(root, files);
      }
      await assert.rejects(read('pathfinder32', { contour: 6 }), { code: 'data-unreadable' });
    });
  });
});
