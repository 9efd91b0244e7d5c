/**
 * A checkpoint folder: `state.json` (a `RunSnapshot`) and, where a job is under way or its model is carried on,
 * `training.safetensors` with every parameter and its moments in float32.
 */
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { openSafetensors } from '../../weights/safetensors';
import type { SafetensorsFile } from '../../weights/safetensors';
import { writeSafetensors } from '../../weights/writeSafetensors';
import type { TensorToWrite } from '../../weights/writeSafetensors';
import { checkpointDamaged } from '../failure';
import type { TrainableModel, TrainableParameter } from './model';
import { assignValues, restoreMoments } from './optimiser';
import type { AdamwState } from './optimiser';
import { snapshotSchema } from './snapshot';
import type { RunSnapshot } from './snapshot';

const STATE_FILE = 'state.json';
const TENSOR_FILE = 'training.safetensors';
const STATE_BYTES = 64 * 2 ** 20;

const VALUE = 'value/';
const FIRST = 'first/';
const SECOND = 'second/';

export interface TrainedTensors {
  readonly model: Pick<TrainableModel, 'parameters'>;
  readonly adamw: AdamwState;
}

/** Fills a checkpoint folder; the caller makes it appear whole or not at all. */
export async function writeCheckpoint(
  folder: string,
  snapshot: RunSnapshot,
  tensors: TrainedTensors | undefined,
): Promise<void> {
  if (tensors !== undefined) {
    await writeSafetensors(path.join(folder, TENSOR_FILE), tensorsOf(tensors));
  }
  const handle = await open(path.join(folder, STATE_FILE), 'w');
  try {
    await handle.writeFile(JSON.stringify(snapshot));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function tensorsOf({ model, adamw }: TrainedTensors): TensorToWrite[] {
  return model.parameters().flatMap(({ name, variable }) => {
    const entry = (prefix: string, from: typeof variable): TensorToWrite => ({
      name: prefix + name,
      dtype: 'F32',
      shape: variable.shape,
      data: () => from.data<'float32'>(),
    });
    const moments = adamw.get(name);
    const value = entry(VALUE, variable);
    if (moments === undefined) return [value];
    return [value, entry(FIRST, moments.first), entry(SECOND, moments.second)];
  });
}

/** @throws RunFailure `checkpoint-damaged` */
export async function readSnapshot(folder: string): Promise<RunSnapshot> {
  const file = path.join(folder, STATE_FILE);
  try {
    const status = await stat(file);
    if (!status.isFile() || status.size > STATE_BYTES)
      throw checkpointDamaged(`${file} is no file of its kind`);
    const parsed = snapshotSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (!parsed.success) {
      throw checkpointDamaged(`${file}: ${parsed.error.issues[0]?.message ?? 'unknown form'}`);
    }
    return parsed.data;
  } catch (error) {
    if (error instanceof SyntaxError) throw checkpointDamaged(`${file} is not JSON`);
    if (error instanceof Error && 'syscall' in error) throw checkpointDamaged(error.message);
    throw error;
  }
}

/**
 * Puts the values and moments of a checkpoint into a model and an empty optimiser.
 * @param updates by parameter name; a parameter without an entry has no moments
 * @throws RunFailure `checkpoint-damaged` when a tensor is missing or has another shape
 */
export async function readTensors(
  folder: string,
  { model, adamw }: TrainedTensors,
  updates: Readonly<Record<string, number>>,
): Promise<void> {
  const file = await openSafetensors(folder, TENSOR_FILE);
  try {
    for (const parameter of model.parameters()) {
      assignValues(parameter, await readLike(file, VALUE, parameter));
      const count = Object.hasOwn(updates, parameter.name) ? updates[parameter.name] : undefined;
      if (count === undefined) continue;
      restoreMoments(adamw, parameter, {
        first: await readLike(file, FIRST, parameter),
        second: await readLike(file, SECOND, parameter),
        updates: count,
      });
    }
  } finally {
    await file.close();
  }
}

async function readLike(
  file: SafetensorsFile,
  prefix: string,
  { name, variable }: TrainableParameter,
): Promise<Float32Array> {
  const { shape, data } = await file.read(prefix + name);
  if (shape.join() !== variable.shape.join()) {
    throw checkpointDamaged(`${file.path} holds ${prefix}${name} with another shape`);
  }
  return data;
}
