/**
 * Runs a compute kernel of our own in WGSL over tensors. What a kernel says is its bindings and one function,
 * `fn main(group: u32, lane: u32)`; the declarations and the entry point are made from that. `normKernels.ts` is an example.
 *
 * In its code stand: each input and output under its name as a `array<…>`, `uniforms.<name>`, `LANES` (lanes of a workgroup)
 * and the constants of the call. A workgroup counts on one axis, whatever the device's limit on it. Keep to 256 lanes and
 * 16 KiB of workgroup memory, which every device has.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Pipeline, WebgpuBackend } from './backend';

/** WGSL's type of an entry; `u32` reads an int32 tensor's bits, `vec4f` four floats at a time. */
export type Entry = 'f32' | 'i32' | 'u32' | 'vec4f';
export type Scalar = 'f32' | 'i32' | 'u32';

export interface Program<I extends string, O extends string, U extends string> {
  /** For messages; with the constants it also tells compiled programs apart. */
  readonly name: string;
  readonly inputs: Readonly<Record<I, Entry>>;
  readonly outputs: Readonly<Record<O, Entry>>;
  readonly uniforms: Readonly<Record<U, Scalar>>;
  /** Lanes of a workgroup. */
  readonly lanes: number;
  /** WGSL: `fn main(group: u32, lane: u32)` and what it uses. */
  readonly code: string;
}

/** One whose bindings are made as it is written. */
export type AnyProgram = Program<string, string, string>;

export interface NewTensor {
  readonly shape: readonly number[];
  /** Default `float32`. */
  readonly dtype?: 'float32' | 'int32' | 'bool';
}

export interface ProgramCall<I extends string, O extends string, U extends string> {
  readonly inputs: Readonly<Record<I, tf.TensorInfo>>;
  /** A tensor that is there is written in place: its values must be its own (`refCount` 1), and it is no input. */
  readonly outputs: Readonly<Record<O, NewTensor | tf.TensorInfo>>;
  readonly uniforms: Readonly<Record<U, number>>;
  /** Known when it is compiled, once for each set of values: whole numbers become `u32`, truth values `bool`. */
  readonly constants?: Readonly<Record<string, number | boolean>>;
  /** Workgroups; nothing runs where every output is empty. */
  readonly groups: number;
}

/** Keeps the names of the bindings for the compiler. */
export const program = <const I extends string, const O extends string, const U extends string>(
  written: Program<I, O, U>,
): Program<I, O, U> => written;

/**
 * Compiles the program where it is new and records its run; errors of the GPU are told at the next read.
 * @returns the outputs by name
 * @throws EngineError `out-of-memory`, `device-lost`
 */
export function runProgram<I extends string, O extends string, U extends string>(
  backend: WebgpuBackend,
  written: Program<I, O, U>,
  call: ProgramCall<I, O, U>,
): Record<O, tf.TensorInfo> {
  const names = namesOf(written.outputs);
  const outputs = names.map((name) => outputTensor(backend, call.outputs[name]));
  try {
    if (outputs.some(({ shape }) => tf.util.sizeFromShape(shape) > 0)) {
      recordRun(backend, written, call, outputs);
    }
  } catch (error) {
    // Nobody else knows of the new ones yet.
    for (const { dataId } of outputs.filter((_, i) => !('dataId' in call.outputs[names[i]!]))) {
      backend.disposeData(dataId);
    }
    throw error;
  }
  return Object.fromEntries(names.map((name, i) => [name, outputs[i]!])) as Record<
    O,
    tf.TensorInfo
  >;
}

