import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { parseSafetensorsHeader } from '../../server/models/safetensorsHeader';
import { f32, fileOf } from '../weights/safetensorsBytes';

// Made by test/reference/weightsGoldens.py with Python's numpy, torch and safetensors.
const GOLDEN = path.resolve('test/weights/golden');
const codeOf = (file: Buffer, size = file.length): string => {
  const reading = parseSafetensorsHeader(file, size);
  return reading.ok ? 'ok' : (reading.problems[0]?.code ?? 'none');
};

describe('a safetensors header', () => {
  it('gives tensors with their places in the file', () => {
    const file = fileOf(
      { b: f32([2], 4, 12), a: f32([], 0, 4), __metadata__: { format: 'pt' } },
      12,
    );
    const reading = parseSafetensorsHeader(file, file.length);
    assert.ok(reading.ok);
    const start = file.length - 12;
    assert.deepEqual(
      reading.header.tensors.map(({ name, begin, end }) => [name, begin - start, end - start]),
      [
        ['a', 0, 4],
        ['b', 4, 12],
      ],
    );
    assert.deepEqual([...reading.header.metadata], [['format', 'pt']]);
  });

  it('may be followed by spaces, and may describe nothing', () => {
    assert.equal(codeOf(fileOf('{}     ', 0)), 'ok');
  });

  const faults: [string, string, Buffer][] = [
    ['a file without a header', 'too-short', Buffer.alloc(5)],
    ['a length above 100 MB', 'header-too-long', Buffer.alloc(64, 0xff)],
    [
      'a length beyond the file',
      'header-beyond-file',
      Buffer.from([100, 0, 0, 0, 0, 0, 0, 0, 0x7b]),
    ],
    ['bytes that are not UTF-8', 'not-utf8', fileOf('{"\0"', 0).fill(0xc3, 9, 11)],
    ['a byte order mark', 'not-json', fileOf('\ufeff{}', 0)],
    ['text that is not JSON', 'not-json', fileOf('{"a":', 0)],
    ['an array', 'not-json', fileOf('[]', 0)],
    ['something after the object', 'not-json', fileOf('{} {}', 0)],
    ['a number with a leading zero', 'not-json', fileOf('{"a":01}', 0)],
    ['a control character in a string', 'not-json', fileOf('{"a\n":1}', 0)],
    ['a key that stands twice', 'duplicate-key', fileOf('{"a":1,"\\u0061":2}', 0)],
    ['a thousand nested arrays', 'too-deep', fileOf(`{"a":${'['.repeat(1000)}`, 0)],
    ['metadata that is a list', 'bad-metadata', fileOf({ __metadata__: [] }, 0)],
    ['metadata with a number', 'bad-metadata', fileOf({ __metadata__: { a: 1 } }, 0)],
    ['an empty name', 'bad-name', fileOf({ '': f32([], 0, 4) }, 4)],
    ['a name with a line feed', 'bad-name', fileOf({ 'a\nb': f32([], 0, 4) }, 4)],
    ['a name with half a character', 'bad-name', fileOf('{"\\ud800":{}}', 4)],
    ['a tensor that is a number', 'bad-tensor', fileOf({ a: 1 }, 0)],
    ['no dtype', 'bad-tensor', fileOf({ a: { shape: [], data_offsets: [0, 4] } }, 4)],
    ['a dtype nobody knows', 'unknown-dtype', fileOf({ a: { ...f32([], 0, 4), dtype: 'F33' } }, 4)],
    [
      'a dtype of Object.prototype',
      'unknown-dtype',
      fileOf({ a: { ...f32([], 0, 4), dtype: 'constructor' } }, 4),
    ],
    ['a negative size', 'bad-shape', fileOf({ a: f32([-1], 0, 4) }, 4)],
    ['a fraction as size', 'bad-shape', fileOf({ a: f32([0.5], 0, 2) }, 2)],
    ['a size above the safe integers', 'bad-shape', fileOf({ a: f32([2 ** 60], 0, 4) }, 4)],
    ['sizes whose product overflows', 'bad-shape', fileOf({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4)],
    ['offsets in the wrong order', 'bad-offsets', fileOf({ a: f32([1], 4, 0) }, 4)],
    [
      'three offsets',
      'bad-offsets',
      fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4),
    ],
    [
      'a length that is not the shape times the dtype',
      'wrong-size',
      fileOf({ a: f32([2], 0, 4) }, 4),
    ],
    ['tensors that overlap', 'overlap', fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8)],
    ['the same bytes twice', 'overlap', fileOf({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4)],
    ['a hole', 'hole', fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12)],
    ['a file that was cut', 'truncated', fileOf({ a: f32([2], 0, 8) }, 7)],
    ['bytes after the last tensor', 'trailing-bytes', fileOf({ a: f32([1], 0, 4) }, 5)],
  ];
  for (const [what, code, file] of faults) {
    it(`is refused with ${what}`, () => assert.equal(codeOf(file), code));
  }

  it('names the tensor of a fault', () => {
    const reading = parseSafetensorsHeader(fileOf({ 'h.0.bias': f32([2], 0, 4) }, 4), 1000);
    assert.ok(!reading.ok);
    assert.equal(reading.problems[0]?.tensor, 'h.0.bias');
    assert.match(reading.problems[0].message, /h\.0\.bias.*4 bytes.*needs 8/);
  });

  it('reports many faults, but not without end', () => {
    const header = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`t${i}`, i]));
    const reading = parseSafetensorsHeader(fileOf(header, 0), 100_000);
    assert.ok(!reading.ok && reading.problems.length === 20);
  });

  it('never throws, and never points outside the file, however it is changed', async () => {
    const original = await readFile(path.join(GOLDEN, 'python.safetensors'));
    const change = fc.record({
      at: fc.nat(original.length - 1),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"{}[],:019eE-\\u'))),
      insert: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(original.length)),
        (changes, cut) => {
          let bytes = Buffer.from(original);
          for (const { at, byte, insert } of changes) {
            if (insert)
              bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)]);
            else bytes[at] = byte;
          }
          if (cut !== null) bytes = bytes.subarray(0, cut);
          const reading = parseSafetensorsHeader(bytes, bytes.length);
          if (!reading.ok) {
            assert.ok(reading.problems.length > 0);
            return;
          }
          let position = reading.header.dataStart;
          for (const { begin, end, elements } of reading.header.tensors) {
            assert.equal(begin, position);
            assert.ok(end <= bytes.length && elements >= 0);
            position = end;
          }
          assert.equal(position, bytes.length);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
