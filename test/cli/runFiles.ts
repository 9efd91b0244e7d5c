/** What a run left, read as a reader of run folders would. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent } from '../../server/contract/events';
import { parseEventLine } from '../../server/runs/eventSchema';
import { readEvents, readRawEvents } from '../../server/runs/readEvents';

export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Every event as written; none where there is no log yet. */
export async function rawEvents(dir: string): Promise<RunEvent[]> {
  try {
    return (await readRawEvents(dir)).events;
  } catch (error) {
    unlessMissing(error);
    return [];
  }
}

/** Passes over a file that isn't there yet. */
export function unlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

export function ofType<T extends RunEvent['type']>(
  events: readonly RunEvent[],
  type: T,
): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}

/** `--json` output as events: every line must be one. */
export function eventsIn(out: string): RunEvent[] {
  assert.ok(out.endsWith('\n'), 'the last line is whole');
  return out
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const event = parseEventLine(line);
      assert.ok(event, `not an event: ${line.slice(0, 200)}`);
      return event;
    });
}

/**
 * Settings of the quickstart that measure its losses on the beginning of its texts, which are written into `folder`: all of
 * them would take longer than a few steps.
 */
export async function scoredOnLittle(folder: string): Promise<string[]> {
  const sets: string[] = [];
  for (const [split, name] of [
    ['validation', 'valid'],
    ['test', 'test'],
  ] as const) {
    const text = await readFile(path.resolve('examples', 'data', `${name}.txt`), 'utf8');
    const file = path.join(folder, `scored-${name}.txt`);
    await writeFile(file, text.slice(0, 4000));
    sets.push('--set', `data.${split}.text=${file}`);
  }
  return sets;
}

/** All that a run computed, to the bit: what clocks measured is left out. */
export async function computed(dir: string) {
  const { events, skipped } = await readEvents(dir);
  assert.equal(skipped, 0);
  const kept = ['step', 'evaluation', 'finished'];
  const bare = (event: RunEvent): unknown => JSON.parse(JSON.stringify(event, withoutClocks));
  return {
    events: events.filter((event) => kept.includes(event.type)).map(bare),
    // A replay moves these ahead of the steps that were computed again.
    controls: ofType(events, 'control')
      .filter(({ action }) => action !== 'pause' && action !== 'resume')
      .map(bare),
    weights: await digest(path.join(dir, 'result', 'model.safetensors')),
    alphas: await readFile(path.join(dir, 'result', 'alphas.json'), 'utf8'),
  };
}

const clocks = new Set(['seq', 'time', 'tokensPerSecond', 'etaSeconds', 'memoryBytes', 'seconds']);
const withoutClocks = (key: string, value: unknown): unknown =>
  clocks.has(key) ? undefined : value;

async function digest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
