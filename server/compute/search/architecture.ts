/**
 * The architecture parameters a, what α they give, and pin and prune on them. Pure values in float64: a block
 * has K numbers, so nothing here is worth a tensor; what the tape sees of α is in `alphaTensors.ts`.
 *
 * Symbols: N blocks (i), K components (m), a [N][K], α [N][K].
 */
import type { PlanBlock } from '../../contract/plan';
import type { SearchSettings } from '../../contract/config';
import { RandomStream } from '../../models/random';

export type SearchAlgorithm = SearchSettings['algorithm'];

export interface BlockArchitecture {
  /**
   * Architecture parameters, length K. `darts` and `dash`: logits. `gaea` and `fixed`: weights whose live entries sum to 1.
   * The entry of a pruned component is the value it had: parked until `restore`.
   */
  readonly a: readonly number[];
  /** Length K; at least one is true. */
  readonly live: readonly boolean[];
  /** α while pinned, length K. The block's a waits unchanged. */
  readonly pinned: readonly number[] | undefined;
}

export interface ArchitectureState {
  readonly algorithm: SearchAlgorithm;
  /** τ of `dash`. */
  readonly temperature: number;
  readonly blocks: readonly BlockArchitecture[];
}

/** Smallest weight of a live entry in `gaea`, and what an `init` of 0 counts as where a logarithm is taken. */
export const ALPHA_FLOOR = 1e-5;

/** The state before the first step, from the plan's blocks. */
export function initialArchitecture(
  settings: Pick<SearchSettings, 'algorithm' | 'temperature'>,
  blocks: readonly Pick<PlanBlock, 'live' | 'pinned' | 'initial'>[],
): ArchitectureState {
  return {
    algorithm: settings.algorithm,
    temperature: settings.temperature,
    blocks: blocks.map((block) => initialBlock(settings.algorithm, block)),
  };
}

function initialBlock(
  algorithm: SearchAlgorithm,
  block: Pick<PlanBlock, 'live' | 'pinned' | 'initial'>,
): BlockArchitecture {
  const live = block.initial.map((_, m) => block.live.includes(m));
  // A pinned block's `initial` is its pin; what the search would take up after an `unpin` is uniform.
  const fromPin = block.pinned !== undefined && sameNumbers(block.pinned, block.initial);
  const alpha = normaliseOver(live, fromPin ? live.map(Number) : block.initial);
  return { a: parametersFor(algorithm, live, alpha), live, pinned: block.pinned };
}

/** The a that gives α. Logits are centred over the live entries, so that a uniform start is exactly 0. */
function parametersFor(
  algorithm: SearchAlgorithm,
  live: readonly boolean[],
  alpha: readonly number[],
): number[] {
  if (algorithm === 'gaea' || algorithm === 'fixed') return [...alpha];
  const logs = alpha.map((value) => Math.log(Math.max(value, ALPHA_FLOOR)));
  const first = logs[live.indexOf(true)]!;
  if (logs.every((value, m) => !live[m] || value === first)) return logs.map(() => 0);
  const centre = sumOver(live, logs) / count(live);
  return logs.map((value, m) => (live[m] ? value - centre : 0));
}

/** A constant architecture: α given outright, nothing searched (fine-tuning, baselines). */
export function fixedArchitecture(alphas: readonly (readonly number[])[]): ArchitectureState {
  return {
    algorithm: 'fixed',
    temperature: 1,
    blocks: alphas.map((alpha) => ({
      a: [...alpha],
      live: alpha.map((value) => value > 0),
      pinned: undefined,
    })),
  };
}

/** α as evaluation, events and selection use it: [N][K], rows sum to 1, pruned entries are exactly 0. */
export function alphasOf(state: ArchitectureState): number[][] {
  return state.blocks.map((block) => blockAlphas(state, block));
}

function blockAlphas(state: ArchitectureState, block: BlockArchitecture): number[] {
  if (block.pinned !== undefined) return [...block.pinned];
  switch (state.algorithm) {
    case 'darts':
    case 'dash':
      return softmaxOver(block.live, block.a, 1);
    case 'gaea':
    case 'fixed':
      return block.a.map((value, m) => (block.live[m] ? value : 0));
  }
}

/**
 * α of one training step. `dash` draws Gumbel-softmax(a, τ) once a block, the noise keyed by
 * (seed, step, block, component); every other algorithm takes `alphasOf`.
 */
export function drawAlphas(state: ArchitectureState, seed: number, step: number): number[][] {
  if (state.algorithm !== 'dash') return alphasOf(state);
  return state.blocks.map((block, i) => {
    if (block.pinned !== undefined) return [...block.pinned];
    const noisy = block.a.map((value, m) =>
      block.live[m] ? value + gumbelNoise(seed, step, i, m) : value,
    );
    return softmaxOver(block.live, noisy, state.temperature);
  });
}

/** Standard Gumbel noise of one use; block and component from 0. */
export function gumbelNoise(seed: number, step: number, block: number, component: number): number {
  return RandomStream.named(seed, `gumbel/${step}/${block}/${component}`).gumbel();
}

/** Whether the search moves this block: not pinned, not `fixed`, and more than one component left. */
export function isSearched(state: ArchitectureState, block: number): boolean {
  const { pinned, live } = state.blocks[block]!;
  return state.algorithm !== 'fixed' && pinned === undefined && count(live) > 1;
}

/** softmax(values / τ) over the live entries; the others are exactly 0. */
export function softmaxOver(
  live: readonly boolean[],
  values: readonly number[],
  temperature: number,
): number[] {
  const largest = Math.max(...values.filter((_, m) => live[m]));
  const powers = values.map((value, m) =>
    live[m] ? Math.exp((value - largest) / temperature) : 0,
  );
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Live entries scaled to sum to 1, the others 0; uniform over the live ones where they sum to 0. */
export function normaliseOver(live: readonly boolean[], values: readonly number[]): number[] {
  const total = sumOver(live, values);
  const share = 1 / count(live);
  return values.map((value, m) => (!live[m] ? 0 : total > 0 ? value / total : share));
}

function sumOver(live: readonly boolean[], values: readonly number[]): number {
  return values.reduce((sum, value, m) => (live[m] ? sum + value : sum), 0);
}

function count(live: readonly boolean[]): number {
  return live.filter(Boolean).length;
}

function sameNumbers(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
