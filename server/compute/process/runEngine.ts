/** The engine of a run: opened as the config says, and on resume as the run had it. */
import type { NewRunEvent } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import type { RunManifest } from '../../contract/run';
import { openEngine, type Engine } from '../engine/engine';
import { EngineError } from '../engine/errors';

/**
 * @param used what the run was computed with so far. Where this machine or Node doesn't run its tier, another one goes on:
 * `differences` says so
 */
export async function openPlannedEngine(
  plan: Plan,
  used: RunManifest['engine'] | undefined,
): Promise<Engine> {
  const { name, threads, memoryLimit } = plan.config.engine;
  const tier = used?.tier === '' ? undefined : used?.tier;
  const sameThreads = used !== undefined && used.threads > 0 ? used.threads : threads;
  // What `auto` found at the start is found again, whatever was installed since.
  const own = (['wasm', 'webgpu', 'tensorflow'] as const).find((each) => each === used?.name);
  const asked = name === 'auto' ? (own ?? name) : name;
  const options = {
    ...(sameThreads === undefined ? {} : { threads: sameThreads }),
    ...(memoryLimit === undefined ? {} : { memoryLimitBytes: memoryLimit }),
  };
  if (tier === undefined) return openEngine(asked, options);
  try {
    return await openEngine(asked, { ...options, tier });
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'not-available')) throw error;
    return openEngine(asked, options);
  }
}

export const summarizeEngine = ({
  name,
  device,
  tier,
  threads,
}: Engine): RunManifest['engine'] => ({
  name,
  device,
  tier,
  threads,
  node: process.version,
});

/** Same engine, tier, threads and Node: the same bits. Anything else is said. */
export function differences(
  before: RunManifest['engine'],
  now: RunManifest['engine'],
): NewRunEvent[] {
  const keys = ['name', 'device', 'tier', 'threads', 'node'] as const;
  const changed = keys.filter((key) => before[key] !== now[key]);
  if (changed.length === 0) return [];
  const list = changed.map((key) => `${key} was ${before[key]}, is ${now[key]}`).join('; ');
  return [
    {
      type: 'warning',
      code: 'not-bit-exact',
      message: `The run goes on, but not bit-exact: ${list}.`,
    },
  ];
}

/** Engines that are there and don't work: the user would wait for longer than need be without knowing why. */
export const passedOver = ({ passedOver: sentences = [] }: Engine): NewRunEvent[] =>
  sentences.map((sentence) => ({
    type: 'warning',
    code: 'engine-passed-over',
    message: `${sentence}. The run takes another engine.`,
  }));
