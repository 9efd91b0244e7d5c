/** What the tests of whole runs share: a run in a folder of its own on the wasm engine, and readings of its events. */
import assert from 'node:assert/strict';
import type { FinishedEvent, RunEvent, StepEvent } from '../../../server/contract/events';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import type { RunOutcome } from '../../../server/compute/search/runJobs';
import { RunBench, runPlan, type RunHooks, type RunSettings } from './runHarness';

export interface Ran {
  readonly outcome: RunOutcome | 'cut';
  readonly events: readonly RunEvent[];
  readonly bench: RunBench;
}

const benches: RunBench[] = [];

export async function ran(settings: RunSettings, hooks: RunHooks = {}): Promise<Ran> {
  const bench = await RunBench.make(runPlan(settings));
  benches.push(bench);
  const outcome = await bench.run(hooks);
  return { outcome, events: await bench.events(), bench };
}

export async function done(settings: RunSettings, hooks: RunHooks = {}) {
  const { outcome, events, bench } = await ran(settings, hooks);
  assert.deepEqual(outcome, { status: 'done' });
  const finished = events.at(-1);
  assert.ok(finished?.type === 'finished' && finished.status === 'done');
  return { events, finished, bench };
}

export const stepsOf = (
  events: readonly RunEvent[],
  stage: string,
  subject = 'hybrid',
): StepEvent[] =>
  events.filter(
    (event) => event.type === 'step' && event.stage === stage && event.subject === subject,
  ) as StepEvent[];
export function lastStep(events: readonly RunEvent[]): StepEvent {
  const last = stepsOf(events, 'search').at(-1);
  assert.ok(last);
  return last;
}
export const resultsOf = (finished: FinishedEvent) =>
  finished.results.map(({ subject, stage, seed, updates, tokens }) => [
    `${stage} ${subject} ${seed}`,
    updates,
    tokens,
  ]);

/** Opens the engine around the tests of a `describe`, and removes the folders of their runs. */
export function onWasm(): void {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());
  afterEach(async () => {
    for (const bench of benches.splice(0)) await bench.remove();
  });
}
