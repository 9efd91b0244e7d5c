/** Small hybrids from scratch, with every tensor away from its neutral start, for the tests of this folder. */
import * as tf from '@tensorflow/tfjs-core';
import type { ProjectorSettings, ResolvedConfig } from '../../../server/contract/config';
import type { Plan, PlanComponent } from '../../../server/contract/plan';
import type { FamilyName } from '../../../server/models/architecture';
import { familyTable } from '../../../server/models/families';
import { hybridTensors } from '../../../server/models/hybridTensors';
import { RandomStream } from '../../../server/models/random';
import { splitLayers } from '../../../server/models/split';
import { buildHybrid, type BuiltHybrid } from '../../../server/compute/hybrid/build';
import type { MixtureRow } from '../../../server/compute/hybrid/mixture';

export const VOCABULARY = 13;

/** A tiny model of a family; `width` a multiple of 4. */
export function tinyConfig(
  family: FamilyName,
  layers: number,
  width: number,
): Record<string, unknown> {
  switch (family) {
    case 'gpt2':
      return {
        model_type: 'gpt2',
        vocab_size: VOCABULARY,
        n_layer: layers,
        n_embd: width,
        n_head: 2,
        n_positions: 16,
      };
    case 'gptNeo':
      return {
        model_type: 'gpt_neo',
        vocab_size: VOCABULARY,
        num_layers: layers,
        hidden_size: width,
        num_heads: 2,
        max_position_embeddings: 16,
        window_size: 3,
        attention_types: [[['local'], layers]],
      };
    case 'gptNeox':
      return {
        model_type: 'gpt_neox',
        vocab_size: VOCABULARY,
        num_hidden_layers: layers,
        hidden_size: width,
        num_attention_heads: 2,
        intermediate_size: 2 * width,
        max_position_embeddings: 16,
        rotary_pct: 1,
      };
    case 'llama':
      return {
        model_type: 'llama',
        vocab_size: VOCABULARY,
        num_hidden_layers: layers,
        hidden_size: width,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        intermediate_size: 2 * width,
        max_position_embeddings: 16,
      };
    case 'mamba2':
      return {
        model_type: 'mamba2',
        vocab_size: VOCABULARY,
        num_hidden_layers: layers,
        hidden_size: width,
        state_size: 3,
        num_heads: 4,
        head_dim: width / 2,
        n_groups: 2,
      };
    case 'mamba':
      return {
        model_type: 'mamba',
        vocab_size: VOCABULARY,
        num_hidden_layers: layers,
        hidden_size: width,
        state_size: 3,
      };
    case 'stack': {
      const kinds = ['mamba', 'attention', 'swiglu', 'mlp'] as const;
      return {
        model_type: 'manticore_stack',
        vocab_size: VOCABULARY,
        hidden_size: width,
        num_attention_heads: 2,
        state_size: 3,
        layer_types: Array.from({ length: layers }, (_, layer) => kinds[layer % kinds.length]!),
      };
    }
  }
}

export interface TinyComponent {
  readonly name: string;
  readonly family: FamilyName;
  readonly layers: number;
  readonly width: number;
  /** Changes to the family's tiny config. */
  readonly config?: Record<string, unknown>;
}

export interface TinyOptions {
  readonly components: readonly TinyComponent[];
  readonly blocks: number;
  readonly gate?: 'paper' | 'transition' | 'none';
  readonly head?: 'first' | 'last';
  readonly projectors?: Partial<ProjectorSettings>;
  readonly vocabulary?: number;
  /** `prune[block from 0]`: components by position. */
  readonly prune?: Readonly<Record<number, readonly number[]>>;
  readonly checkpointing?: boolean;
}

