/** The experiments of `docs/results.md`, in its order: what each asks, and of which configs its runs are. */

export interface Experiment {
  readonly title: string;
  /** What it asks, and what there is to know of how; Markdown. */
  readonly question: string;
  /** Paths in the repository. */
  readonly configs: readonly string[];
  /**
   * `models`: every model of its runs in one table, the hybrid beside the best component at each budget. `handOver`: what
   * survives hard α. `grid`: what validation chooses of a sweep for each model. `alphas`: α by hand, drawn beside that of the
   * first config's search.
   */
  readonly view: 'models' | 'handOver' | 'grid' | 'alphas';
}

const at = (name: string): string => `examples/experiments/${name}.manticore.yaml`;
const mad = (task: string): Experiment => ({
  title: `MAD: ${task.replaceAll('-', ' ')}`,
  question: 'A hybrid of two small models from scratch on a synthetic task, beside each alone.',
  configs: [at(`mad/${task}`)],
  view: 'models',
});

export const EXPERIMENTS: readonly Experiment[] = [
  {
    title: 'Quickstart: two pretrained models on text of both kinds',
    question:
      'A transformer that has read a novel and a state-space model that has read speeches, on text of both: is the searched hybrid better than the better of the two, fine-tuned on the same tokens?',
    configs: ['examples/quickstart.manticore.yaml'],
    view: 'models',
  },
  {
    title: 'Mixed completions',
    question:
      'The argument for hybrids: data of which each component knows a half. The completions are sampled from the two tiny models themselves, half and half, so that a model which has both should beat each of them fine-tuned under the same budget, counted in tokens and counted in FLOPs. `pretrained` has what the paper has before its searches: projectors pretrained on general text.',
    configs: [at('completions/completions'), at('completions/pretrained')],
    view: 'models',
  },
  {
    title: 'Mixed completions: α by hand under the searched α',
    question:
      'Every block at the same α, from all mamba (0) to all neox (1), fine-tuned under the budget of the searched hybrid above. Does the search find what a line search over one α finds? The searched hybrid has an α of its own in each block; the picture has it at their mean.',
    configs: [at('completions/completions'), at('completions/alpha')],
    view: 'alphas',
  },
  {
    title: 'Mixed completions: one block, more updates',
    question:
      'The same data with one block, so that each component stays whole between one mixture of embeddings and one of heads; α learnt on the same batches as the weights, which are kept, so that the baselines have every token that the search read. Five times the updates; and half of those, run after them with the number from one seed’s validation: it says when the hybrid is ahead, and is no independent confirmation that it is.',
    configs: [at('completions/one-block')],
    view: 'models',
  },
  {
    title: 'Gates and hard hand-overs, pretrained components',
    question:
      'What is left of a searched hybrid when each block keeps its largest α alone, or drops small ones, and nothing is trained in between: with the gate of the paper, and with the gate `transition`, whose skip weight is the product of two neighbouring blocks’ α, over one, two and four blocks?',
    configs: [at('gates/hand-over')],
    view: 'handOver',
  },
  {
    title: 'Gates and hard hand-overs, eight layers from scratch',
    question: 'The same up to eight blocks, of two components of eight layers from scratch.',
    configs: [at('gates/deep')],
    view: 'handOver',
  },
  {
    title: 'Cost-aware search',
    question:
      'A search that weighs the FLOPs of its α, then the largest α of each block alone, fine-tuned: a hybrid that costs about what one component costs, beside the components at equal training FLOPs.',
    configs: [at('cost/flops')],
    view: 'models',
  },
  {
    title: 'Projectors: none, linear, MLP, pretrained',
    question:
      'What projectors give the hybrid: without any, linear ones that begin as the identity, an MLP beside the identity, and linear ones pretrained on the training text before the search (which the baselines get nothing for).',
    configs: [at('projectors/pretrain'), at('projectors/kinds')],
    view: 'models',
  },
  {
    title: 'Programming a hybrid',
    question:
      'α that are searched on cheap synthetic tasks in place of the text, beside those of a search on the text and uniform ones, each fine-tuned alike, and beside the components.',
    configs: [at('program/mad')],
    view: 'models',
  },
  {
    title: 'Four families in one hybrid',
    question: 'GPT-2, Llama, Mamba and Mamba-2 from scratch in one hybrid, beside each alone.',
    configs: [at('families/four-families')],
    view: 'models',
  },
  {
    title: 'Hand-designed hybrids on in-context recall',
    question:
      'The searched hybrid of the MAD task beside MambaFormer and striped stacks, with Mamba and with Hyena, as many updates on as many tokens.',
    configs: [
      at('mad/in-context-recall'),
      at('stacks/mambaformer'),
      at('stacks/striped'),
      at('stacks/hyena'),
    ],
    view: 'models',
  },
  {
    title: 'Hand-designed hybrids under the hybrid’s own budget',
    question:
      'MambaFormer, a striped stack and one with Hyena are baselines of the run itself: as many updates on as many tokens as the searched hybrid, of about its size.',
    configs: [at('stacks/baselines')],
    view: 'models',
  },
  ...[
    'noisy-in-context-recall',
    'fuzzy-in-context-recall',
    'memorization',
    'compression',
    'selective-copying',
  ].map(mad),
  {
    title: 'MAD: the protocol’s grid',
    question:
      'The grid of the MAD paper over learning rate and weight decay, in a small form: each model’s best of six settings, chosen on validation.',
    configs: [at('mad/protocol')],
    view: 'grid',
  },
  {
    title: 'MAD: difficulty',
    question:
      'In-context recall over the length of the sequence, each model at the better of two learning rates, chosen on validation.',
    configs: [at('mad/difficulty')],
    view: 'grid',
  },
  {
    title: 'ListOps, a short stand-in',
    question:
      'The class of nested operators on digits: sequences of at most 64 tokens in place of the Long Range Arena’s 500 to 2,000.',
    configs: [at('lra/listops')],
    view: 'models',
  },
];

/** Configs that are grids with seeds of their own; of any other a run is three seeds. */
const GRIDS: ReadonlySet<string> = new Set(
  [
    ...['completions/completions', 'completions/alpha', 'completions/pretrained'],
    'completions/one-block',
    ...['gates/hand-over', 'gates/deep', 'projectors/kinds', 'mad/protocol', 'mad/difficulty'],
  ].map(at),
);

/** Options with which the page's runs are started. */
export const usualOptions = (config: string): readonly string[] =>
  GRIDS.has(config) ? [] : ['sweep={ search.seed: [1, 2, 3] }'];

export const CONFIGS: readonly string[] = [
  ...new Set(EXPERIMENTS.flatMap(({ configs }) => configs)),
];
