/** Accumulation, norms and AdamW in place, several tensors in one dispatch. */
import * as tf from '@tensorflow/tfjs-core';
import type { AdamwEntry, AdamwOptions, UpdateKernels } from '../update';
import type { WebgpuBackend } from './backend';
import { program, runProgram, type AnyProgram, type Entry, type Program } from './program';
import { WORKGROUP_SUM } from './wgsl';

const LANES = 256;

/** Entries that one workgroup takes. */
const CHUNK = 4096;

const chunksOf = (size: number): number => Math.ceil(size / CHUNK);

export function updateKernels(backend: WebgpuBackend): UpdateKernels {
  return {
    accumulate: (a, b) => {
      // Someone else may hold the same values (a reshape, a clone): then in place would change theirs too.
      const isOwn = backend.refCount(a.dataId) === 1;
      if (!isOwn || a.dtype !== 'float32' || b.dtype !== 'float32' || a.size === 0) {
        return tf.add(a, b);
      }
      runProgram(backend, addTo, {
        inputs: { b },
        outputs: { a },
        uniforms: { size: a.size },
        groups: chunksOf(a.size),
      });
      return a;
    },
    squaredNorm: (tensors) => squaredNorm(backend, tensors),
    adamw: (entries, options) => {
      adamw(backend, entries, options);
    },
  };
}

