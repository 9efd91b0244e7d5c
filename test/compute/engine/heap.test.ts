import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EngineError } from '../../../server/compute/engine/errors';
import { blockBytes, Heap } from '../../../server/compute/engine/wasm/heap';

/** Address that the first block of an empty heap gets. */
function baseOf(heap: Heap): number {
  const at = heap.allocate(1);
  heap.release(at, 1);
  return at;
}

describe('the heap of the wasm engine', () => {
  it('never gives the same bytes twice, keeps count, and is empty at the end', () => {
    const heap = new Heap(1, 2 ** 28);
    const base = baseOf(heap);
    const steps = fc.array(
      fc.record({
        size: fc.integer({ min: 0, max: 300_000 }),
        which: fc.nat(),
        frees: fc.boolean(),
      }),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const held: { at: number; size: number }[] = [];
        for (const { size, which, frees } of all) {
          if (frees && held.length > 0) {
            const [freed] = held.splice(which % held.length, 1);
            heap.release(freed!.at, freed!.size);
          } else held.push({ at: heap.allocate(size), size });
          const sorted = [...held].sort((a, b) => a.at - b.at);
          sorted.forEach(({ at, size: own }, i) => {
            assert.equal(at % 64, 0);
            assert.ok(at >= base);
            const next = sorted[i + 1]?.at ?? Infinity;
            assert.ok(at + own + 32 <= next, 'room for a vector past the end');
          });
          const total = held.reduce((sum, block) => sum + blockBytes(block.size), 0);
          assert.equal(heap.inUse, total);
        }
        held.forEach(({ at, size }) => heap.release(at, size));
        assert.equal(heap.inUse, 0);
        assert.equal(baseOf(heap), base, 'all is one again');
      }),
      { numRuns: 60 },
    );
  });

  it('takes the hole that fits best', () => {
    const heap = new Heap(1, 2 ** 28);
    const sizes = [10_000, 100, 3000, 100, 5000, 100];
    const blocks = sizes.map((size) => heap.allocate(size));
    for (const i of [0, 2, 4]) heap.release(blocks[i]!, sizes[i]!);
    assert.equal(heap.allocate(4000), blocks[4]);
    assert.equal(heap.allocate(3000), blocks[2]);
    assert.equal(heap.allocate(9000), blocks[0]);
  });

  it('loses no more than two cache lines a block', () => {
    for (const bytes of [0, 1, 32, 33, 4 * 1024 * 128, 4 * 1024 * 512]) {
      assert.ok(blockBytes(bytes) >= bytes + 32 && blockBytes(bytes) <= bytes + 128);
    }
  });

  it('grows no further than what was in use at once', () => {
    const heap = new Heap(1, 2 ** 28);
    const grown = () => heap.memory.buffer.byteLength;
    const sizes = [40, 24, 8].map((megabytes) => megabytes * 2 ** 20);
    // Of other sizes each round: what one leaves must serve the next.
    for (let round = 0; round < 50; round++) {
      const own = sizes.map((size) => size - round * 64 * 1024);
      const blocks = own.map((size) => heap.allocate(size));
      blocks.reverse().forEach((at, i) => heap.release(at, own[own.length - 1 - i]!));
    }
    assert.ok(grown() < 100 * 2 ** 20, `${grown()}`);
  });

  it('refuses what does not fit by name', () => {
    const heap = new Heap(1, 2 ** 20);
    assert.throws(
      () => heap.allocate(2 ** 21),
      (error) => error instanceof EngineError && error.code === 'out-of-memory',
    );
  });
});
