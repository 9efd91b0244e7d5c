/** A config of two components from scratch on a synthetic task. */

export interface Parts {
  readonly data?: string;
  readonly rest?: string;
  readonly neox?: string;
  readonly hybrid?: string;
}

/** @param task as the config writes it */
export function taskConfig(
  kind: 'mad' | 'lra',
  task: string,
  { data = '', rest = '', neox = '', hybrid = '' }: Parts = {},
): string {
  return `manticore: 1
components:
  neox:
    family: gptNeox
    config: { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32${neox} }
    init: random
  mamba:
    family: mamba
    config: { hidden_size: 16, num_hidden_layers: 2, state_size: 4 }
    init: random
hybrid: { blocks: 2, gate: none${hybrid} }
data:
  train: { ${kind}: ${task} }
${data}search: { steps: 4 }
${rest}`;
}
