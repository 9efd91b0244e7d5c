/** Reads safetensors files tensor by tensor, by position: memory holds the header and what was asked for. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isReadableDtype, READABLE_DTYPES, type ReadableDtype } from '../models/dtype';
import {
  parseSafetensorsHeader,
  safetensorsHeaderLength,
  type SafetensorsHeader,
  type SafetensorsReading,
  type SafetensorsTensor,
} from '../models/safetensorsHeader';
import { quoteName } from '../models/strictJson';
import { safetensorsDamaged, WeightsError } from './errors';
import { bfloat16ToFloat32, float16ToFloat32 } from './halfPrecision';
import { readFully, readRange } from '../files/regularFile';
import { openModelFile, resolveInFolder } from './modelFiles';

/** A tensor's numbers as float32, row-major. */
export interface TensorData {
  readonly shape: readonly number[];
  /** As stored in the file. */
  readonly dtype: ReadableDtype;
  readonly data: Float32Array;
}

export interface SafetensorsFile {
  readonly path: string;
  readonly header: SafetensorsHeader;
  /** @throws WeightsError when the tensor is missing, of an unreadable dtype, or the file was cut since it was opened */
  readonly read: (name: string) => Promise<TensorData>;
  /** SHA-256 of the whole file as it is open here, hexadecimal. */
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Elements widened at a time: 1 MiB of 16-bit numbers. */
const CHUNK = 1 << 19;
/** Bytes hashed at a time. */
const DIGEST_CHUNK = 4 << 20;

async function readHeader(
  handle: FileHandle,
  size: number,
  shown: string,
): Promise<SafetensorsHeader> {
  const prefix = new Uint8Array(8);
  const first = prefix.subarray(0, await readFully(handle, prefix, 0));
  const length = safetensorsHeaderLength(first, size);
  let reading: SafetensorsReading;
  if (length.ok) {
    const bytes = new Uint8Array(8 + length.length);
    const got = await readFully(handle, bytes, 0);
    reading = parseSafetensorsHeader(bytes.subarray(0, got), size);
  } else {
    reading = length;
  }
  if (reading.ok) return reading.header;
  const [problem] = reading.problems;
  const more = reading.problems.length - 1;
  const others = more > 0 ? ` (and ${more} more like it)` : '';
  throw safetensorsDamaged(
    shown,
    `${problem?.message ?? 'its header is not valid'}${others}`,
    problem?.tensor,
  );
}

async function readTensor(
  handle: FileHandle,
  tensor: SafetensorsTensor,
  shown: string,
): Promise<TensorData> {
  const { name, dtype, shape, elements, begin } = tensor;
  if (!isReadableDtype(dtype)) {
    throw new WeightsError(
      'dtype-unsupported',
      `${shown}: tensor ${quoteName(name)} is ${dtype}; ${READABLE_DTYPES.join(', ')} can be read.`,
      'Save the model again in one of those.',
      shown,
      name,
    );
  }
  const data = new Float32Array(elements);
  const cut = () => safetensorsDamaged(shown, `it ends inside tensor ${quoteName(name)}`, name);
  if (dtype === 'F32') {
    const bytes = new Uint8Array(data.buffer);
    if ((await readFully(handle, bytes, begin)) < bytes.length) throw cut();
    return { shape, dtype, data };
  }
  const bits = new Uint32Array(data.buffer);
  const halves = new Uint16Array(Math.min(CHUNK, elements));
  const widen = dtype === 'F16' ? float16ToFloat32 : bfloat16ToFloat32;
  for (let offset = 0; offset < elements; offset += CHUNK) {
    const part = halves.subarray(0, Math.min(CHUNK, elements - offset));
    const bytes = new Uint8Array(part.buffer, 0, part.byteLength);
    if ((await readFully(handle, bytes, begin + offset * 2)) < bytes.length) throw cut();
    widen(part, bits, offset);
  }
  return { shape, dtype, data };
}

async function digestFile(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for (let position = 0; ;) {
    const bytes = await readRange(handle, position, DIGEST_CHUNK);
    if (bytes.length === 0) return hash.digest('hex');
    hash.update(bytes);
    position += bytes.length;
  }
}

/**
 * Opens `name` in `folder` and checks its whole header.
 * @throws WeightsError when it is missing, lies outside the folder, is no regular file, or is damaged
 */
export async function openSafetensors(folder: string, name: string): Promise<SafetensorsFile> {
  const shown = path.join(folder, name);
  const { handle, size } = await openModelFile(await resolveInFolder(folder, name), shown);
  let header: SafetensorsHeader;
  try {
    header = await readHeader(handle, size, shown);
  } catch (error) {
    await handle.close();
    throw error;
  }
  const byName = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  return {
    path: shown,
    header,
    read: async (tensorName) => {
      const tensor = byName.get(tensorName);
      if (tensor === undefined) {
        throw new WeightsError(
          'tensor-missing',
          `${shown} has no tensor ${quoteName(tensorName)}.`,
          'Check that the weights belong to this config.json.',
          shown,
          tensorName,
        );
      }
      return readTensor(handle, tensor, shown);
    },
    digest: () => digestFile(handle),
    close: () => handle.close(),
  };
}
