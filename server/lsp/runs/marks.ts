/** Pins and prunings of a run: those of its plan, then what was done to its latest search, in the order of the log. */
import type { ControlEvent, Where } from '../../contract/events';
import type { OtherEvent } from '../../runs/otherEvents';
import { sameWhere } from '../../runs/stepTable';
import type { PlanView } from './planView';

/** One block as it stands. */
export interface BlockState {
  /** By component. */
  readonly pruned: readonly boolean[];
  /** One weight a component. */
  readonly pinned: readonly number[] | undefined;
}

/** Names of the components and, by position, the blocks: from the plan, else what `started` says of them. */
export interface MarkedRun {
  readonly components: readonly string[];
  readonly blocks: readonly BlockState[];
}

const maximumCells = 1024 * 64;

/** @param search whose controls count: each search begins with what the config says */
export function marksOf(
  plan: PlanView | undefined,
  events: readonly OtherEvent[],
  search: Where | undefined,
): MarkedRun | undefined {
  const begin = plan === undefined ? fromStarted(events) : fromPlan(plan);
  if (begin === undefined || search === undefined) return begin;
  const blocks = [...begin.blocks];
  for (const event of events) {
    if (event.type !== 'control' || !sameWhere(event, search)) continue;
    const at = (event.block ?? 0) - 1;
    const block = blocks[at];
    if (block !== undefined) blocks[at] = changed(block, event, begin.components);
  }
  return { components: begin.components, blocks };
}

function fromPlan({ components, blocks }: PlanView): MarkedRun {
  return {
    components: components.map(({ name }) => name),
    blocks: blocks.map(({ live, pinned }) => ({
      pruned: components.map((_, m) => !live.includes(m)),
      pinned,
    })),
  };
}

function fromStarted(events: readonly OtherEvent[]): MarkedRun | undefined {
  const started = events.find((event) => event.type === 'started');
  if (started === undefined) return undefined;
  const components = started.components.map(({ name }) => name);
  if (components.length * started.blocks > maximumCells) return undefined;
  const free: BlockState = { pruned: components.map(() => false), pinned: undefined };
  return { components, blocks: Array.from({ length: started.blocks }, () => free) };
}

function changed(block: BlockState, event: ControlEvent, names: readonly string[]): BlockState {
  const component = names.indexOf(event.component ?? '');
  const withPruned = (value: boolean): boolean[] =>
    block.pruned.map((old, m) => (m === component ? value : old));
  switch (event.action) {
    case 'pin':
      return { ...block, pinned: event.weights };
    case 'unpin':
      return { ...block, pinned: undefined };
    case 'prune':
      return { pruned: withPruned(true), pinned: pinWithout(block.pinned, component) };
    case 'restore':
      return { ...block, pruned: withPruned(false) };
    case 'pause':
    case 'resume':
      return block;
  }
}

/** As the search has it: the others share what the pruned one held. */
function pinWithout(
  pinned: readonly number[] | undefined,
  component: number,
): readonly number[] | undefined {
  if (pinned === undefined) return undefined;
  const rest = pinned.map((weight, m) => (m === component ? 0 : weight));
  const total = rest.reduce((sum, weight) => sum + weight, 0);
  return total > 0 ? rest.map((weight) => weight / total) : pinned;
}
