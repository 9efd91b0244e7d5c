/** What goes wrong on the GPU reaches whoever reads, as a sentence with a way out. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../../../../server/compute/engine/errors';
import { DeviceErrors } from '../../../../server/compute/engine/webgpu/deviceErrors';
import { GpuMemory } from '../../../../server/compute/engine/webgpu/gpuMemory';
import { program, runProgram } from '../../../../server/compute/engine/webgpu/program';
import { asRunFailure } from '../../../../server/compute/failure';
import { onWebgpu, open, type Opened } from './onWebgpu';

/** Twice x, or whatever `line` says instead. */
const doubling = (name: string, line = 'y[i] = 2.0 * x[i];') =>
  program({
    ...{ name, inputs: { x: 'f32' }, outputs: { y: 'f32' }, uniforms: { size: 'u32' }, lanes: 64 },
    code: `fn main(group: u32, lane: u32) {
      let i = group * LANES + lane;
      if (i < uniforms.size) { ${line} }
    }`,
  });

const run = ({ backend }: Opened, written: ReturnType<typeof doubling>, x: tf.Tensor): tf.Tensor =>
  tf.engine().makeTensorFromTensorInfo(
    runProgram(backend, written, {
      inputs: { x },
      outputs: { y: { shape: x.shape } },
      uniforms: { size: x.size },
      groups: Math.ceil(x.size / 64),
    }).y,
  );

const engineError =
  (code: string, ...patterns: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, code);
    for (const pattern of patterns) assert.match(error.message, pattern);
    assert.ok(error.hint.length > 0);
    // What the run then reports keeps both.
    const failure = asRunFailure(error);
    assert.deepEqual([failure.code, failure.hint], [error.code, error.hint]);
    return true;
  };

describe('errors of a GPU that is not well', () => {
  /** A device that gives no answer to what it is asked. */
  const errorsOf = (lost: Promise<unknown>): DeviceErrors => {
    const popErrorScope = () => Promise.reject(new Error('no answer'));
    const device: unknown = { lost, pushErrorScope: () => undefined, popErrorScope };
    return new DeviceErrors(device as GPUDevice, () => 0);
  };

  it('a device that is lost while it is asked: its loss', async () => {
    const lost = Promise.resolve({ reason: 'unknown', message: 'the cable fell out' });
    await assert.rejects(errorsOf(lost).check(), engineError('device-lost', /the cable fell out/));
  });

  it('one that only does not answer: what it said', async () => {
    await assert.rejects(errorsOf(new Promise(() => undefined)).check(), /no answer/);
  });
});

