/** What the values of the language's enumerations mean, one phrase each. */
import type { Path } from '../configDocument';
import { fits } from './entries';

type Meanings = Readonly<Record<string, string>>;

const decay: Meanings = {
  linear: 'a straight line to `finalLearningRate`',
  cosine: 'half a cosine to `finalLearningRate`',
  none: 'stays at its peak',
};

const madTasks: Meanings = {
  'in-context-recall': 'the value of a key that stood in the sequence before',
  'noisy-in-context-recall': 'the same among pairs of noise',
  'fuzzy-in-context-recall': 'the same with keys and values of several tokens',
  memorization: 'the value of a key, by a fixed map that no sequence shows',
  compression: 'the whole sequence, rebuilt out of the state at its end',
  'selective-copying': 'the tokens among blanks, in their order',
};

const queries: Meanings = {
  multiple: 'every later occurrence of a key, in testing',
  single: 'the last pair alone, behind a copy prefix',
};

const lraTasks: Meanings = {
  listops: 'the value of nested operators on digits, generated',
  text: 'whether a review is good, byte by byte (IMDb)',
  retrieval: 'whether one of two papers cites the other, byte by byte (AAN)',
  image: 'what a picture shows, pixel by pixel (CIFAR-10, grey)',
  pathfinder32: 'whether one dashed line joins two discs, 32 × 32 pixels, generated',
  pathfinder64: 'whether one dashed line joins two discs, 64 × 64 pixels, generated',
  pathfinder128: 'Path-X: the same at 128 × 128 pixels, generated',
};

const stackLayers: Meanings = {
  attention: 'causal attention with rotary positions',
  mamba: 'the mixer of Mamba',
  hyena: 'a long convolution behind gates',
  mlp: 'two matrices with a GELU between them',
  swiglu: 'a gated feed-forward layer',
};

const table: readonly (readonly [pattern: Path, meanings: Meanings])[] = [
  [
    ['components', '*', 'family'],
    {
      gpt2: 'GPT-2: absolute positions, tied head',
      gptNeo: 'GPT-Neo: global and local attention in turn',
      gptNeox: 'GPT-NeoX and Pythia: rotary positions',
      llama: 'Llama: rotary positions, RMSNorm, gated feed-forward, grouped queries',
      mamba: 'Mamba: a selective state space, no attention',
      mamba2: 'Mamba-2: a state space of many heads, no attention',
      stack: 'layers that `stack` lists one by one',
    },
  ],
  [['components', '*', 'stack', '*'], stackLayers],
  [['components', '*', 'stack', '*', 'layers', '*'], stackLayers],
  [['baselines', 'stacks', '*', 'stack', '*'], stackLayers],
  [['baselines', 'stacks', '*', 'stack', '*', 'layers', '*'], stackLayers],
  [['data', 'train', 'mad'], madTasks],
  [['data', 'train', 'mad', 'task'], madTasks],
  [['program', 'tasks', '*'], madTasks],
  [['program', 'tasks', '*', 'task'], madTasks],
  [['data', 'train', 'lra'], lraTasks],
  [['data', 'train', 'lra', 'task'], lraTasks],
  [['data', 'train', 'mad', 'queries'], queries],
  [['program', 'tasks', '*', 'queries'], queries],
  [['components', '*', 'init'], { random: 'drawn as the family draws its weights' }],
  [
    ['hybrid', 'embeddings'],
    {
      transplant:
        'pretrained ones, made out of its own rows for a component with another tokenizer',
      random: 'drawn anew for every pretrained component, heads tied to them',
    },
  ],
  [
    ['hybrid', 'head'],
    {
      last: 'the α of the last block mixes the heads',
      first: 'the α of the first block mixes the heads',
    },
  ],
  [
    ['hybrid', 'gate'],
    {
      paper: 'the block’s own α is the weight of the unprojected stream',
      transition: 'the product of two neighbouring blocks’ α: hand-overs go through projectors',
      none: 'no projectors: streams are padded and cut',
    },
  ],
  [
    ['hybrid', 'projectors', 'kind'],
    {
      linear: 'one linear map',
      'linear-skip': 'the stream and a linear map of it',
      mlp: 'two linear maps with a GELU between',
      'mlp-skip': 'the stream and an MLP of it',
      none: 'no weights: streams are padded and cut',
    },
  ],
  [
    ['hybrid', 'projectors', 'init'],
    { identity: 'changes nothing at the start', default: 'as `torch.nn.Linear` starts' },
  ],
  [
    ['search', 'algorithm'],
    {
      darts: 'α is a softmax over logits that AdamW learns',
      gaea: 'exponentiated gradient on α itself',
      dash: 'a Gumbel-softmax sample of α in every step',
      fixed: 'α stays as the config sets it',
    },
  ],
  [
    ['search', 'schedule'],
    {
      simultaneous: 'one batch updates weights and α',
      alternating: 'weights on one batch, α on the next',
      bilevel: 'α on a part held out of the training text',
    },
  ],
  [
    ['search', 'checkpointing'],
    {
      auto: 'on where the run would not fit the memory without it',
      on: 'blocks are computed again in the backward pass: less memory, more time',
      off: 'everything is kept for the backward pass',
    },
  ],
  [
    ['search', 'cost', 'kind'],
    {
      flops: 'forward operations a token',
      parameters: 'numbers to hold',
      milliseconds: 'time of a forward pass, measured once on the run’s engine before the search',
    },
  ],
  [['search', 'decay'], decay],
  [['finetune', 'decay'], decay],
  [['program', 'decay'], decay],
  [['hybrid', 'projectors', 'pretrain', 'decay'], decay],
  [
    ['finetune', 'alphas'],
    { soft: 'α as the search found it', argmax: 'the largest component of each block alone' },
  ],
  [
    ['finetune', 'weights'],
    {
      rewind: 'start again from the pretrained weights',
      keep: 'go on from the searched weights',
    },
  ],
  [
    ['baselines', 'match'],
    { steps: 'as many steps as the hybrid had', flops: 'as many FLOPs as the hybrid had' },
  ],
  ...[['engine'], ['engine', 'name']].map((path): readonly [Path, Meanings] => [
    path,
    {
      auto: 'the fastest that runs here',
      wasm: 'WebAssembly on the processor: runs everywhere',
      webgpu: 'the GPU of any maker, once `manticore engines --install webgpu` has fetched it',
      tensorflow: 'TensorFlow’s native library',
    },
  ]),
];

/** A phrase without a full stop; `undefined` where none is known. */
export function meaningOf(path: Path, value: string): string | undefined {
  const meanings = table.find(([pattern]) => fits(path, pattern))?.[1];
  return meanings && Object.hasOwn(meanings, value) ? meanings[value] : undefined;
}
