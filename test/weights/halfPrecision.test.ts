import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../server/weights/halfPrecision';

// Made by test/reference/weightsGoldens.py with Python's numpy, torch and safetensors.
const GOLDEN = path.resolve('test/weights/golden');
const readJson = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(path.join(GOLDEN, name), 'utf8')) as T;

describe('half precision', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const digest = (array: Uint16Array | Uint32Array) =>
    createHash('sha256').update(new Uint8Array(array.buffer)).digest('hex');
  const widen = (convert: typeof float16ToFloat32) => {
    const bits = new Uint32Array(65536);
    convert(all, bits, 0);
    return bits;
  };
  /** NaN payloads are the reference hardware's choice: one pattern for all. */
  const canonical = <T extends Uint16Array | Uint32Array>(
    bits: T,
    exponent: number,
    mantissa: number,
    quiet: number,
  ): T =>
    bits.map((value) =>
      (value & exponent) === exponent && (value & mantissa) !== 0 ? quiet : value,
    ) as T;
  /** The neighbourhoods of all finite values, as the reference script builds them. */
  const neighbourhoods = (widened: Uint32Array): Uint32Array => {
    const inputs: number[] = [];
    for (let i = 0; i + 1 < widened.length; i++) {
      const low = widened[i]!;
      const middle = Math.floor((low + widened[i + 1]!) / 2);
      inputs.push(low - 1, low, low + 1, middle - 1, middle, middle + 1);
    }
    const clipped = inputs.map((value) => Math.min(Math.max(value, 0), 0x7fffffff));
    return Uint32Array.from([...clipped, ...clipped.map((value) => (value | 0x80000000) >>> 0)]);
  };

  for (const [name, convert] of [
    ['F16', float16ToFloat32],
    ['BF16', bfloat16ToFloat32],
  ] as const) {
    it(`widens all 65,536 values as numpy and torch do (${name})`, async () => {
      const golden = await readJson<Record<string, string>>('precision.json');
      const bits = canonical(widen(convert), 0x7f800000, 0x7fffff, 0x7fc00000);
      assert.equal(digest(bits), golden[`widen${name}`]);
    });
  }

  for (const [name, widenAll, narrow, last, exponent, mantissa, quiet] of [
    ['F16', float16ToFloat32, float32ToFloat16, 0x7c01, 0x7c00, 0x3ff, 0x7e00],
    ['BF16', bfloat16ToFloat32, float32ToBfloat16, 0x7f81, 0x7f80, 0x7f, 0x7fc0],
  ] as const) {
    it(`rounds to nearest, ties to even, as torch does around every value (${name})`, async () => {
      const golden = await readJson<Record<string, string>>('precision.json');
      const inputs = neighbourhoods(widen(widenAll).slice(0, last));
      assert.equal(digest(inputs), golden[`narrow${name}Inputs`]);
      const narrowed = new Uint16Array(inputs.length);
      narrow(inputs, narrowed);
      assert.equal(digest(canonical(narrowed, exponent, mantissa, quiet)), golden[`narrow${name}`]);
    });

    it(`gives every pattern back, NaN payloads too (${name})`, () => {
      const narrowed = new Uint16Array(65536);
      narrow(widen(widenAll), narrowed);
      assert.deepEqual(narrowed, all);
    });
  }
});
