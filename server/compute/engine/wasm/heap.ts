/**
 * The memory that tensors live in: one shared WebAssembly.Memory, which grows without moving, so views stay valid.
 * A freed block is joined with free neighbours at once, and the smallest free extent that is large enough is taken first
 * (best fit; Knuth, TAOCP 2.5): a page that was never needed is never touched, and what is resident is about what is in use.
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

/** Blocks begin on cache lines. */
const LINE = 64;

/** Bytes of the block that holds `bytes`. */
export function blockBytes(bytes: number): number {
  return Math.ceil((bytes + SPARE_BYTES) / LINE) * LINE;
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

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Bytes of blocks in use, rounding included. */
  inUse = 0;
  peak = 0;
  readonly limit: number;
  /** End of the last block. */
  private top: number;
  /** Free extents below `top` by address, none touching another. */
  private readonly starts: number[] = [];
  private readonly sizes: number[] = [];

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
    const address = this.fromExtents(size) ?? this.fromTop(size);
    if (address === undefined) throw outOfMemory('wasm', size, this.inUse, this.limit);
    this.inUse += size;
    this.peak = Math.max(this.peak, this.inUse);
    return address;
  }

  /** @param bytes as they were asked for */
  release(address: number, bytes: number): void {
    const size = blockBytes(bytes);
    this.inUse -= size;
    const { starts, sizes } = this;
    const next = this.firstFrom(address);
    const before = next - 1;
    const joinsBefore = before >= 0 && starts[before]! + sizes[before]! === address;
    const joinsNext = next < starts.length && address + size === starts[next];
    if (joinsBefore) {
      sizes[before]! += size + (joinsNext ? sizes[next]! : 0);
      if (joinsNext) this.drop(next);
    } else if (joinsNext) {
      starts[next] = address;
      sizes[next]! += size;
    } else {
      starts.splice(next, 0, address);
      sizes.splice(next, 0, size);
    }
    const last = starts.length - 1;
    if (starts[last]! + sizes[last]! === this.top) {
      this.top = starts[last]!;
      this.drop(last);
    }
  }

  /** Index of the first free extent that doesn't lie before `address`. */
  private firstFrom(address: number): number {
    let [low, high] = [0, this.starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private drop(index: number): void {
    this.starts.splice(index, 1);
    this.sizes.splice(index, 1);
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
        return undefined; // The machine has no more.
      }
    }
    const address = this.top;
    this.top = end;
    return address;
  }

  /** The smallest that is large enough, the first of equals. */
  private fromExtents(size: number): number | undefined {
    const { starts, sizes } = this;
    let best = -1;
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i]! >= size && (best < 0 || sizes[i]! < sizes[best]!)) best = i;
    }
    if (best < 0) return undefined;
    const address = starts[best]!;
    if (sizes[best] === size) this.drop(best);
    else {
      starts[best]! += size;
      sizes[best]! -= size;
    }
    return address;
  }
}
