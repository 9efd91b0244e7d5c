/**
 * The hybrid's forward pass: Manticore (Roberts et al., arXiv 2406.00894).
 * Symbols: b batch, l length, K components m, N blocks i, d width of the residual stream, d_m width of component m,
 * V vocabulary, α[i] the mixture weights of block i, h the residual stream, u a group's input, y its output.
 */
import { tidy, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import type { ClassifierShape } from '../../models/classifier';
import { componentTensorName, projectorTensorName } from '../../models/hybridTensors';
import type { ProjectorKind } from '../../models/projector';
import { mix32 } from '../../models/random';
import type { LayerRange } from '../../models/split';
import { checkpoint } from '../engine/tape';
import { familyBlocks } from '../families/families';
import type { FamilyBlocks, LayerContext, LayerState, WeightLookup } from '../families/family';
import { decodeSequence, lastState } from './autoEncoder';
import {
  checkRows,
  fitTo,
  gated,
  gateWeights,
  mix,
  type Gate,
  type MixtureRow,
  type Summand,
} from './mixture';
import type { ParameterStore } from './parameters';
import { project, type ProjectorLookup } from './projector';

export interface HybridComponent {
  readonly name: string;
  readonly architecture: Architecture;
  /** Its layers in each block. */
  readonly groups: readonly LayerRange[];
}

/** What a hybrid is, without its numbers. */
export interface HybridDesign {
  readonly components: readonly HybridComponent[];
  /** N. */
  readonly blocks: number;
  /** d. */
  readonly width: number;
  /** V. */
  readonly vocabulary: number;
  readonly gate: Gate;
  /** The block whose α mixes the heads. */
  readonly head: 'first' | 'last';
  readonly projectors: ProjectorKind;
  /** Each head has the decoder of an auto-encoder before it. */
  readonly autoEncoder?: boolean;
  /** What stands in the place of all heads where sequences are classified (`classifier.ts`). */
  readonly classifier?: ClassifierShape;
}

export interface Hybrid {
  readonly design: HybridDesign;
  readonly parameters: ParameterStore;
}

export interface ForwardContext {
  readonly training: boolean;
  /** Key of this step's dropout; every component, layer and use draws its own mask from it. */
  readonly dropoutKey: number;
  /** Keeps each block's input alone, for a backward pass that computes the block again. */
  readonly checkpointing?: boolean;
  /** Position of the first token (0 unless decoding). */
  readonly offset?: number;
  /** Decoding state by component, then layer. */
  readonly states?: readonly LayerState[][];
}

/**
 * Logits of every position. One-hot constant rows on component m make this component m, exactly.
 * @param ids int32 [b, l], every id below V
 * @param rows α, one row a block
 * @returns [b, l, V]
 */
export function forward(
  hybrid: Hybrid,
  ids: Tensor2D,
  rows: readonly MixtureRow[],
  context: ForwardContext,
): Tensor3D {
  return headLogits(hybrid, hiddenStates(hybrid, ids, rows, context), rows);
}

/** The residual stream after the last block: ids [b, l] → [b, l, d]. */
export function hiddenStates(
  hybrid: Hybrid,
  ids: Tensor2D,
  rows: readonly MixtureRow[],
  context: ForwardContext,
): Tensor3D {
  const { components, blocks, width } = hybrid.design;
  checkRows(rows, blocks, components.length);
  const parts = components.map((_, component) => partOf(hybrid, component, context));
  let h = mix(
    parts.map((part, component) => ({
      weight: rows[0]![component]!,
      value: () => part.blocks.embed(part.architecture, part.weights, ids),
    })),
    width,
  ); // [b, l, d]
  for (let block = 0; block < blocks; block++) {
    const blockOf = (x: Tensor3D) =>
      mix(
        parts.map((part, component) => ({
          weight: rows[block]![component]!,
          ...gatedGroup(hybrid, part, rows, block, component, x),
        })),
        width,
      );
    const residual = h;
    h = context.checkpointing ? checkpoint(blockOf, h) : tidy(() => blockOf(residual)); // [b, l, d]
  }
  return h;
}

/**
 * Σ_m α[head]_m · H_m(cut_m(h)): h [b, l, d] → [b, l, V]. An auto-encoder's heads have the sequence that their decoders
 * rebuild out of h at the last position in the place of h.
 * @throws Error for a classifier, which has no head for tokens
 */
export function headLogits(hybrid: Hybrid, h: Tensor3D, rows: readonly MixtureRow[]): Tensor3D {
  const { components, autoEncoder, classifier, vocabulary } = hybrid.design;
  if (classifier) throw new Error('a classifier predicts no tokens');
  const row = headRow(hybrid.design, rows);
  const state = autoEncoder ? lastState(h) : h;
  return mix(
    components.map(({ architecture }, component) => ({
      weight: row[component]!,
      value: () => {
        const weights = weightsOf(hybrid, component);
        const own = fitTo(state, architecture.width);
        const u = autoEncoder ? decodeSequence(weights, own, h.shape[1]) : own;
        return familyBlocks(architecture.family).head(architecture, weights, u);
      },
    })),
    vocabulary,
  ); // [b, l, V]
}

/** α that mixes the heads: the first block's or the last's. */
export function headRow(design: HybridDesign, rows: readonly MixtureRow[]): MixtureRow {
  return design.head === 'first' ? rows[0]! : rows[rows.length - 1]!;
}

/** One component's group of layers in one block, without its gates: u [b, l, d_m] → same. */
export function componentGroup(
  hybrid: Hybrid,
  component: number,
  block: number,
  u: Tensor3D,
  context: ForwardContext,
): Tensor3D {
  return layerGroup(partOf(hybrid, component, context), block, u);
}

/** One component's embedding: ids [b, l] → [b, l, d_m]. */
export function componentEmbedding(hybrid: Hybrid, component: number, ids: Tensor2D): Tensor3D {
  const { architecture } = hybrid.design.components[component]!;
  return familyBlocks(architecture.family).embed(architecture, weightsOf(hybrid, component), ids);
}

/** A component as the forward pass uses it. */
interface Part {
  readonly name: string;
  readonly architecture: Architecture;
  readonly groups: readonly LayerRange[];
  readonly blocks: FamilyBlocks;
  readonly weights: WeightLookup;
  readonly context: LayerContext;
}

function partOf(hybrid: Hybrid, component: number, context: ForwardContext): Part {
  const { name, architecture, groups } = hybrid.design.components[component]!;
  return {
    name,
    architecture,
    groups,
    blocks: familyBlocks(architecture.family),
    weights: weightsOf(hybrid, component),
    context: {
      training: context.training,
      dropoutKey: mix32(context.dropoutKey ^ Math.imul(component + 1, 0x9e3779b9)),
      offset: context.offset ?? 0,
      states: context.states?.[component],
    },
  };
}

/** Component m in block i from its gate in to its gate out: h [b, l, d] → y_m [b, l, d_m], and what comes after it. */
function gatedGroup(
  { design, parameters }: Hybrid,
  part: Part,
  rows: readonly MixtureRow[],
  block: number,
  component: number,
  h: Tensor3D,
): Pick<Summand, 'value' | 'gate'> {
  const gate = design.projectors === 'none' ? 'none' : design.gate;
  const skip = gateWeights(gate, rows, headRow(design, rows), block, component);
  const tensor: ProjectorLookup = (name) =>
    parameters.get(projectorTensorName(part.name, block, name)).variable;
  const through = (side: 'in' | 'out', x: Tensor3D, width: number) =>
    project(design.projectors, side, tensor, x, width);
  const own = part.architecture.width;
  return {
    value: () => {
      const u = gated(skip.input, h, () => through('in', h, own), own); // [b, l, d_m]
      return layerGroup(part, block, u); // [b, l, d_m]
    },
    gate: { skip: skip.output, project: (y) => through('out', y, design.width) },
  };
}

/** Group i of a component, its positions before the first layer and its norm after the last: [b, l, d_m] → same. */
function layerGroup(part: Part, block: number, u: Tensor3D): Tensor3D {
  const { architecture, blocks, weights, context } = part;
  const { first, end } = part.groups[block]!;
  let y = block === 0 ? blocks.enter(architecture, weights, u, context) : u;
  for (let layer = first; layer < end; layer++) {
    const x = y;
    // What no gradient needs is freed here, not at the end of the forward pass.
    y = tidy(() => blocks.layer(architecture, weights, layer, x, context));
  }
  return block === part.groups.length - 1 ? blocks.finalNorm(architecture, weights, y) : y;
}

function weightsOf({ design, parameters }: Hybrid, component: number): WeightLookup {
  const { name } = design.components[component]!;
  return (tensor) => parameters.get(componentTensorName(name, tensor)).variable;
}
