/**
 * The memory that tensors live in: one shared WebAssembly.Memory, which grows without moving, so views stay valid.
 * Freed blocks are kept by size class (eight classes a power of two: at most an eighth is lost) and reused; when the
 * memory is full, neighbouring free blocks are joined before giving up.
 */
import { notAvailable, outOfMemory } from '../errors';

const PAGE = 65536;
/** Arguments, static data and the threads' working memory lie below. */
const SCRATCH_BASE = 1 << 20;
const SCRATCH_BYTES = 4 << 20;
/** Vector loads and stores may reach this far past the last entry. */
const SPARE_BYTES = 32;
/** Node refuses a shared memory of a whole 4 GiB. */
export const LARGEST_MEMORY = 3.75 * 2 ** 30;

/** Bytes of the block that holds `bytes`. */
export function blockBytes(bytes: number): number {
  const needed = Math.max(64, bytes + SPARE_BYTES);
  const step = Math.max(64, 2 ** (Math.floor(Math.log2(needed)) - 3));
  return Math.ceil(needed / step) * step;
}

/** Address space for the largest memory; pages are taken as they are used. */
function reserve(initial: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial, maximum: 65536, shared: true });
  } catch (error) {
    throw notAvailable(
      'wasm',
      `no address space for a WebAssembly memory (${String(error)})`,
      'Lift the limit on virtual memory (ulimit -v unlimited), or end other processes.',
    );
  }
}

interface Extent {
  start: number;
  size: number;
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Bytes of blocks in use, rounding included. */
  inUse = 0;
  peak = 0;
  readonly limit: number;
  private top: number;
  private readonly free = new Map<number, number[]>();
  private extents: Extent[] = [];

  /** @param limit most bytes of tensors */
  constructor(threads: number, limit: number) {
    this.top = SCRATCH_BASE + SCRATCH_BYTES * threads;
    this.limit = Math.min(limit, LARGEST_MEMORY - this.top);
    const initial = Math.max(1024, Math.ceil(this.top / PAGE));
    this.memory = reserve(initial);
  }

  /** @throws EngineError `out-of-memory` */
  allocate(bytes: number): number {
    const size = blockBytes(bytes);
    if (this.inUse + size > this.limit) throw outOfMemory('wasm', size, this.inUse, this.limit);
    const address =
      this.free.get(size)?.pop() ??
      this.fromExtents(size) ??
      this.fromTop(size) ??
      this.joined(size);
    if (address === undefined) throw outOfMemory('wasm', size, this.inUse, this.limit);
    this.inUse += size;
    this.peak = Math.max(this.peak, this.inUse);
    return address;
  }

  /** @param bytes as they were asked for */
  release(address: number, bytes: number): void {
    const size = blockBytes(bytes);
    const blocks = this.free.get(size);
    if (blocks) blocks.push(address);
    else this.free.set(size, [address]);
    this.inUse -= size;
  }

  private fromTop(size: number): number | undefined {
    const end = this.top + size;
    if (end > LARGEST_MEMORY) return undefined;
    const { byteLength } = this.memory.buffer;
    if (end > byteLength) {
      const needed = Math.ceil((end - byteLength) / PAGE);
      // An eighth more than needed, so that growth is rare.
      const spare = Math.min(
        Math.ceil(byteLength / PAGE / 8),
        LARGEST_MEMORY / PAGE - byteLength / PAGE,
      );
      try {
        this.memory.grow(Math.max(needed, Math.floor(spare)));
      } catch {
        return undefined; // The machine has no more: what is free may still be joined.
      }
    }
    const address = this.top;
    this.top = end;
    return address;
  }

  /** First fit among the joined blocks. */
  private fromExtents(size: number): number | undefined {
    const extent = this.extents.find((candidate) => candidate.size >= size);
    if (!extent) return undefined;
    const address = extent.start;
    extent.start += size;
    extent.size -= size;
    if (extent.size === 0) this.extents = this.extents.filter((other) => other !== extent);
    return address;
  }

  /** Joins all free blocks that touch and tries again. */
  private joined(size: number): number | undefined {
    for (const [blockSize, starts] of this.free) {
      for (const start of starts) this.extents.push({ start, size: blockSize });
    }
    this.free.clear();
    const joined: Extent[] = [];
    for (const extent of this.extents.sort((a, b) => a.start - b.start)) {
      const last = joined.at(-1);
      if (last && last.start + last.size === extent.start) last.size += extent.size;
      else joined.push(extent);
    }
    this.extents = joined;
    return this.fromExtents(size);
  }
}
