/**
 * What is pruned in a run leaves memory for the run folder's `parked`, weights and moments, and `restore`
 * brings it back. A file is named by the job and step of the pruning and never written twice with other content, so a
 * resume from an earlier checkpoint finds what it needs, or writes the same again.
 */
import path from 'node:path';
import { openSafetensors } from '../../weights/safetensors';
import { writeSafetensors } from '../../weights/writeSafetensors';
import type { TensorToWrite } from '../../weights/writeSafetensors';
import type { PlanTensor } from '../../contract/plan';
import { checkpointDamaged } from '../failure';
import type { TrainableModel, TrainableParameter } from './model';
import { dropMoments, readMoments, restoreMoments } from './optimiser';
import type { AdamwState, StoredMoments } from './optimiser';
import type { ParkedTensors } from './snapshot';

const VALUE = 'value/';
const FIRST = 'first/';
const SECOND = 'second/';

export interface ParkingPlace {
  /** Folder of the parked files. */
  readonly folder: string;
  /** Name of the job and step: letters, digits and dashes. */
  readonly label: string;
}

/** Takes a component out of a block (both from 0). @returns the table of parked tensors after it */
export async function parkComponent(
  model: TrainableModel,
  adamw: AdamwState,
  component: number,
  block: number,
  place: ParkingPlace,
  table: ParkedTensors,
): Promise<ParkedTensors> {
  const shapes = new Map(model.parameters().map(({ name, variable }) => [name, variable.shape]));
  const values = await model.park(component, block);
  const file = `${place.label}-block${block + 1}-component${component + 1}.safetensors`;
  const next = { ...table };
  const tensors: TensorToWrite[] = [];
  for (const [name, data] of values) {
    const shape = shapes.get(name)!;
    const add = (prefix: string, numbers: Float32Array) =>
      tensors.push({ name: prefix + name, dtype: 'F32', shape, data: numbers });
    add(VALUE, data);
    const moments = adamw.get(name);
    if (moments !== undefined) {
      const stored = await readMoments(moments);
      add(FIRST, stored.first);
      add(SECOND, stored.second);
    }
    next[name] = { file, component, updates: moments?.updates ?? 0 };
    dropMoments(adamw, name);
  }
  await writeSafetensors(path.join(place.folder, file), tensors);
  return next;
}

/** Those of `specs` that are parked, with the values that they had when they were. */
export async function parkedValues(
  specs: readonly Pick<PlanTensor, 'name' | 'shape'>[],
  folder: string,
  table: ParkedTensors,
): Promise<TensorToWrite[]> {
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of specs) {
    const place = Object.hasOwn(table, name) ? table[name] : undefined;
    if (place === undefined) continue;
    const opened = await openSafetensors(folder, place.file);
    try {
      tensors.push({ name, dtype: 'F32', shape, data: (await opened.read(VALUE + name)).data });
    } finally {
      await opened.close();
    }
  }
  return tensors;
}

/** Undoes `parkComponent`. @throws WeightsError when a parked file is missing or damaged */
export async function restoreComponent(
  model: TrainableModel,
  adamw: AdamwState,
  component: number,
  block: number,
  folder: string,
  table: ParkedTensors,
): Promise<ParkedTensors> {
  const values = new Map<string, Float32Array>();
  const moments = new Map<string, StoredMoments>();
  for (const [name, { file, component: owner, updates }] of Object.entries(table)) {
    if (owner !== component) continue;
    const opened = await openSafetensors(folder, file);
    try {
      values.set(name, (await opened.read(VALUE + name)).data);
      if (updates > 0) {
        const first = (await opened.read(FIRST + name)).data;
        const second = (await opened.read(SECOND + name)).data;
        moments.set(name, { first, second, updates });
      }
    } finally {
      await opened.close();
    }
  }
  const back = new Set(model.restore(component, block, values));
  const held = new Map<string, TrainableParameter>(model.parameters().map((p) => [p.name, p]));
  for (const name of back) {
    const parameter = held.get(name);
    if (parameter === undefined) throw checkpointDamaged(`${name} did not come back`);
    const stored = moments.get(name);
    if (stored !== undefined) restoreMoments(adamw, parameter, stored);
  }
  return Object.fromEntries(Object.entries(table).filter(([name]) => !back.has(name)));
}
