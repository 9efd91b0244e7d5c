/** A family at a size that trains in minutes: what `program` builds its supernets of. Pure. */
import type { Architecture } from './architecture';
import { stackSettings } from './stack';

/** Width of an attention head, and of a state-space head: widths are multiples of it. */
export const SMALL_HEAD = 16;

export interface SmallSize {
  /** A multiple of `SMALL_HEAD`. */
  readonly width: number;
  readonly layers: number;
  readonly vocabulary: number;
  /** Positions of a sequence. */
  readonly context: number;
}

/**
 * The hub's `config.json` fields of a small model of the architecture's family, with the family's own defaults and no dropout.
 * A stack keeps its list of layers, which is what it is.
 */
export function smallConfig(architecture: Architecture, size: SmallSize): Record<string, unknown> {
  const { width, layers, vocabulary, context } = size;
  const heads = width / SMALL_HEAD;
  const shared = {
    vocab_size: vocabulary,
    hidden_size: width,
    num_hidden_layers: layers,
  };
  const attention = {
    ...shared,
    num_attention_heads: heads,
    intermediate_size: 4 * width,
    max_position_embeddings: context,
  };
  switch (architecture.family) {
    case 'gpt2':
      return {
        ...{ vocab_size: vocabulary, n_embd: width, n_layer: layers, n_head: heads },
        ...{ n_positions: context, embd_pdrop: 0, attn_pdrop: 0, resid_pdrop: 0 },
      };
    case 'gptNeo':
      return {
        ...{ vocab_size: vocabulary, hidden_size: width, num_layers: layers, num_heads: heads },
        ...{ max_position_embeddings: context, attention_types: alternating(layers) },
      };
    case 'gptNeox':
      return attention;
    case 'llama':
      return { ...attention, intermediate_size: 2 * width };
    case 'mamba':
      return shared;
    case 'mamba2':
      // Its mixer is twice as wide as the model.
      return { ...shared, num_heads: 2 * heads, head_dim: SMALL_HEAD, n_groups: 1, state_size: 16 };
    case 'stack':
      return {
        ...{ vocab_size: vocabulary, hidden_size: width, num_attention_heads: heads },
        // The longest that the filters of its Hyena layers reach; 2 is their least.
        max_seq_len: Math.max(2, context),
        layer_types: stackSettings(architecture).layerTypes,
      };
  }
}

/** Global and local attention in turn, as GPT-Neo's own. */
function alternating(layers: number): unknown {
  return Array.from({ length: layers }, (_, layer) => [[layer % 2 === 0 ? 'global' : 'local'], 1]);
}