/** The plan of a hybrid, as far as `server/compute/hybrid` reads it. */
export function tinyPlan(options: TinyOptions): Plan {
  const { blocks, gate = 'paper', head = 'last', vocabulary = VOCABULARY } = options;
  const projectors: ProjectorSettings = {
    kind: 'linear',
    init: 'default',
    from: undefined,
    pretrain: undefined,
    ...options.projectors,
  };
  const components = options.components.map((component) => planComponent(component, blocks));
  const architectures = components.map(
    ({ family, config }) => familyTable(family as FamilyName).read(config).value!,
  );
  const live = Array.from({ length: blocks }, (_, block) =>
    components.map((_, m) => m).filter((m) => !options.prune?.[block]?.includes(m)),
  );
  const width = Math.max(...architectures.map((architecture) => architecture.width));
  const tensors = hybridTensors({
    components: components.map(({ name, groups }, m) => ({
      name,
      groups,
      architecture: architectures[m]!,
    })),
    live,
    width,
    vocabulary,
    gate,
    head,
    projectors: projectors.kind,
  });
  const config = {
    manticore: 1,
    hybrid: { blocks, gate, head, projectors, embeddings: 'transplant', mixture: {} },
  };
  return {
    version: 1,
    name: 'tiny',
    base: '/',
    components,
    blocks: live.map((members) => ({
      live: members,
      pinned: undefined,
      initial: components.map((_, m) => (members.includes(m) ? 1 / members.length : 0)),
      flopsPerToken: components.map(() => 0),
    })),
    width,
    vocabulary,
    tokenizer: 0,
    context: 8,
    tensors,
    parameters: 0,
    flopsPerToken: 0,
    memory: {
      parameters: 0,
      gradients: 0,
      moments: 0,
      activations: 0,
      peak: 0,
      checkpointing: options.checkpointing ?? false,
      otherPeak: 0,
    },
    jobs: [],
    config: config as unknown as ResolvedConfig,
  };
}

function planComponent(component: TinyComponent, blocks: number): PlanComponent {
  const { name, family, layers, width } = component;
  return {
    name,
    family,
    source: { kind: 'random' },
    config: { ...tinyConfig(family, layers, width), ...component.config },
    tokenizerPath: '',
    vocabulary: 'own',
    layers,
    width,
    parameters: 0,
    flopsPerToken: 0,
    groups: splitLayers(layers, blocks),
    dropout: {},
  };
}

/** From scratch, then every value moved by N(0, 0.1): no bias is 0, no norm 1, no projector the identity. */
export async function tinyHybrid(options: TinyOptions): Promise<BuiltHybrid> {
  const hybrid = await startingHybrid(options);
  for (const { name } of hybrid.parameters.list()) {
    const stream = RandomStream.named(5, name);
    const values = await hybrid.parameters.read(name);
    hybrid.parameters.write(
      name,
      values.map((value) => value + 0.1 * stream.normal()),
    );
  }
  return hybrid;
}

/** From scratch, as initialised. */
export function startingHybrid(options: TinyOptions): Promise<BuiltHybrid> {
  const source = { weights: undefined, tokenizer: undefined };
  return buildHybrid(tinyPlan(options), () => Promise.resolve(source), 1);
}

/** Rows of positive weights that sum to 1, constants. */
export function softRows(blocks: number, components: number, seed = 1): MixtureRow[] {
  const stream = RandomStream.named(seed, 'rows');
  return Array.from({ length: blocks }, () => {
    const weights = Array.from({ length: components }, () => 0.1 + stream.uniform());
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}

export function someIds(batch: number, length: number): tf.Tensor2D {
  const stream = RandomStream.named(2, 'ids');
  const ids = Array.from({ length: batch * length }, () => stream.below(VOCABULARY));
  return tf.tensor2d(ids, [batch, length], 'int32');
}

/** Runs `f` in a tidy scope and returns the values of its tensor. */
export function valuesOf(f: () => tf.Tensor): Float32Array {
  const result = tf.tidy(f);
  const values = Float32Array.from(result.dataSync<'float32'>());
  result.dispose();
  return values;
}

/** Largest |a − b| over max(1, max |b|). */
export function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  let scale = 1;
  for (const [index, value] of b.entries()) {
    const difference = Math.abs(a[index]! - value);
    largest = Number.isNaN(difference) ? Infinity : Math.max(largest, difference);
    scale = Math.max(scale, Math.abs(value));
  }
  return largest / scale;
}

/** The rows that make the hybrid component `component`, exactly: all weight on it in every block. */
export function oneHotRows(blocks: number, components: number, component: number): MixtureRow[] {
  return Array.from({ length: blocks }, () =>
    Array.from({ length: components }, (_, other) => (other === component ? 1 : 0)),
  );
}
