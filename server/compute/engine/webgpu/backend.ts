/**
 * tfjs's WebGPU backend with what a long run needs: errors of the GPU that reach whoever reads, memory that has a limit, reads
 * that leave no copy behind, and programs of our own in the order of tfjs's commands (`program.ts`).
 */
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu/dist/backend_webgpu';
import '@tensorflow/tfjs-backend-webgpu/dist/register_all_kernels';
import * as tf from '@tensorflow/tfjs-core';
import { DeviceErrors } from './deviceErrors';
import { GpuMemory } from './gpuMemory';

/** Under this name tfjs registers its kernels, and the engine its own. */
export const BACKEND_NAME = 'webgpu';

/** Bytes of the smallest buffer: one `vec4f`. */
const LEAST_BYTES = 16;

/** Parts of tfjs's backend 4.22.0 that are its own, and that a program of ours takes part in. */
interface OwnParts {
  bufferManager: unknown;
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  /** Tensors that commands not yet handed in use: their buffers are freed after that. */
  readonly commandQueueOwnedIds: WeakSet<object>;
  readonly uniformPendingDisposal: GPUBuffer[];
  dispatchCountInPass: number;
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

type Program = Parameters<WebGPUBackend['runWebGPUProgram']>[0];
type ProgramUniforms = Parameters<WebGPUBackend['runWebGPUProgram']>[3];

export class WebgpuBackend extends WebGPUBackend {
  readonly gpuMemory: GpuMemory;
  readonly errors: DeviceErrors;
  /** Compiled programs of our own, by what they were compiled from. */
  readonly pipelines = new Map<string, Pipeline>();

  /** @param limitBytes most bytes that buffers may take */
  constructor(device: GPUDevice, info: GPUAdapterInfo, limitBytes: number) {
    super(device, info);
    this.errors = new DeviceErrors(device, () => this.gpuMemory.numBytesUsed);
    this.gpuMemory = new GpuMemory(device, { limitBytes, refusal: () => this.errors.lost() });
    this.own.bufferManager = this.gpuMemory;
  }

  private get own(): OwnParts {
    return this as unknown as OwnParts;
  }

  /** As the other engines do: the caller may go on writing to its array. */
  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    return super.write(ArrayBuffer.isView(values) ? values.slice() : values, shape, dtype);
  }

  /** @throws EngineError for whatever went wrong on the GPU until now */
  override async read(dataId: object): Promise<tf.BackendValues> {
    const { values: here } = this.tensorMap.get(dataId) as { values?: tf.BackendValues | null };
    // What never was on the GPU asks nothing of it.
    if (here) return super.read(dataId);
    const [values, check] = await Promise.allSettled([super.read(dataId), this.errors.check()]);
    if (check.status === 'rejected') throw check.reason;
    if (values.status === 'rejected') throw await this.errors.reasonOf(values.reason);
    this.forgetCopy(dataId);
    return values.value;
  }

  override readSync(dataId: object): tf.BackendValues {
    const { values } = this.tensorMap.get(dataId) as { values?: tf.BackendValues | null };
    if (values) return values;
    throw new Error('webgpu: these numbers are on the GPU, which answers later: read with data()');
  }

  /** @throws EngineError `device-lost`, `out-of-memory` */
  override runWebGPUProgram(
    program: Program,
    inputs: tf.TensorInfo[],
    outputDtype: tf.DataType,
    uniforms?: ProgramUniforms,
    output?: tf.TensorInfo,
  ): tf.TensorInfo {
    const loss = this.errors.lost();
    if (loss) throw loss;
    return super.runWebGPUProgram(program, inputs, outputDtype, uniforms, output);
  }

  /**
   * Waits until all that was asked of the GPU is done.
   * @throws EngineError for whatever of it went wrong
   */
  async settled(): Promise<void> {
    if (this.own.commandEncoder) {
      this.endComputePassEncoder();
      this.submitQueue();
    }
    await Promise.all([this.errors.check(), this.queue.onSubmittedWorkDone()]);
    const loss = this.errors.lost();
    if (loss) throw loss;
  }

  /** A tensor without entries gets a buffer as well: a binding can't do without one. */
  override uploadToGPU(dataId: object): void {
    const data = this.tensorMap.get(dataId);
    if (tf.util.sizeFromShape(data.shape) > 0) {
      super.uploadToGPU(dataId);
      return;
    }
    data.values = tf.util.getTypedArrayFromDType(data.dtype as 'float32', 0);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    data.resource ??= this.gpuMemory.acquireBuffer(LEAST_BYTES, usage);
  }

  /** The buffer of a tensor, uploaded if need be. */
  bufferOf({ dataId }: tf.TensorInfo): GPUBuffer {
    this.uploadToGPU(dataId);
    return this.tensorMap.get(dataId).resource as GPUBuffer;
  }

  /** tfjs keeps what it read beside the buffer: wrong once a program writes to that, and twice the memory. */
  forgetCopy(dataId: object): void {
    if (!this.tensorMap.has(dataId)) return;
    const data = this.tensorMap.get(dataId);
    if (data.resource && tf.util.sizeFromShape(data.shape) > 0) {
      Object.assign(data, { values: null });
    }
  }

  /** A buffer for the time of the commands not yet handed in. */
  passingBuffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.gpuMemory.acquireBuffer(size, usage);
    this.own.uniformPendingDisposal.push(buffer);
    return buffer;
  }

  /**
   * Records one dispatch after tfjs's own, in the same pass.
   * @param tensors those whose buffers it uses
   */
  record(
    pipeline: GPUComputePipeline,
    bindings: GPUBindGroup,
    dispatch: readonly [number, number],
    tensors: readonly tf.TensorInfo[],
  ): void {
    const { own } = this;
    for (const { dataId } of tensors) own.commandQueueOwnedIds.add(dataId);
    this.ensureCommandEncoderReady();
    own.computePassEncoder ??= own.commandEncoder!.beginComputePass();
    own.computePassEncoder.setPipeline(pipeline);
    own.computePassEncoder.setBindGroup(0, bindings);
    own.computePassEncoder.dispatchWorkgroups(...dispatch);
    own.dispatchCountInPass++;
    if (own.dispatchCountInPass >= tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) {
      this.endComputePassEncoder();
      this.submitQueue();
    }
  }

  override dispose(): void {
    super.dispose();
    this.pipelines.clear();
    this.device.destroy();
  }
}
