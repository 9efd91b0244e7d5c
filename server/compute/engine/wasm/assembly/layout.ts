/** Where things lie in the shared memory below the heap, and how a job reads its arguments. */

/** 64 words of integers and pointers, written before a job is started. */
export const INTEGERS: usize = 1024;
/** 64 floats. */
export const FLOATS: usize = 2048;
/** 64 bytes of zeros. */
export const ZERO: usize = 4096;
/** Each thread's working memory: 4 MiB from 1 MiB on. */
const SCRATCH_BASE: usize = 1 << 20;
const SCRATCH_BYTES: usize = 4 << 20;
/** The GEMM's packing buffers take the first MiB of it; what follows is free for a job that calls the GEMM. */
export const FREE_SCRATCH: usize = 1 << 20;
/** 64 bytes of it that nothing outlives (`pairSum`, vector.ts). */
export const LANES: usize = FREE_SCRATCH - 64;

let thread: i32 = 0;
/** Columns of the matrix product's tile: 8, or 16 where V8 joins two 128-bit operations to one of 256 bits. */
export let tileColumns: i32 = 8;

export function setThread(index: i32, columns: i32): void {
  thread = index;
  tileColumns = columns;
}

@inline export function scratch(): usize {
  return SCRATCH_BASE + SCRATCH_BYTES * <usize>thread;
}

@inline export function int(i: usize): i32 {
  return load<i32>(INTEGERS + (i << 2));
}

@inline export function pointer(i: usize): usize {
  return <usize>load<u32>(INTEGERS + (i << 2));
}

@inline export function float(i: usize): f32 {
  return load<f32>(FLOATS + (i << 2));
}

/** Bytes of `count` floats. */
@inline export function bytes(count: i32): usize {
  return (<usize>count) << 2;
}
