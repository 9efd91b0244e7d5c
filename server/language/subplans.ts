/**
 * Plans of jobs that train something beside the hybrid on the run's data: each is the plan of a config of its own, made from
 * the run's.
 */
import type { ResolvedConfig } from '../contract/config';
import { draftPlan, type PlanDraft, type PlanPlace } from './draftPlan';
import type { Headers } from './headers';

export interface SubplanSource {
  /** The subject of its jobs. */
  readonly name: string;
  /** What its jobs are: a baseline has the hybrid's budget, and settings as the run's. */
  readonly stage: 'baseline' | 'program';
  readonly config: ResolvedConfig;
  /** Of its own components. One from scratch that reads the run's tokens has the tokenizer of the run's hybrid here. */
  readonly headers: Headers;
}

export interface SubplanDraft extends PlanDraft {
  readonly stage: SubplanSource['stage'];
}

/** @returns `undefined` while one of them can't be planned (the checks say why) */
export function draftSubplans(
  sources: readonly SubplanSource[],
  { base }: PlanPlace,
): SubplanDraft[] | undefined {
  const drafts = sources.map(({ stage, name, ...own }) => {
    const draft = draftPlan(own.config, own.headers, { name, base });
    return draft && { ...draft, stage };
  });
  return drafts.every((draft) => draft !== undefined) ? drafts : undefined;
}