const addTo = program({
  name: 'accumulate',
  inputs: { b: 'f32' },
  outputs: { a: 'f32' },
  uniforms: { size: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let end = min((group + 1u) * ${CHUNK}u, uniforms.size);
  for (var i = group * ${CHUNK}u + lane; i < end; i += LANES) { a[i] += b[i]; }
}`,
});

/** Slots of a program that takes `count` tensors: `prefix0`, `prefix1`, …, in the order of the list. */
const slots = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const record = <V>(names: readonly string[], value: (i: number) => V): Record<string, V> =>
  Object.fromEntries(names.map((name, i) => [name, value(i)]));

/** sums[first + chunk] = Σ x² over a chunk of one of `count` tensors. A workgroup a chunk, in a fixed order. */
function squaresProgram(count: number): Program<string, 'sums', string> {
  const names = slots(count, 'x');
  const cases = names.map(
    (name, i) => `case ${i}u: {
      for (var i = first + lane; i < end; i += LANES) { sum += ${name}[i] * ${name}[i]; }
    }`,
  );
  return {
    name: `squaredNorm${count}`,
    inputs: record<Entry>(names, () => 'f32'),
    outputs: { sums: 'f32' },
    uniforms: { first: 'u32', ...slotUniforms(count) },
    lanes: LANES,
    code: `${WORKGROUP_SUM}
${slotSearch(count)}
fn main(group: u32, lane: u32) {
  let slot = slotOf(group);
  let first = (group - slot.start) * ${CHUNK}u;
  let end = min(first + ${CHUNK}u, slot.size);
  var sum = 0.0;
  switch slot.index {
    ${cases.join('\n    ')}
    default: {}
  }
  let total = workgroupSum(sum, lane);
  if (lane == 0u) { sums[uniforms.first + group] = total; }
}`,
  };
}

/** Which tensor a workgroup works on: `slotOf(group)`, from where each starts among the workgroups. */
const slotSearch = (count: number): string => `
struct Slot { index: u32, start: u32, size: u32 }

fn slotOf(group: u32) -> Slot {
  ${Array.from({ length: count - 1 }, (_, before) => {
    const i = count - 1 - before;
    return `if (group >= uniforms.start${i}) { return Slot(${i}u, uniforms.start${i}, uniforms.size${i}); }`;
  }).join('\n  ')}
  return Slot(0u, uniforms.start0, uniforms.size0);
}`;

const slotUniforms = (count: number): Record<string, 'u32'> => ({
  ...record(slots(count, 'start'), () => 'u32' as const),
  ...record(slots(count, 'size'), () => 'u32' as const),
});

/** The values of `slotUniforms`, and how many workgroups there are. */
function placeSlots(sizes: readonly number[]): {
  uniforms: Record<string, number>;
  groups: number;
} {
  let groups = 0;
  const uniforms: Record<string, number> = {};
  sizes.forEach((size, i) => {
    uniforms[`start${i}`] = groups;
    uniforms[`size${i}`] = size;
    groups += chunksOf(size);
  });
  return { uniforms, groups };
}

const programs = new Map<string, AnyProgram>();

function cached(kind: string, count: number, make: (count: number) => AnyProgram): AnyProgram {
  const key = `${kind}${count}`;
  const known = programs.get(key) ?? make(count);
  programs.set(key, known);
  return known;
}

/** As many at a time as a program may have buffers for. */
function* batches<T>(items: readonly T[], most: number): Generator<readonly T[]> {
  for (let first = 0; first < items.length; first += most) yield items.slice(first, first + most);
}

/** Σ over tensors of Σ x²: chunks in float32, their sums in float64, one read for all. */
async function squaredNorm(backend: WebgpuBackend, tensors: readonly tf.Tensor[]): Promise<number> {
  const filled = tensors.filter(({ size }) => size > 0);
  if (filled.length === 0) return 0;
  const count = filled.reduce((sum, { size }) => sum + chunksOf(size), 0);
  const sums = backend.makeTensorInfo([count], 'float32');
  try {
    let first = 0;
    for (const batch of batches(filled, mostBuffers(backend) - 1)) {
      const { uniforms, groups } = placeSlots(batch.map(({ size }) => size));
      runProgram(backend, cached('squares', batch.length, squaresProgram), {
        inputs: record(slots(batch.length, 'x'), (i) => batch[i]!),
        outputs: { sums },
        uniforms: { first, ...uniforms },
        groups,
      });
      first += groups;
    }
    const values = (await backend.read(sums.dataId)) as Float32Array;
    return values.reduce((total, value) => total + value, 0);
  } finally {
    backend.disposeData(sums.dataId);
  }
}

const mostBuffers = ({ device }: WebgpuBackend): number =>
  // More would be compiled for nothing: few models have so many small tensors that it tells.
  Math.min(device.limits.maxStorageBuffersPerShaderStage, 32);

/**
 * value ← value·keep − stepSize·m / (√v·secondScale + ε) with m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g², for `count`
 * parameters (`update.ts` has the source).
 */
function adamwProgram(count: number): AnyProgram {
  const update = (i: number) => `case ${i}u: {
      for (var i = first + lane; i < end; i += LANES) {
        let g = grad${i}[i] * uniforms.gradScale;
        let m = uniforms.beta1 * m${i}[i] + uniforms.rest1 * g;
        let v = uniforms.beta2 * v${i}[i] + uniforms.rest2 * g * g;
        m${i}[i] = m;
        v${i}[i] = v;
        value${i}[i] = value${i}[i] * uniforms.keep${i} -
          uniforms.stepSize${i} * m / (sqrt(v) * uniforms.secondScale${i} + uniforms.epsilon);
      }
    }`;
  const variables = ['value', 'm', 'v'].flatMap((prefix) => slots(count, prefix));
  const factors = ['keep', 'stepSize', 'secondScale'].flatMap((prefix) => slots(count, prefix));
  return {
    name: `adamw${count}`,
    inputs: record<Entry>(slots(count, 'grad'), () => 'f32'),
    outputs: record<Entry>(variables, () => 'f32'),
    uniforms: {
      ...{
        gradScale: 'f32',
        beta1: 'f32',
        beta2: 'f32',
        rest1: 'f32',
        rest2: 'f32',
        epsilon: 'f32',
      },
      ...record(factors, () => 'f32' as const),
      ...slotUniforms(count),
    },
    lanes: LANES,
    code: `${slotSearch(count)}
fn main(group: u32, lane: u32) {
  let slot = slotOf(group);
  let first = (group - slot.start) * ${CHUNK}u;
  let end = min(first + ${CHUNK}u, slot.size);
  switch slot.index {
    ${Array.from({ length: count }, (_, i) => update(i)).join('\n    ')}
    default: {}
  }
}`,
  };
}

function adamw(
  backend: WebgpuBackend,
  entries: readonly AdamwEntry[],
  { learningRate, beta1, beta2, epsilon, gradScale }: AdamwOptions,
): void {
  const filled = entries.filter(({ value }) => value.size > 0);
  for (const batch of batches(filled, Math.floor(mostBuffers(backend) / 4))) {
    for (const { value, grad, m, v } of batch) {
      if (grad.size !== value.size)
        throw new Error(`adamwStep: gradient of ${value.name} has ${grad.size} entries`);
      for (const variable of [value, m, v]) makeOwn(backend, variable);
    }
    const names = (prefix: string) => slots(batch.length, prefix);
    const factor = (prefix: string, of: (entry: AdamwEntry) => number) =>
      record(names(prefix), (i) => of(batch[i]!));
    const { uniforms, groups } = placeSlots(batch.map(({ value }) => value.size));
    runProgram(backend, cached('adamw', batch.length, adamwProgram), {
      inputs: record(names('grad'), (i) => batch[i]!.grad),
      outputs: {
        ...record(names('value'), (i) => batch[i]!.value),
        ...record(names('m'), (i) => batch[i]!.m),
        ...record(names('v'), (i) => batch[i]!.v),
      },
      uniforms: {
        ...{ gradScale, beta1, beta2, rest1: 1 - beta1, rest2: 1 - beta2, epsilon },
        ...factor('keep', ({ decay }) => 1 - learningRate * decay),
        ...factor('stepSize', ({ step }) => learningRate / (1 - beta1 ** step)),
        ...factor('secondScale', ({ step }) => 1 / Math.sqrt(1 - beta2 ** step)),
        ...uniforms,
      },
      groups,
    });
  }
}

/** Gives a variable values of its own if it shares them. */
function makeOwn(backend: WebgpuBackend, variable: tf.Variable): void {
  if (backend.refCount(variable.dataId) === 1) return;
  const fresh = tf.mul(variable, 1);
  variable.assign(fresh);
  fresh.dispose();
}
