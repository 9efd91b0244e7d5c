/**
 * The GPU's buffers, in the place of tfjs's own manager: a freed buffer is kept for the next one of its size, as there, but
 * not without end, and never beyond the engine's limit.
 */
import type { EngineError } from '../errors';
import { bufferTooLarge, deviceOutOfMemory, outOfMemory } from '../errors';

/** Free buffers are kept up to this many bytes, or to as many as were ever in use at once where that is more. */
const LEAST_KEPT = 64 * 2 ** 20;

export interface GpuMemoryOptions {
  readonly limitBytes: number;
  /** Why no buffer can be had any more. */
  readonly refusal: () => EngineError | undefined;
}

export class GpuMemory {
  /** Bytes of the buffers in use; tfjs reads it under this name. */
  numBytesUsed = 0;
  /** The same and what is kept free. */
  numBytesAllocated = 0;
  peak = 0;

  /** By size and usage; the key freed last stands last. */
  private readonly free = new Map<string, GPUBuffer[]>();
  private readonly used = new Set<GPUBuffer>();
  private isDisposed = false;

  constructor(
    private readonly device: GPUDevice,
    private readonly options: GpuMemoryOptions,
  ) {}

  /**
   * @param mapped whether a new buffer is to be mapped for writing; one used before never is
   * @param reuse whether one used before will do
   * @throws EngineError `out-of-memory` beyond the limit or what the GPU allows for one buffer, `device-lost`
   */
  acquireBuffer(size: number, usage: GPUBufferUsageFlags, mapped = false, reuse = true): GPUBuffer {
    const refusal = this.options.refusal();
    if (refusal) throw refusal;
    const buffer = (reuse && this.takeFree(size, usage)) || this.create(size, usage, mapped);
    this.used.add(buffer);
    this.numBytesUsed += size;
    this.peak = Math.max(this.peak, this.numBytesUsed);
    return buffer;
  }

  /** @param reuse whether it may serve again; else it is destroyed once the work that was handed in is done */
  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    if (this.isDisposed) return;
    if (!this.used.delete(buffer)) throw new Error('the buffer that is released is not in use');
    this.numBytesUsed -= buffer.size;
    if (!reuse) {
      this.destroy(buffer);
      return;
    }
    const key = keyOf(buffer.size, buffer.usage);
    const alike = this.free.get(key) ?? [];
    alike.push(buffer);
    this.free.delete(key);
    this.free.set(key, alike);
    this.keepAtMost(Math.max(LEAST_KEPT, this.peak));
  }

  getNumUsedBuffers(): number {
    return this.used.size;
  }

  getNumFreeBuffers(): number {
    return [...this.free.values()].reduce((count, buffers) => count + buffers.length, 0);
  }

  dispose(): void {
    this.keepAtMost(0);
    for (const buffer of this.used) buffer.destroy();
    this.used.clear();
    this.numBytesUsed = 0;
    this.numBytesAllocated = 0;
    this.isDisposed = true;
  }

  private takeFree(size: number, usage: GPUBufferUsageFlags): GPUBuffer | undefined {
    const key = keyOf(size, usage);
    const alike = this.free.get(key);
    const buffer = alike?.pop();
    if (alike?.length === 0) this.free.delete(key);
    return buffer;
  }

  private create(size: number, usage: GPUBufferUsageFlags, mapped: boolean): GPUBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const largest =
      usage & GPUBufferUsage.STORAGE
        ? Math.min(maxBufferSize, maxStorageBufferBindingSize)
        : maxBufferSize;
    if (size > largest) throw bufferTooLarge('webgpu', size, largest);
    const { limitBytes } = this.options;
    if (this.numBytesAllocated + size > limitBytes) {
      this.keepAtMost(Math.max(0, limitBytes - this.numBytesUsed - size));
    }
    if (this.numBytesAllocated + size > limitBytes) {
      throw outOfMemory('webgpu', size, this.numBytesUsed, limitBytes);
    }
    let buffer: GPUBuffer;
    try {
      buffer = this.device.createBuffer({ size, usage, mappedAtCreation: mapped });
    } catch (error) {
      // Only memory that is to be mapped is missed at once; what else can't be had is told to the error scopes.
      if (!(error instanceof RangeError)) throw error;
      throw deviceOutOfMemory('webgpu', error.message, this.numBytesUsed);
    }
    this.numBytesAllocated += size;
    return buffer;
  }

  /** Destroys free buffers, the ones that were freed first before others, until so many bytes are left. */
  private keepAtMost(bytes: number): void {
    for (const [key, buffers] of this.free) {
      while (this.numBytesAllocated - this.numBytesUsed > bytes) {
        const buffer = buffers.shift();
        if (!buffer) break;
        this.destroy(buffer);
      }
      if (buffers.length > 0) return;
      this.free.delete(key);
    }
  }

  private destroy(buffer: GPUBuffer): void {
    this.numBytesAllocated -= buffer.size;
    buffer.destroy();
  }
}

const keyOf = (size: number, usage: GPUBufferUsageFlags): string => `${size}_${usage}`;
