/** Writes safetensors as the reference implementation lays them out, one tensor in memory at a time. */
import { DTYPE_BITS, type ReadableDtype } from '../models/dtype';
import { writeFully } from '../files/atomicFile';
import { writeAtomically } from './modelFiles';
import type { FileHandle } from 'node:fs/promises';
import { float32ToBfloat16, float32ToFloat16 } from './halfPrecision';

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: ReadableDtype;
  readonly shape: readonly number[];
  /** Row-major; a function is called when its turn comes, so a large model is never held twice. */
  readonly data: Float32Array | (() => Float32Array | Promise<Float32Array>);
}

/** Elements narrowed at a time. */
const CHUNK = 1 << 19;

const countElements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Widest element type first, then by name: every tensor is aligned, and equal models give equal files. */
function layoutOrder(a: TensorToWrite, b: TensorToWrite): number {
  const width = DTYPE_BITS[b.dtype]! - DTYPE_BITS[a.dtype]!;
  if (width !== 0) return width;
  // The reference implementation orders equal widths by its enumeration, where F16 comes after BF16.
  if (a.dtype !== b.dtype) return a.dtype === 'F16' ? 1 : -1;
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function encodeHeader(
  ordered: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> | undefined,
): Buffer {
  const entries: [string, unknown][] = [];
  if (metadata !== undefined) entries.push(['__metadata__', metadata]);
  let position = 0;
  for (const { name, dtype, shape } of ordered) {
    const end = position + (countElements(shape) * DTYPE_BITS[dtype]!) / 8;
    entries.push([name, { dtype, shape, data_offsets: [position, end] }]);
    position = end;
  }
  // Not JSON.stringify of one object: its integer-like keys would change their places.
  const fields = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const text = Buffer.from(`{${fields.join(',')}}`);
  const padded = Math.ceil(text.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded), 0);
  text.copy(header, 8);
  return header;
}

async function writeTensor(handle: FileHandle, tensor: TensorToWrite): Promise<void> {
  const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
  const elements = countElements(tensor.shape);
  if (data.length !== elements) {
    throw new RangeError(
      `tensor ${tensor.name} has ${data.length} numbers, its shape [${tensor.shape.join(', ')}] ${elements}`,
    );
  }
  if (tensor.dtype === 'F32') {
    await writeFully(handle, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return;
  }
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(Math.min(CHUNK, elements));
  const narrow = tensor.dtype === 'F16' ? float32ToFloat16 : float32ToBfloat16;
  for (let offset = 0; offset < elements; offset += CHUNK) {
    const part = halves.subarray(0, Math.min(CHUNK, elements - offset));
    narrow(bits.subarray(offset, offset + part.length), part);
    await writeFully(handle, new Uint8Array(part.buffer, 0, part.byteLength));
  }
}

/**
 * Writes `file`, whole or not at all. F16 and BF16 are rounded to nearest, ties to even; what was read from a file of
 * the same dtype comes out bit for bit.
 * @throws WeightsError when the disk refuses; RangeError when a tensor's data does not fit its shape, or a name repeats
 */
export async function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const names = new Set(tensors.map((tensor) => tensor.name));
  if (names.size !== tensors.length) throw new RangeError('two tensors have the same name');
  if (names.has('__metadata__')) throw new RangeError('no tensor may be named __metadata__');
  const ordered = [...tensors].sort(layoutOrder);
  await writeAtomically(file, async (handle) => {
    await writeFully(handle, encodeHeader(ordered, metadata));
    for (const tensor of ordered) await writeTensor(handle, tensor);
  });
}
