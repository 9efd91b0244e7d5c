/** Forward FLOPs a token of a hybrid at given α: what is computed counts, what is skipped doesn't. */
import { decoderFlops } from './autoEncoder';
import { classifierFlops } from './classifier';
import { familyTable, layersFlops } from './families';
import { hasProjectors, type HybridTensorOptions } from './hybridTensors';
import { projectorCost } from './projector';

export interface HybridCostOptions extends HybridTensorOptions {
  /** Tokens of a sequence: attention's cost depends on it. */
  readonly context: number;
}

/** Stands for any α that is neither 0 nor 1: one that a search moves. */
export const SEARCHED = 0.5;

/** One α an entry of `[block][component]`: 0 costs nothing, 1 skips its projectors. */
export type AlphaTable = readonly (readonly number[])[];

/** The group of one (component, block), without projectors. */
export function groupFlops(options: HybridCostOptions, component: number, block: number): number {
  const { architecture, groups } = options.components[component]!;
  return layersFlops(architecture, groups[block]!, options.context);
}

/** Of each gate's projector of one (component, block); 0 where there is none. */
export function gateFlops(options: HybridCostOptions, component: number, block: number): number {
  if (!hasProjectors(options, component, block)) return 0;
  const { width } = options.components[component]!.architecture;
  return projectorCost(options.projectors, options.width, width) / 2;
}

/** Of a component's own head; 0 where a classifier stands in its place. */
export function headFlops(options: HybridCostOptions, component: number): number {
  if (options.classifier) return 0;
  const { architecture } = options.components[component]!;
  const decoder = options.autoEncoder ? decoderFlops(architecture.width) : 0;
  return decoder + familyTable(architecture.family).headCost(architecture, options.vocabulary);
}

/** Of the head that is no component's, a token; 0 where there is none. */
export function sharedHeadFlops({ classifier, width, context }: HybridCostOptions): number {
  return classifier ? classifierFlops(classifier, width, context) : 0;
}

/** Whether each gate of one (component, block) projects at these α: its skip weight isn't 1. */
export function projectingGates(
  options: HybridCostOptions,
  alphas: AlphaTable,
  component: number,
  block: number,
): { readonly input: boolean; readonly output: boolean } {
  if (!hasProjectors(options, component, block)) return { input: false, output: false };
  const at = (row: readonly number[]) => row[component]!;
  const own = at(alphas[block]!);
  if (options.gate !== 'transition') return { input: own !== 1, output: own !== 1 };
  const before = at(alphas[Math.max(block - 1, 0)]!);
  const after = at(alphas[block + 1] ?? headRowOf(options, alphas));
  return { input: own * before !== 1, output: own * after !== 1 };
}

export function headRowOf({ head }: HybridCostOptions, alphas: AlphaTable): readonly number[] {
  return head === 'first' ? alphas[0]! : alphas[alphas.length - 1]!;
}

/** Embeddings are looked up, mixtures are sums: neither counts. */
export function hybridFlops(options: HybridCostOptions, alphas: AlphaTable): number {
  let flops = 0;
  alphas.forEach((row, block) => {
    row.forEach((alpha, component) => {
      if (alpha === 0) return;
      const { input, output } = projectingGates(options, alphas, component, block);
      const gates = Number(input) + Number(output);
      flops += groupFlops(options, component, block);
      flops += gates * gateFlops(options, component, block);
    });
  });
  headRowOf(options, alphas).forEach((alpha, component) => {
    if (alpha !== 0) flops += headFlops(options, component);
  });
  return flops + sharedHeadFlops(options);
}
