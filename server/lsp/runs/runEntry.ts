/** One line of the list of runs. */
import path from 'node:path';
import type { UserError } from '../../contract/editor';
import type { RunListEntry, RunProgress } from '../../contract/runViews';
import type { RunState } from '../../contract/run';
import { systemCode } from '../../files/systemErrors';
import { lastError } from '../../runs/lastWords';
import { bestLoss, type ListedRun } from '../../runs/listRuns';
import { RunError } from '../../runs/runErrors';
import type { RunRecord } from '../../runs/runRecord';
import { progressOf } from './progress';
import { inEditor } from './outcome';
import type { PlanView } from './planView';

/** Whether a process works on it, or is about to. */
export const isActive = (state: RunState): boolean =>
  state === 'starting' || state === 'running' || state === 'paused';

export interface EntrySources {
  readonly run: ListedRun;
  readonly state: RunState;
  /** Refreshed; `undefined` when its log can't be read. */
  readonly record: RunRecord | undefined;
  readonly plan: PlanView | undefined;
}

export async function entryOf({ run, state, record, plan }: EntrySources): Promise<RunListEntry> {
  const { id, dir, manifest } = run;
  const { name, device } = manifest.engine;
  return {
    ...{ id, dir, state, name: path.basename(dir) },
    config: manifest.config,
    startedAt: manifest.startedAt,
    engine: [name, device].filter((part) => part !== '').join(', '),
    stage: record?.index.lastWhere?.stage,
    bestValidationLoss: record === undefined ? undefined : bestLoss(record.index),
    progress: record === undefined ? undefined : await progress(state, record, plan),
    preparing: record === undefined ? undefined : await preparing(state, record),
    failure: await failureOf(run, state, record),
  };
}

async function progress(
  state: RunState,
  record: RunRecord,
  plan: PlanView | undefined,
): Promise<RunProgress | undefined> {
  if (!isActive(state)) return undefined;
  const latest = await record.index.latestStep();
  // A loss that is no number ends the run; until then there is nothing to show.
  if (latest === undefined || !Number.isFinite(latest.loss)) return undefined;
  return progressOf(latest, record.index, plan);
}

/** Until the data's last byte, or the step after it. */
async function preparing(
  state: RunState,
  { index, events }: RunRecord,
): Promise<RunListEntry['preparing']> {
  const last = events.at(-1);
  if (!isActive(state) || last?.type !== 'preparing' || last.bytes >= last.totalBytes) {
    return undefined;
  }
  const latest = await index.latestStep();
  if (latest !== undefined && latest.seq > last.seq) return undefined;
  return { split: last.split, fraction: Math.max(0, last.bytes / last.totalBytes) };
}

async function failureOf(
  { dir }: ListedRun,
  state: RunState,
  record: RunRecord | undefined,
): Promise<UserError | undefined> {
  if (state === 'failed') {
    const failed = record?.events.findLast((event) => event.type === 'failed');
    if (failed !== undefined) {
      return inEditor({ code: failed.code, message: failed.message, hint: failed.hint });
    }
    return {
      code: 'failed',
      message: 'The run failed and could not write why.',
      hint: 'Look at its log (Manticore: Show Log), then resume it.',
    };
  }
  if (state !== 'lost') return undefined;
  const spoken = await lastError(dir);
  const reason =
    spoken === undefined
      ? 'It was killed, or its machine ran out of memory or was shut down.'
      : `Last in its log: ${spoken}`;
  return {
    code: 'lost',
    message: `The compute process is gone without a last word. ${reason}`,
    hint: 'Resume the search: it goes on from its last checkpoint.',
  };
}

/** A record's log, or nothing where it can't be read or trusted: a run is listed without it too. */
export async function unlessUnreadable<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}
