import assert from 'node:assert/strict';
import type { Plan } from '../../../server/contract/plan';
import type { RunManifest } from '../../../server/contract/run';
import {
  differences,
  openPlannedEngine,
  summarizeEngine,
} from '../../../server/compute/process/runEngine';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';

const planFor = (engine: Plan['config']['engine']) => ({ config: { engine } }) as unknown as Plan;
const wasm = planFor({ name: 'wasm', threads: 2, memoryLimit: undefined });

/** Opens the engine as a resumed run does, and says what it would log. */
async function resumed(used: RunManifest['engine']) {
  const engine = await openPlannedEngine(wasm, used);
  const now = summarizeEngine(engine);
  engine.dispose();
  return { now, events: differences(used, now) };
}

describe('the engine of a resumed run', () => {
  it('has the tier and the threads that it had', async () => {
    for (const tier of availableTiers()) {
      const first = await openPlannedEngine(planFor({ ...wasm.config.engine, threads: 1 }), {
        ...{ name: 'wasm', device: '', tier, threads: 1, node: '' },
      });
      const used = summarizeEngine(first);
      first.dispose();
      const { now, events } = await resumed(used);
      assert.deepEqual(now, used);
      assert.equal(now.tier, tier);
      assert.equal(now.threads, 1);
      assert.deepEqual(events, []);
    }
  });

  it('is another tier, and says so, where its own does not run any more', async () => {
    const { now } = await resumed({ name: 'wasm', device: '', tier: '', threads: 2, node: '' });
    const { now: other, events } = await resumed({ ...now, tier: 'relaxed1024' });
    assert.ok((availableTiers() as string[]).includes(other.tier));
    assert.deepEqual(events, [
      {
        type: 'warning',
        code: 'not-bit-exact',
        message: `The run goes on, but not bit-exact: tier was relaxed1024, is ${other.tier}.`,
      },
    ]);
  });
});
