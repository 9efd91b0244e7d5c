/**
 * Jobs shared among threads. One 64-bit word holds the job's number and how many of its chunks nobody has taken; a
 * thread takes one by compare-and-swap. The main thread takes chunks too, and waits for finished chunks, never for a
 * particular worker, which may be asleep or not yet started. Which thread does a chunk does not change its result.
 */
import { runChunk } from './dispatch';
import { setThread } from './layout';

// Each on a cache line of its own, below the jobs' arguments.
const NEXT: usize = 128;
const DONE: usize = 192;
const SEQUENCE: usize = 256;
const OPCODE: usize = 320;
const SLEEPING: usize = 384;
const MAIN_SLEEPS: usize = 448;
/** Set by a worker that could not finish a chunk (wasm/module.ts): its chunk will never be done. */
const FAILED: usize = 512;
/** Milliseconds without one finished chunk after which the main thread gives up; written by wasm/module.ts. */
const PATIENCE: usize = 576;
/** Rounds of looking before a thread sleeps: some tens of microseconds. */
const SPINS: i32 = 20000;
const MILLISECOND: i64 = 1000000;
/** What atomic.wait answers when nobody woke it. */
const TIMED_OUT: i32 = 2;

let threads: i32 = 1;

export function setup(thread: i32, count: i32, columns: i32): void {
  setThread(thread, columns);
  threads = count;
}

function takeChunks(): void {
  for (;;) {
    const word = atomic.load<i64>(NEXT), left = <i32>(word & 0xffffffff);
    if (left == 0) return;
    if (atomic.cmpxchg<i64>(NEXT, word, word - 1) != word) continue;
    runChunk(load<i32>(OPCODE), left - 1);
    atomic.add<i32>(DONE, 1);
    if (atomic.load<i32>(MAIN_SLEEPS) != 0) atomic.notify(DONE, 1);
  }
}

/** A worker's life: it never returns. */
export function serve(): void {
  let seen = 0;
  for (;;) {
    let spins = 0, sequence = atomic.load<i32>(SEQUENCE);
    while (sequence == seen) {
      if (++spins > SPINS) {
        atomic.add<i32>(SLEEPING, 1);
        atomic.wait<i32>(SEQUENCE, seen, -1);
        atomic.sub<i32>(SLEEPING, 1);
        spins = 0;
      }
      sequence = atomic.load<i32>(SEQUENCE);
    }
    seen = sequence;
    takeChunks();
  }
}

/** Runs all chunks of a job; the main thread's. */
export function run(op: i32, chunks: i32): void {
  if (threads == 1 || chunks == 1) {
    for (let chunk = 0; chunk < chunks; chunk++) runChunk(op, chunk);
    return;
  }
  store<i32>(OPCODE, op);
  atomic.store<i32>(DONE, 0);
  const sequence = (load<i32>(SEQUENCE) + 1) & 0x7fffffff;
  atomic.store<i64>(NEXT, (<i64>sequence << 32) | <i64>chunks);
  atomic.store<i32>(SEQUENCE, sequence);
  if (atomic.load<i32>(SLEEPING) > 0) atomic.notify(SEQUENCE, -1);
  takeChunks();
  // Waits are counted, not the clock: a machine that was put to sleep has not waited.
  let patience = load<i32>(PATIENCE);
  for (let spins = 0; atomic.load<i32>(DONE) < chunks; spins++) {
    if (spins < SPINS) continue;
    if (atomic.load<i32>(FAILED) != 0) unreachable();
    atomic.store<i32>(MAIN_SLEEPS, 1);
    const done = atomic.load<i32>(DONE);
    // The limit heals a wake-up that came between the look and the sleep.
    if (done < chunks && atomic.wait<i32>(DONE, done, MILLISECOND) == TIMED_OUT) {
      // A thread that was ended from outside, or by its own lack of memory, leaves no word.
      if (--patience < 0) {
        atomic.store<i32>(FAILED, 1);
        unreachable();
      }
    } else patience = load<i32>(PATIENCE);
    atomic.store<i32>(MAIN_SLEEPS, 0);
  }
}
