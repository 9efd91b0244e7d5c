/** The data of a run: read and encoded while its progress stands in the log and a stop is heard. */
import path from 'node:path';
import type { NewRunEvent } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { loadTaskData, type TaskData } from '../tasks/taskData';
import type { DataProgress, LoadOptions } from '../tasks/text';
import type { TokenStore } from '../tasks/tokenStore';
import type { TextTokenizer } from '../tasks/tokens';

/** The bundle that renders chat templates stands beside that of the compute process. */
export const templateProgram = (): string => path.join(__dirname, 'templates.js');

/** Milliseconds after which a user would wonder, and between two events. */
const SILENCE = 1000;
const INTERVAL = 5000;

export interface RunDataOptions {
  readonly emit: (event: NewRunEvent) => void;
  readonly warn: (event: NewRunEvent) => void;
  readonly isStopped: () => boolean;
}

/**
 * The data of the plan, then of each of its subplans; those that read the same in the same way share it.
 * @param tokenizer the run's
 * @throws RunFailure; LoadingStopped
 */
export async function loadRunData(
  plan: Plan,
  tokenizer: () => Promise<TextTokenizer>,
  store: TokenStore,
  { emit, warn, isStopped }: RunDataOptions,
): Promise<TaskData[]> {
  const loaded = new Map<string, TaskData>();
  const all: TaskData[] = [];
  for (const { config, base } of [plan, ...(plan.subplans ?? [])]) {
    const { schedule, heldOut } = config.search;
    const key = JSON.stringify([config.data, schedule, heldOut]);
    const data =
      loaded.get(key) ??
      (await loadTaskData(config, base, tokenizer, {
        store,
        templateProgram: templateProgram(),
        onProgress: progressEvents(emit),
        onWarning: (code, message) => warn({ type: 'warning', code, message }),
        isStopped,
      }));
    loaded.set(key, data);
    all.push(data);
  }
  return all;
}

/** Nothing where it is quick; else what is read, now and then, and its end. */
export function progressEvents(
  emit: (event: NewRunEvent) => void,
  now: () => number = () => performance.now(),
): NonNullable<LoadOptions['onProgress']> {
  let due = now() + SILENCE;
  let told: DataProgress['split'] | undefined;
  return ({ split, bytes, totalBytes }) => {
    const isEnd = bytes >= totalBytes;
    if (isEnd ? told !== split : now() < due) return;
    emit({ type: 'preparing', split, bytes: Math.min(bytes, totalBytes), totalBytes });
    told = isEnd ? undefined : split;
    due = now() + INTERVAL;
  };
}
