/** The part of `plan.json` that a viewer of a run shows. A run folder may come from a stranger: every part is checked. */
import { z } from 'zod';
import type { Where } from '../../contract/events';
import type { LayerSpan } from '../../contract/plan';
import { systemCode } from '../../files/systemErrors';
import { RunError } from '../../runs/runErrors';
import { readPlanFile } from '../../runs/runFolder';

/** The plan of 64 components in 1024 blocks has a few. */
const maximumBytes = 32 * 1024 * 1024;
const maximumComponents = 64;
const maximumBlocks = 1024;

const name = z.string().min(1).max(256);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const weights = z.array(z.number()).max(maximumComponents);

const schema = z
  .object({
    components: z
      .array(
        z.object({
          name,
          family: name,
          parameters: count,
          groups: z.array(z.object({ first: count, end: count })).max(maximumBlocks),
        }),
      )
      .min(1)
      .max(maximumComponents),
    blocks: z
      .array(
        z.object({ live: z.array(count).min(1), pinned: weights.optional(), initial: weights }),
      )
      .min(1)
      .max(maximumBlocks),
    jobs: z
      .array(
        z.object({
          stage: z.enum(['projectors', 'search', 'finetune', 'baseline', 'program']),
          subject: name,
          seed: count,
          steps: count,
          tokens: z.number().min(0),
          flopsPerToken: z.number().min(0),
        }),
      )
      .max(10_000),
    config: z
      .object({ data: z.object({ train: z.object({ kind: z.string(), task: name.optional() }) }) })
      .optional(),
  })
  .refine(({ components, blocks }) => {
    const fits = (values: readonly unknown[] | undefined): boolean =>
      values === undefined || values.length === components.length;
    return (
      components.every(({ groups }) => groups.length === blocks.length) &&
      blocks.every(
        ({ live, pinned, initial }) =>
          fits(pinned) && fits(initial) && live.every((m) => m < components.length),
      )
    );
  });

export interface PlanView {
  readonly components: readonly {
    readonly name: string;
    readonly family: string;
    readonly parameters: number;
    readonly groups: readonly LayerSpan[];
  }[];
  readonly blocks: readonly {
    readonly live: readonly number[];
    readonly pinned: readonly number[] | undefined;
    readonly initial: readonly number[];
  }[];
  readonly jobs: readonly (Where & {
    readonly steps: number;
    /** That the job's weights see. */
    readonly tokens: number;
    readonly flopsPerToken: number;
  })[];
  /** The synthetic task that is learnt. */
  readonly task?: string | undefined;
}

export function planViewOf(plan: unknown): PlanView | undefined {
  const parsed = schema.safeParse(plan);
  if (!parsed.success) return undefined;
  const { components, blocks, jobs } = parsed.data;
  const train = parsed.data.config?.data.train;
  const task = train?.kind === 'mad' || train?.kind === 'lra' ? train.task : undefined;
  return {
    components,
    blocks: blocks.map(({ live, pinned, initial }) => ({ live, pinned, initial })),
    jobs,
    ...(task === undefined ? {} : { task }),
  };
}

/** `undefined` where there is none that can be believed. */
export async function readPlanView(dir: string): Promise<PlanView | undefined> {
  try {
    return planViewOf((await readPlanFile(dir, maximumBytes)).plan);
  } catch (error) {
    const expected = error instanceof RunError || error instanceof SyntaxError;
    if (!expected && systemCode(error) === undefined) throw error;
    return undefined;
  }
}
