/** What is pinned and pruned after a step: the config's, then what was done to the run, in order. Pure. */
import { sameWhere, type Job } from './jobs';
import { blockCount, componentsOf, isProgrammed, movesAlphas, type Scene } from './selectors';
import type { RunData } from './state';

/** What holds a block after a step. */
export interface BlockMarks {
  readonly pinned: boolean;
  /** By the config, not by hand. */
  readonly pinnedByConfig: boolean;
  /** The weights of a pin that no step has followed yet. */
  readonly weights: readonly number[] | undefined;
  /** Positions of pruned components. */
  readonly pruned: readonly number[];
  /** Those that the config pruned: never loaded, so they can't come back. */
  readonly prunedByConfig: readonly number[];
}

/** Marks of every block after `step` of the job; without a job (mean over seeds): where every seed agrees. */
export function marksOf(run: RunData, scene: Scene): readonly BlockMarks[] {
  if (scene.kind === 'job') return marksAfter(run, scene.job, scene.step);
  if (scene.kind === 'mean' && !isProgrammed(run)) {
    const searches = run.jobs.filter(({ stage }) => stage === 'search');
    return agreed(searches.map((job) => marksAfter(run, job, Infinity))) ?? configMarks(run);
  }
  return configMarks(run);
}

function configMarks(run: RunData): BlockMarks[] {
  const K = componentsOf(run).length;
  return Array.from({ length: blockCount(run) }, (_, i) => {
    const block = run.plan?.blocks[i];
    const dead = block ? [...Array(K).keys()].filter((m) => !block.live.includes(m)) : [];
    const pinned = block?.pinned !== undefined;
    return {
      pinned,
      pinnedByConfig: pinned,
      weights: undefined,
      pruned: dead,
      prunedByConfig: dead,
    };
  });
}

function marksAfter(run: RunData, job: Job, step: number): BlockMarks[] {
  const marks = configMarks(run);
  const names = componentsOf(run).map(({ name }) => name);
  for (const event of run.events) {
    if (event.type !== 'control' || event.seed !== job.seed) continue;
    // A search and a pretraining of the projectors begin with what the config says.
    const own = sameWhere(event, job);
    // What was done to a task's supernet isn't done to what follows.
    const passes = event.stage === 'search' && !movesAlphas(job.stage) && !isProgrammed(run);
    const later = own ? event.step > step : !passes;
    const i = (event.block ?? 0) - 1;
    const block = marks[i];
    if (later || !block) continue;
    marks[i] = changed(block, event, names, sameWhere(event, job) && event.step === step);
  }
  return marks;
}

function changed(
  block: BlockMarks,
  event: RunData['events'][number] & { type: 'control' },
  names: readonly string[],
  fresh: boolean,
): BlockMarks {
  const m = event.component === undefined ? -1 : names.indexOf(event.component);
  switch (event.action) {
    case 'pin': {
      const known = event.weights?.length === names.length ? event.weights : undefined;
      return {
        ...block,
        pinned: true,
        pinnedByConfig: false,
        weights: fresh ? known : undefined,
      };
    }
    case 'unpin':
      return { ...block, pinned: false, pinnedByConfig: false, weights: undefined };
    case 'prune':
      return m < 0 ? block : { ...block, pruned: [...new Set([...block.pruned, m])] };
    case 'restore':
      return { ...block, pruned: block.pruned.filter((each) => each !== m) };
    case 'pause':
    case 'resume':
      return block;
  }
}

function agreed(all: readonly (readonly BlockMarks[])[]): BlockMarks[] | undefined {
  return all[0]?.map((block, i) => ({
    ...block,
    weights: undefined,
    pinned: all.every((marks) => marks[i]!.pinned),
    pruned: block.pruned.filter((m) => all.every((marks) => marks[i]!.pruned.includes(m))),
  }));
}
