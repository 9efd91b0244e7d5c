/** Where a run goes on: its newest whole checkpoint, or its start. */
import type { NewRunEvent, StartedEvent } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import type { CheckpointStore } from '../../runs/checkpointStore';
import { readRawEvents } from '../../runs/readEvents';
import type { ResumeFrom } from '../search/services';

export interface ResumePoint extends ResumeFrom {
  /** What the run began with, as its log says. */
  readonly engine: StartedEvent['engine'];
  /** One for every checkpoint that couldn't be believed. */
  readonly warnings: readonly NewRunEvent[];
}

/** @returns `undefined` for a run that has not even logged `started` */
export async function resumePoint(
  dir: string,
  checkpoints: CheckpointStore,
): Promise<ResumePoint | undefined> {
  const { events } = await readRawEvents(dir);
  const started = events.find((event) => event.type === 'started');
  if (started === undefined) return undefined;
  const { checkpoint, warnings } = await checkpoints.latest();
  return {
    folder: checkpoint?.dir,
    controls: events.filter((event) => event.type === 'control'),
    checkpointSeq: events.findLast(
      (event) => event.type === 'checkpoint' && event.path === checkpoint?.path,
    )?.seq,
    startedSeq: started.seq,
    engine: started.engine,
    warnings: warnings.map((message) => ({ type: 'warning', code: 'checkpoint-damaged', message })),
  };
}

/** The event of a run that goes on at its first step. */
export function beginAgain(plan: Plan) {
  const { stage, subject, seed } = plan.jobs[0]!;
  return { type: 'resumed', stage, subject, seed, fromStep: 0 } as const;
}
