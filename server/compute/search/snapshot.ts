/** What a checkpoint says beside its tensors, as JSON: checked on reading, since a run folder can come from anywhere. */
import { z } from 'zod';
import type { Plan } from '../../contract/plan';
import { checkpointDamaged } from '../failure';
import { planOfJob } from './jobPlan';

const finite = z.number();
const count = z.int().min(0);
const table = z.array(z.array(finite).max(4096)).max(65536);
const position = z.strictObject({ epoch: count, index: count });

const architecture = z.strictObject({
  algorithm: z.enum(['darts', 'gaea', 'dash', 'fixed']),
  temperature: z.number().positive(),
  blocks: z.array(
    z.strictObject({
      a: z.array(finite),
      live: z.array(z.boolean()),
      pinned: z.array(finite).optional(),
    }),
  ),
});

/** Where the parked tensors of a component lie: files in the run folder's `parked`, by parameter name. */
const parked = z.record(
  z.string(),
  z.strictObject({
    file: z.string().regex(/^[\w-]+\.safetensors$/),
    component: count,
    /** Updates its moments have had; 0: it has none. */
    updates: count,
  }),
);

const progress = z.strictObject({
  /** Optimiser steps done. */
  step: count,
  weightUpdates: count,
  /** Training tokens that θ saw. */
  tokens: count,
  /** Forward FLOPs of those tokens. */
  flops: z.number().min(0),
  /** Time in training steps. */
  seconds: z.number().min(0),
});

const jobSnapshot = z.strictObject({
  progress,
  architecture,
  alphaMoments: z.strictObject({ first: table, second: table, updates: table }),
  /** By stream name. */
  positions: z.record(z.string(), position),
  /** Updates of each parameter that has moments. */
  updates: z.record(z.string(), count),
  parked,
  /** Control events of this job that the state contains. */
  controls: count,
});

const result = z.strictObject({
  subject: z.string(),
  stage: z.enum(['projectors', 'search', 'finetune', 'baseline', 'program']),
  seed: count,
  split: z.enum(['train', 'validation', 'test']),
  loss: finite,
  perplexity: finite,
  accuracy: finite.optional(),
  parameters: count,
  flopsPerToken: z.number().min(0),
  updates: count,
  tokens: count,
  trainingFlops: z.number().min(0).exactOptional(),
  seconds: z.number().min(0),
  milliseconds: z.number().min(0).exactOptional(),
});

/** The searched hybrid at harder α, nothing trained in between. */
const handOver = z.strictObject({
  seed: count,
  alphas: z.enum(['soft', 'argmax', 'threshold']),
  threshold: finite.exactOptional(),
  split: z.enum(['train', 'validation', 'test']),
  loss: finite,
  perplexity: finite,
  accuracy: finite.exactOptional(),
  parameters: count,
  flopsPerToken: z.number().min(0),
  cost: finite.exactOptional(),
  milliseconds: z.number().min(0).exactOptional(),
});

const finishedJob = z.strictObject({
  job: count,
  progress,
  architecture,
  results: z.array(result),
  handOver: z.array(handOver).exactOptional(),
});

export const snapshotSchema = z.strictObject({
  version: z.literal(1),
  /** Position in `plan.jobs` of the job to go on with. */
  job: count,
  /** Steps and finished jobs so far: names checkpoints, each state its own. */
  tick: count,
  /** Events below this `seq` are part of the state. */
  nextSeq: count,
  /** SHA-256 of the token ids that it was trained and evaluated on. */
  data: z.string().max(64),
  /** SHA-256 of the weights that it starts from, by component: rewinds and baselines read them again. */
  weights: z.record(z.string(), z.string().max(64)),
  /** Measured once, before the first step: milliseconds of each (block, component), [N][K]. */
  milliseconds: table.exactOptional(),
  /** The same of each other model that the run trains, by subject. */
  otherMilliseconds: z.record(z.string(), z.number().min(0)).exactOptional(),
  /** The running job; absent between two jobs. */
  running: jobSnapshot.optional(),
  /** Between two jobs: the model that the next one goes on with. */
  carried: jobSnapshot.optional(),
  finished: z.array(finishedJob),
});

export type RunSnapshot = z.output<typeof snapshotSchema>;
export type JobSnapshot = z.output<typeof jobSnapshot>;
export type JobProgress = z.output<typeof progress>;
export type FinishedJob = z.output<typeof finishedJob>;
export type ParkedTensors = z.output<typeof parked>;

const isTable = (rows: readonly (readonly unknown[])[], { blocks, components }: Plan) =>
  rows.length === blocks.length && rows.every((row) => row.length === components.length);

function fitsJob(
  state: Pick<JobSnapshot, 'architecture'> & Partial<JobSnapshot> & { readonly job: number },
  plan: Plan,
): boolean {
  if (plan.jobs[state.job] === undefined) return false;
  const own = planOfJob(plan, state.job);
  const { blocks } = state.architecture;
  return (
    isTable(
      blocks.map(({ a }) => a),
      own,
    ) &&
    isTable(
      blocks.map(({ live }) => live),
      own,
    ) &&
    blocks.every(
      ({ live, pinned }) => live.includes(true) && (pinned?.length ?? live.length) === live.length,
    ) &&
    Object.values(state.alphaMoments ?? {}).every((rows) => isTable(rows, own))
  );
}

/** @throws RunFailure `checkpoint-damaged` for a state that belongs to another plan */
export function checkSnapshot(snapshot: RunSnapshot, plan: Plan): void {
  const { running, carried, finished, milliseconds } = snapshot;
  // A state is that of the job which it goes on with, or was carried from.
  const states = [
    ...finished,
    ...(running ? [{ ...running, job: snapshot.job }] : []),
    ...(carried ? [{ ...carried, job: snapshot.job - 1 }] : []),
  ];
  const fits =
    snapshot.job <= plan.jobs.length &&
    states.every((state) => fitsJob(state, plan)) &&
    (milliseconds === undefined || isTable(milliseconds, plan));
  if (!fits) throw checkpointDamaged('its state belongs to another plan');
}
