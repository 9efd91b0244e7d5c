/**
 * The update of a: from ∂L/∂α (which the tape gives) to the next a. Float64, pure.
 *
 * `darts`, `dash`: AdamW without decay (Loshchilov and Hutter, arXiv 1711.05101; without decay it is Adam).
 * `gaea`: exponentiated gradient (Li et al., arXiv 2004.07802), with a clip and a floor.
 */
import { ALPHA_FLOOR, isSearched, normaliseOver } from './architecture';
import type { ArchitectureState, BlockArchitecture } from './architecture';

/** Adam's first and second moment of each a, and how many updates each has had: [N][K]. */
export interface AlphaMoments {
  readonly first: readonly (readonly number[])[];
  readonly second: readonly (readonly number[])[];
  readonly updates: readonly (readonly number[])[];
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;
/** Largest exponent of one `gaea` update. */
const EXPONENT_CLIP = 9;

export function initialAlphaMoments(blocks: number, components: number): AlphaMoments {
  const zeros = () => Array.from({ length: blocks }, () => new Array<number>(components).fill(0));
  return { first: zeros(), second: zeros(), updates: zeros() };
}

/**
 * ∂L/∂a from ∂L/∂α at the α that the step used. Softmax: ∂L/∂a_j = α_j (g_j − Σ_k α_k g_k) / τ; `gaea`: a is α.
 * Blocks that aren't searched and pruned entries get 0.
 */
export function parameterGradients(
  state: ArchitectureState,
  alphas: readonly (readonly number[])[],
  alphaGradients: readonly (readonly number[])[],
): number[][] {
  return state.blocks.map((block, i) => {
    const g = alphaGradients[i]!;
    if (!isSearched(state, i)) return g.map(() => 0);
    if (state.algorithm === 'gaea') return g.map((value, m) => (block.live[m] ? value : 0));
    const alpha = alphas[i]!;
    const temperature = state.algorithm === 'dash' ? state.temperature : 1;
    const mean = g.reduce((sum, value, m) => (block.live[m] ? sum + alpha[m]! * value : sum), 0);
    return g.map((value, m) => (block.live[m] ? (alpha[m]! * (value - mean)) / temperature : 0));
  });
}

/** One update of a by ∂L/∂a. Blocks that aren't searched and pruned entries keep a, moments and counts. */
export function updateArchitecture(
  state: ArchitectureState,
  moments: AlphaMoments,
  gradients: readonly (readonly number[])[],
  learningRate: number,
): { readonly state: ArchitectureState; readonly moments: AlphaMoments } {
  const first = moments.first.map((row) => [...row]);
  const second = moments.second.map((row) => [...row]);
  const updates = moments.updates.map((row) => [...row]);
  const blocks = state.blocks.map((block, i): BlockArchitecture => {
    if (!isSearched(state, i)) return block;
    const g = gradients[i]!;
    if (state.algorithm === 'gaea') {
      return { ...block, a: exponentiatedGradient(block, g, learningRate) };
    }
    const a = block.a.map((value, m) => {
      if (!block.live[m]) return value;
      const count = ++updates[i]![m]!;
      first[i]![m] = BETA1 * first[i]![m]! + (1 - BETA1) * g[m]!;
      second[i]![m] = BETA2 * second[i]![m]! + (1 - BETA2) * g[m]! * g[m]!;
      const mean = first[i]![m] / (1 - BETA1 ** count);
      const deviation = Math.sqrt(second[i]![m] / (1 - BETA2 ** count));
      return value - (learningRate * mean) / (deviation + EPSILON);
    });
    return { ...block, a };
  });
  return { state: { ...state, blocks }, moments: { first, second, updates } };
}

/** a · exp(clip(−η g, −9, 9)) over the live entries, normalised, floored, normalised again. A pruned entry stays parked. */
function exponentiatedGradient(
  block: BlockArchitecture,
  g: readonly number[],
  learningRate: number,
): number[] {
  const raised = block.a.map((value, m) => {
    const exponent = Math.min(EXPONENT_CLIP, Math.max(-EXPONENT_CLIP, -learningRate * g[m]!));
    return value * Math.exp(exponent);
  });
  const floored = normaliseOver(block.live, raised).map((value) => Math.max(value, ALPHA_FLOOR));
  const next = normaliseOver(block.live, floored);
  return next.map((value, m) => (block.live[m] ? value : block.a[m]!));
}