function recordRun<I extends string, O extends string, U extends string>(
  backend: WebgpuBackend,
  written: Program<I, O, U>,
  call: ProgramCall<I, O, U>,
  outputs: readonly tf.TensorInfo[],
): void {
  const inputs = namesOf(written.inputs).map((name) => call.inputs[name]);
  if (call.groups === 0) throw new Error(`${written.name}: no workgroup writes its outputs`);
  checkBindings(written, inputs, outputs);
  const { pipeline, layout } = compiled(backend, written, call.constants ?? {});
  const tensors = [...outputs, ...inputs];
  const buffers = [
    ...tensors.map((tensor) => backend.bufferOf(tensor)),
    uniformBuffer(backend, written, call),
  ];
  for (const { dataId } of outputs) backend.forgetCopy(dataId);
  const bindings = backend.device.createBindGroup({
    label: written.name,
    layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  backend.record(pipeline, bindings, dispatchOf(backend.device, call.groups), tensors);
}

const namesOf = <K extends string>(bindings: Readonly<Record<K, unknown>>): K[] =>
  Object.keys(bindings) as K[];

function outputTensor(backend: WebgpuBackend, output: NewTensor | tf.TensorInfo): tf.TensorInfo {
  if ('dataId' in output) return output;
  const { shape, dtype = 'float32' } = output;
  const isEmpty = tf.util.sizeFromShape([...shape]) === 0;
  return backend.makeTensorInfo(
    [...shape],
    dtype,
    isEmpty ? tf.util.getTypedArrayFromDType(dtype, 0) : undefined,
  );
}

function checkBindings(
  { name, ...written }: AnyProgram,
  inputs: readonly tf.TensorInfo[],
  outputs: readonly tf.TensorInfo[],
): void {
  const entries = [...Object.values(written.outputs), ...Object.values(written.inputs)];
  [...outputs, ...inputs].forEach(({ dtype }, i) => {
    const isFloat = entries[i] === 'f32' || entries[i] === 'vec4f';
    if (isFloat !== (dtype === 'float32')) {
      throw new Error(`${name}: a binding of ${entries[i]!} gets a tensor of ${dtype}`);
    }
  });
  const read = new Set(inputs.map(({ dataId }) => dataId));
  if (outputs.some(({ dataId }) => read.has(dataId))) {
    throw new Error(`${name}: a tensor is both read and written`);
  }
}

/** Workgroups over two axes, where one alone would be too many for the device. */
function dispatchOf(device: GPUDevice, groups: number): [number, number] {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const rows = Math.ceil(groups / most);
  return [Math.ceil(groups / rows), rows];
}

function uniformBuffer(
  backend: WebgpuBackend,
  { uniforms }: AnyProgram,
  call: ProgramCall<string, string, string>,
): GPUBuffer {
  const entries: [Scalar, number][] = Object.entries(uniforms).map(([name, type]) => [
    type,
    call.uniforms[name]!,
  ]);
  entries.push(['u32', call.groups]);
  const bytes = new DataView(new ArrayBuffer(16 * Math.ceil(entries.length / 4)));
  entries.forEach(([type, value], i) => {
    if (type === 'f32') bytes.setFloat32(4 * i, value, true);
    else if (type === 'i32') bytes.setInt32(4 * i, value, true);
    else bytes.setUint32(4 * i, value, true);
  });
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM;
  const buffer = backend.passingBuffer(bytes.byteLength, usage);
  backend.queue.writeBuffer(buffer, 0, bytes.buffer);
  return buffer;
}

type Constants = Readonly<Record<string, number | boolean>>;

function compiled(backend: WebgpuBackend, written: AnyProgram, constants: Constants): Pipeline {
  const key = `${written.name} ${JSON.stringify(constants)}`;
  const known = backend.pipelines.get(key);
  if (known) return known;
  const { device } = backend;
  const types: GPUBufferBindingType[] = [
    ...namesOf(written.outputs).map(() => 'storage' as const),
    ...namesOf(written.inputs).map(() => 'read-only-storage' as const),
    'uniform',
  ];
  // Said, not derived from the code: a binding that a kernel happens not to use is still one.
  const layout = device.createBindGroupLayout({
    label: written.name,
    entries: types.map((type, binding) => ({
      ...{ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } },
    })),
  });
  const pipeline = device.createComputePipeline({
    label: written.name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: {
      module: device.createShaderModule({ label: written.name, code: source(written, constants) }),
      entryPoint: 'start',
    },
  });
  const made = { pipeline, layout };
  backend.pipelines.set(key, made);
  return made;
}

/** The whole program in WGSL. */
export function source(written: AnyProgram, constants: Constants = {}): string {
  const bindings = [
    ...Object.entries(written.outputs).map(
      ([name, type]) => `var<storage, read_write> ${name}: array<${type}>;`,
    ),
    ...Object.entries(written.inputs).map(
      ([name, type]) => `var<storage, read> ${name}: array<${type}>;`,
    ),
    'var<uniform> uniforms: Uniforms;',
  ];
  const fields = Object.entries({ ...written.uniforms, workgroups: 'u32' });
  return [
    `struct Uniforms { ${fields.map(([name, type]) => `${name}: ${type}`).join(', ')} }`,
    ...bindings.map((binding, i) => `@group(0) @binding(${i}) ${binding}`),
    `const LANES: u32 = ${written.lanes}u;`,
    ...Object.entries(constants).map(([name, value]) =>
      typeof value === 'boolean'
        ? `const ${name}: bool = ${value};`
        : `const ${name}: u32 = ${value}u;`,
    ),
    written.code,
    '@compute @workgroup_size(LANES)',
    'fn start(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) all: vec3u,',
    '  @builtin(local_invocation_index) lane: u32) {',
    '  let group = id.x + id.y * all.x;',
    '  if (group < uniforms.workgroups) { main(group, lane); }',
    '}',
  ].join('\n');
}