onWebgpu('errors of a GPU', function () {
  let opened: Opened;
  beforeEach(async () => void (opened = await open()));
  afterEach(() => opened.engine.dispose());

  it('none: a program of our own computes', async () => {
    const x = tf.tensor1d(Float32Array.from({ length: 130 }, (_, i) => i - 65));
    const y = await run(opened, doubling('double'), x).data();
    assert.deepEqual(
      Array.from(y),
      Array.from({ length: 130 }, (_, i) => 2 * (i - 65)),
    );
    await opened.engine.settled!();
  });

  it('WGSL that does not compile: its own message, with the name of the program', async () => {
    const wrong = doubling('wrongDoubling', 'y[i] = 2u * notThere[i];');
    const y = run(opened, wrong, tf.ones([3]));
    await assert.rejects(y.data(), engineError('kernel-failed', /wrongDoubling/, /notThere/));
    // The device itself is well.
    assert.deepEqual(
      Array.from(await run(opened, doubling('double'), tf.ones([2])).data()),
      [2, 2],
    );
  });

  it('none: more workgroups than fit on one axis', async () => {
    const groups = opened.backend.device.limits.maxComputeWorkgroupsPerDimension + 5;
    const written = program({
      ...{ name: 'manyGroups', inputs: {}, outputs: { y: 'f32' }, uniforms: {}, lanes: 1 },
      code: 'fn main(group: u32, lane: u32) { y[group] = f32(group); }',
    });
    const call = { inputs: {}, outputs: { y: { shape: [groups] } }, uniforms: {}, groups };
    const { y } = runProgram(opened.backend, written, call);
    const values = await tf.engine().makeTensorFromTensorInfo(y).data();
    assert.ok(values.every((value, i) => value === i));
  });

  it('a run that fails: its new outputs are given back', () => {
    const before = opened.backend.numDataIds();
    const x = tf.ones([3], 'int32');
    assert.throws(() => run(opened, doubling('double'), x), /gets a tensor of int32/);
    x.dispose();
    assert.equal(opened.backend.numDataIds(), before);
  });

  it('are told at the next read, whatever that reads', async () => {
    const other = tf.add(tf.ones([300]), tf.ones([300]));
    run(opened, doubling('alsoWrong', 'y[i] = ;'), other);
    await assert.rejects(other.data(), engineError('kernel-failed', /alsoWrong/));
  });

  it('are told when the engine settles', async () => {
    run(opened, doubling('wrongAgain', 'z[i] = 1.0;'), tf.ones([3]));
    await assert.rejects(opened.engine.settled!(), engineError('kernel-failed', /wrongAgain/));
    await opened.engine.settled!();
  });

  it("of tfjs's own programs as well", async () => {
    const tooMany = opened.backend.device.limits.maxComputeInvocationsPerWorkgroup * 2;
    const y = tf.engine().makeTensorFromTensorInfo(
      opened.backend.runWebGPUProgram(
        {
          ...{ variableNames: ['x'], outputShape: [4], shaderKey: 'tooLargeAWorkgroup' },
          ...{ dispatch: [1, 1, 1], dispatchLayout: { x: [0] }, workgroupSize: [tooMany, 1, 1] },
          getUserCode: () => 'fn main(index : i32) { setOutputAtIndex(index, 0.0); }',
        },
        [tf.ones([4])],
        'float32',
      ),
    );
    await assert.rejects(y.data(), engineError('kernel-failed', /workgroup/i));
  });

  it('a tensor larger than the device takes: out of memory, at once', () => {
    const largest = opened.backend.device.limits.maxStorageBufferBindingSize;
    const size = Math.floor(largest / 4) + 1;
    assert.throws(
      () => tf.tidy(() => tf.fill([size], 1)),
      engineError('out-of-memory', /larger than this device allows/),
    );
  });

  it('memory that the device itself does not have: out of memory, at the next read', async () => {
    // The device is asked past the limits that are checked here; Dawn reports either.
    const { device, gpuMemory } = opened.backend;
    device.createBuffer({ size: 2 ** 40, usage: GPUBufferUsage.STORAGE });
    await assert.rejects(
      opened.engine.settled!(),
      (error) => error instanceof EngineError && /^(out-of-memory|kernel-failed)$/.test(error.code),
    );
    assert.equal(gpuMemory.numBytesUsed, 0);
  });

  it('a lost device: so says each read from then on, with how the run goes on', async () => {
    // Large enough for tfjs not to compute it itself.
    const x = tf.add(tf.ones([3000]), 1);
    const reading = x.data();
    opened.backend.device.destroy();
    await assert.rejects(reading, engineError('device-lost'));
    await assert.rejects(x.data(), engineError('device-lost'));
    assert.throws(() => tf.mul(x, tf.ones([3000])), engineError('device-lost'));
    assert.throws(() => run(opened, doubling('double'), x), engineError('device-lost'));
    await assert.rejects(opened.engine.settled!(), (error) => {
      assert.match((error as EngineError).hint, /[Rr]esume from the last checkpoint/);
      return true;
    });
  });
});

onWebgpu('the memory of a GPU', () => {
  it('that can not be mapped: out of memory, at once', () => {
    const limits = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 30 };
    const createBuffer = () => {
      throw new RangeError('could not map');
    };
    const options = { limitBytes: 2 ** 30, refusal: () => undefined };
    const memory = new GpuMemory({ limits, createBuffer } as unknown as GPUDevice, options);
    assert.throws(
      () => memory.acquireBuffer(1024, GPUBufferUsage.MAP_WRITE, true),
      engineError('out-of-memory', /could not map/),
    );
    assert.deepEqual([memory.numBytesUsed, memory.numBytesAllocated], [0, 0]);
  });

  it('ends at the limit of the plan, with what would make it fit', async () => {
    const { engine } = await open(2 ** 20);
    const kept = tf.add(tf.ones([2 ** 16]), 1);
    assert.throws(
      () => tf.tile(kept, [8]),
      engineError('out-of-memory', /no room for 2\.0 MiB more: .* of 1\.0 MiB are in use/),
    );
    engine.dispose();
  });

  it('that was freed serves again, or makes room', async () => {
    const limit = 2 ** 20;
    const { engine, backend } = await open(limit);
    // Sums of ever other sizes: each needs a buffer of its own, and all together ten times the limit.
    for (let size = 1000; size < 60_000; size += 997) {
      const y = tf.tidy(() => tf.add(tf.ones([size]), 1));
      assert.equal((await y.data())[size - 1], 2);
      y.dispose();
      assert.ok(backend.gpuMemory.numBytesAllocated <= limit);
    }
    await engine.settled!();
    assert.equal(engine.memoryBytes(), 0);
    assert.ok(engine.peakBytes() > 0);
    engine.resetPeak();
    assert.equal(engine.peakBytes(), 0);
    engine.dispose();
  });

  it('holds what a program wrote in place, not what was read before', async () => {
    const { engine, backend } = await open();
    const x = tf.add(tf.ones([100]), 1);
    await x.data();
    const written = program({
      ...{ name: 'increment', inputs: {}, outputs: { y: 'f32' }, uniforms: {}, lanes: 128 },
      code: 'fn main(group: u32, lane: u32) { if (lane < 100u) { y[lane] += 1.0; } }',
    });
    runProgram(backend, written, { inputs: {}, outputs: { y: x }, uniforms: {}, groups: 1 });
    assert.deepEqual(Array.from(await x.data()), new Array(100).fill(3));
    engine.dispose();
  });
});
