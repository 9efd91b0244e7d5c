/** The cost term of a search: λ · E[cost](α) / cost(all components), whose gradient goes into a alone. Float64, pure. */
import type { CostSettings } from '../../contract/config';
import type { RunCosts } from '../../contract/events';
import { computedCost, expectedCost, totalCost } from '../../report/expectedCost';
import { parameterGradients } from './alphaUpdate';
import { alphasOf } from './architecture';
import type { ArchitectureState } from './architecture';

export interface SearchCost extends CostSettings {
  /** Cost of each (block, component), [N][K], in the kind's unit. */
  readonly table: readonly (readonly number[])[];
  /** Of milliseconds: those of each other model that the run trains, by subject. */
  readonly others?: Readonly<Record<string, number>>;
}

/** As the run's events have it. */
export function runCosts({ kind, weight, table, others }: SearchCost): RunCosts {
  const rows = table.map((row) => [...row]);
  return { kind, weight, table: rows, ...(others ? { others } : {}) };
}

/**
 * Milliseconds of a micro-batch's forward pass of the hybrid at α, or of another model that was measured.
 * @returns `undefined` where the search weighs no milliseconds
 */
export function millisecondsOf(
  cost: SearchCost | undefined,
  alphas: readonly (readonly number[])[],
  subject = 'hybrid',
): { readonly milliseconds?: number } {
  if (cost?.kind !== 'milliseconds') return {};
  return { milliseconds: cost.others?.[subject] ?? computedCost(alphas, cost.table) };
}

/** E[cost](α) as a share of what all components cost together: 0 to 1. */
export function costShare(alphas: readonly (readonly number[])[], { table }: SearchCost): number {
  const total = totalCost(table);
  return total > 0 ? expectedCost(alphas, table) / total : 0;
}

/**
 * ∂/∂a of the cost term. `dash` draws its one component a block with the probabilities softmax(a), whatever τ (the Gumbel-max
 * trick), so its expectation is over those, without noise: not over the relaxed draw that the loss sees.
 */
export function costGradients(state: ArchitectureState, cost: SearchCost): number[][] {
  const total = totalCost(cost.table);
  const scale = total > 0 ? cost.weight / total : 0;
  const expected = state.algorithm === 'dash' ? { ...state, algorithm: 'darts' as const } : state;
  return parameterGradients(
    expected,
    alphasOf(state),
    cost.table.map((row) => row.map((each) => scale * each)),
  );
}

/** Adds the cost term's gradient to the loss's. With λ = 0 no bit changes. */
export function withCost(
  gradients: number[][],
  state: ArchitectureState,
  cost: SearchCost | undefined,
): number[][] {
  if (cost === undefined || cost.weight === 0) return gradients;
  const own = costGradients(state, cost);
  return gradients.map((row, block) => row.map((value, m) => value + own[block]![m]!));
}
