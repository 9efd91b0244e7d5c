/** Pins and prunings of a run as they stand, from its plan and what its log says was done since. Pure. */
import type { RunSnapshot } from '../../server/contract/runViews';

export interface BlockState {
  /** From 1. */
  readonly block: number;
  /** By component, in the run's order. */
  readonly components: readonly {
    readonly name: string;
    readonly live: boolean;
    readonly alpha: number | undefined;
  }[];
  readonly pinned: boolean;
}

/** Empty where the run's plan can't be read. */
export function blockStates(snapshot: RunSnapshot): readonly BlockState[] {
  const { plan } = snapshot;
  if (plan === undefined) return [];
  const names = plan.components.map(({ name }) => name);
  const blocks = plan.blocks.map((block) => ({
    live: new Set(block.live.map((index) => names[index])),
    pinned: block.pinned !== undefined,
  }));
  for (const event of snapshot.events) {
    if (event.type !== 'control' || event.block === undefined) continue;
    const block = blocks[event.block - 1];
    if (block === undefined) continue;
    switch (event.action) {
      case 'pin':
        block.pinned = true;
        break;
      case 'unpin':
        block.pinned = false;
        break;
      case 'prune':
        block.live.delete(event.component);
        break;
      case 'restore':
        block.live.add(event.component);
        break;
      case 'pause':
      case 'resume':
        break;
    }
  }
  const alphas = latestAlphas(snapshot);
  return blocks.map(({ live, pinned }, index) => ({
    block: index + 1,
    pinned,
    components: names.map((name, at) => ({
      name,
      live: live.has(name),
      alpha: alphas?.[index]?.[at],
    })),
  }));
}

function latestAlphas(snapshot: RunSnapshot): readonly (readonly number[])[] | undefined {
  return (
    snapshot.latest?.alphas ??
    snapshot.frames.findLast(({ alphas }) => alphas.length > 0)?.alphas.at(-1)
  );
}

/** `neox 0.62 · mamba 0.38`, with what is pruned said. */
export function blockSummary(state: BlockState): string {
  return state.components
    .map(({ name, live, alpha }) =>
      live ? `${name}${alpha === undefined ? '' : ` ${alpha.toFixed(2)}`}` : `${name} pruned`,
    )
    .join(' · ');
}

/**
 * Weights as a person writes them: `neox=0.7 mamba=0.3`. Every component named once, none pruned, sum 1.
 * Answers a sentence where they are not.
 */
export function parseWeights(
  text: string,
  state: BlockState,
): { readonly weights: Readonly<Record<string, number>> } | { readonly problem: string } {
  const weights = new Map<string, number>();
  const parts = text.replace(/\s*[=:]\s*/gu, '=').split(/[\s,;]+/u);
  for (const part of parts.filter(Boolean)) {
    const match = /^(.+?)=([0-9.eE+-]+)$/u.exec(part);
    const [name, value] = [match?.[1] ?? part, Number(match?.[2] ?? '1')];
    const component = state.components.find((candidate) => candidate.name === name);
    if (component === undefined) return { problem: `There is no component “${name}” in this run.` };
    if (!component.live) return { problem: `“${name}” is pruned in this block: restore it first.` };
    if (weights.has(name)) return { problem: `“${name}” stands there twice.` };
    if (!Number.isFinite(value) || value < 0 || value > 1) {
      return { problem: `The weight of “${name}” must be a number from 0 to 1.` };
    }
    weights.set(name, value);
  }
  if (weights.size === 0) return { problem: 'Write weights as name=0.7 name=0.3.' };
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  if (Math.abs(sum - 1) > 1e-6) {
    return { problem: `The weights sum to ${Number(sum.toFixed(6))}, and must sum to 1.` };
  }
  return { weights: Object.fromEntries(weights) };
}
