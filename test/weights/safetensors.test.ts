import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { READABLE_DTYPES } from '../../server/models/dtype';
import { bfloat16ToFloat32, float16ToFloat32 } from '../../server/weights/halfPrecision';
import { openSafetensors } from '../../server/weights/safetensors';
import { writeSafetensors, type TensorToWrite } from '../../server/weights/writeSafetensors';
import { f32, fileOf } from './safetensorsBytes';
import { inTemporaryFolder } from './temporaryFolder';

// Made by test/reference/weightsGoldens.py with Python's numpy, torch and safetensors.
const GOLDEN = path.resolve('test/weights/golden');
const readJson = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(path.join(GOLDEN, name), 'utf8')) as T;

describe('reading a safetensors file', () => {
  it("gives the numbers of Python's, to the bit", async () => {
    const expected =
      await readJson<Record<string, { shape: number[]; bits: number[] }>>('python.json');
    const file = await openSafetensors(GOLDEN, 'python.safetensors');
    for (const [name, { shape, bits }] of Object.entries(expected)) {
      const tensor = await file.read(name);
      assert.deepEqual(tensor.shape, shape);
      assert.deepEqual([...new Uint32Array(tensor.data.buffer)], bits, name);
    }
    assert.deepEqual([...file.header.metadata], [['format', 'pt']]);
    await file.close();
  });

  it('reads what it can and names the dtype and tensor that it can not', async () => {
    const file = await openSafetensors(GOLDEN, 'pythonInts.safetensors');
    assert.deepEqual([...(await file.read('x')).data], [1.5]);
    await assert.rejects(file.read('ids'), { code: 'dtype-unsupported', message: /"ids" is I64/ });
    await assert.rejects(file.read('mask'), { code: 'dtype-unsupported', tensor: 'mask' });
    await assert.rejects(file.read('nothing'), { code: 'tensor-missing', tensor: 'nothing' });
    await file.close();
  });

  it('names file and fault of a damaged one', async () => {
    await inTemporaryFolder(async (folder) => {
      const whole = await readFile(path.join(GOLDEN, 'python.safetensors'));
      const cut = path.join(folder, 'cut.safetensors');
      await writeFile(cut, whole.subarray(0, whole.length - 1));
      await assert.rejects(openSafetensors(folder, 'cut.safetensors'), (error: Error) => {
        assert.ok(error.message.includes(cut) && /ends at byte/.test(error.message), error.message);
        return true;
      });
      await writeFile(path.join(folder, 'empty.safetensors'), '');
      await assert.rejects(openSafetensors(folder, 'empty.safetensors'), {
        code: 'safetensors-damaged',
      });
    });
  });

  it('notices a file that is cut after it was opened', async () => {
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'a.safetensors');
      await writeFile(file, fileOf({ a: f32([4], 0, 16) }, 16));
      const opened = await openSafetensors(folder, 'a.safetensors');
      await writeFile(file, fileOf({ a: f32([4], 0, 16) }, 15));
      await assert.rejects(opened.read('a'), { code: 'safetensors-damaged', tensor: 'a' });
      await opened.close();
    });
  });
});

describe('writing a safetensors file', () => {
  const tensors: TensorToWrite[] = [
    { name: 'b.weight', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -2, 3.5, 1e-30) },
    { name: 'a.half', dtype: 'F16', shape: [3], data: Float32Array.of(1, 65504, 1e-7) },
    { name: 'a.brain', dtype: 'BF16', shape: [1], data: () => Float32Array.of(3) },
    { name: 'empty', dtype: 'F16', shape: [0, 7], data: new Float32Array(0) },
    { name: '7', dtype: 'F32', shape: [], data: () => Promise.resolve(Float32Array.of(7)) },
  ];

  it("makes Python's file again, byte for byte", async () => {
    await inTemporaryFolder(async (folder) => {
      const source = await openSafetensors(GOLDEN, 'python.safetensors');
      const copies: TensorToWrite[] = [];
      for (const { name } of source.header.tensors) {
        copies.unshift({ name, ...(await source.read(name)) });
      }
      await source.close();
      const file = path.join(folder, 'copy.safetensors');
      await writeSafetensors(file, copies, { format: 'pt' });
      assert.deepEqual(
        await readFile(file),
        await readFile(path.join(GOLDEN, 'python.safetensors')),
      );
    });
  });

  it('leaves nothing but the file', async () => {
    await inTemporaryFolder(async (folder) => {
      await writeSafetensors(path.join(folder, 'a.safetensors'), tensors);
      assert.deepEqual(await readdir(folder), ['a.safetensors']);
      const { header, close } = await openSafetensors(folder, 'a.safetensors');
      await close();
      assert.equal(header.dataStart % 8, 0);
      assert.deepEqual(
        header.tensors.map(({ name }) => name),
        ['7', 'b.weight', 'a.brain', 'a.half', 'empty'],
      );
    });
  });

  it('leaves the old file as it was when it fails half-way', async () => {
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'a.safetensors');
      await writeSafetensors(file, tensors);
      const before = await readFile(file);
      const failing: TensorToWrite[] = [
        ...tensors,
        {
          name: 'last',
          dtype: 'F16',
          shape: [1],
          data: () => Promise.reject(new Error('the model is gone')),
        },
      ];
      await assert.rejects(writeSafetensors(file, failing), /the model is gone/);
      assert.deepEqual(await readFile(file), before);
      assert.deepEqual(await readdir(folder), ['a.safetensors']);
      const short = { name: 's', dtype: 'F32', shape: [2], data: Float32Array.of(1) } as const;
      await assert.rejects(writeSafetensors(file, [short]), RangeError);
      await assert.rejects(writeSafetensors(file, [...tensors, tensors[0]!]), RangeError);
      assert.deepEqual(await readFile(file), before);
    });
  });

  it('keeps every bit of every tensor through a round trip', async () => {
    await inTemporaryFolder(async (folder) => {
      const tensor = fc
        .record({
          dtype: fc.constantFrom(...READABLE_DTYPES),
          shape: fc.array(fc.nat(4), { maxLength: 3 }),
          seed: fc.nat(),
        })
        .map(({ dtype, shape, seed }) => {
          const elements = shape.reduce((a, b) => a * b, 1);
          const bits = new Uint32Array(elements).map((_, i) => Math.imul(seed + i, 0x9e3779b1));
          const halves = new Uint16Array(elements).map((_, i) => bits[i]! >>> 16);
          if (dtype === 'F16') float16ToFloat32(halves, bits, 0);
          if (dtype === 'BF16') bfloat16ToFloat32(halves, bits, 0);
          return { dtype, shape, bits, data: new Float32Array(bits.buffer) };
        });
      const names = fc.uniqueArray(fc.stringMatching(/^[\w.é]{1,8}$/), { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(
          names,
          fc.array(tensor, { minLength: 5, maxLength: 5 }),
          async (keys, all) => {
            const written = keys.map((name, i) => ({ name, ...all[i]! }));
            await writeSafetensors(path.join(folder, 'r.safetensors'), written);
            const file = await openSafetensors(folder, 'r.safetensors');
            for (const { name, dtype, shape, bits } of written) {
              const read = await file.read(name);
              assert.deepEqual([read.dtype, read.shape], [dtype, shape]);
              assert.deepEqual(new Uint32Array(read.data.buffer), bits);
            }
            await file.close();
          },
        ),
        { numRuns: 60 },
      );
    });
  });
});
