/** The config language: one zod schema gives types, defaults, hover texts, completions and the JSON Schema. */
import { z } from 'zod';
import { FAMILY_NAMES } from '../models/architecture';
import { PROJECTOR_KINDS } from '../models/projector';
import { STACK_LAYERS } from '../models/stack';
import { dataSchema } from './dataSchema';
import { programSchema } from './programSchema';
import { finetuneSchema, pretrainSchema, searchSchema } from './trainingSchema';

const component = z.string().regex(/^[A-Za-z][\w-]*$/);
const count = z.int().min(1);

const byteSize = z
  .string()
  .regex(/^\d+(\.\d+)?\s*[KMGT]i?B$/)
  .describe('a size such as `4 GB`');

export const MAX_BLOCKS = 1024;

const weights = z
  .record(component, z.number().min(0))
  .describe('One weight a component; they sum to 1.');

const stackLayer = z.enum(STACK_LAYERS);

const stackSchema = z
  .array(
    z.union([
      stackLayer,
      z.strictObject({
        repeat: count.max(1024).describe('How many times the layers stand there.'),
        layers: z.array(stackLayer).min(1).max(1024).describe('The layers, in order.'),
      }),
    ]),
  )
  .min(1)
  .max(1024);

const STACK_TEXT =
  'The layers, in order: `attention`, `mamba`, `hyena`, `mlp`, `swiglu`, or `{ repeat: 4, layers: [attention, mamba] }`.';

const componentSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .optional()
    .describe('A folder in Hugging Face layout, or `hf:owner/name[@revision]`.'),
  family: z.enum(FAMILY_NAMES).optional().describe('Family of a component built from scratch.'),
  config: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The hub's `config.json` fields of a component built from scratch."),
  stack: stackSchema.optional().describe(`Of \`family: stack\`. ${STACK_TEXT}`),
  init: z
    .enum(['random'])
    .optional()
    .describe('Initial weights of a component built from scratch.'),
  tokenizer: z
    .string()
    .min(1)
    .optional()
    .describe('Another source for the tokenizer: a folder or `hf:owner/name`.'),
});

const mixtureSchema = z.strictObject({
  pin: z
    .union([component, weights])
    .optional()
    .describe("Fixes the block's α: a component, or one weight a component."),
  prune: z.array(component).optional().describe('Components left out of this block.'),
  init: weights.optional().describe('α at the start of the search.'),
});

const hybridSchema = z.strictObject({
  blocks: count.max(MAX_BLOCKS).describe('Number of Manticore blocks N.'),
  tokenizer: component
    .optional()
    .describe('The component whose tokenizer the hybrid uses; default the first.'),
  embeddings: z
    .enum(['transplant', 'random'])
    .default('transplant')
    .describe(
      'How embeddings and heads start. `transplant`: pretrained ones, made out of its own rows for a component with another tokenizer. `random`: those of every pretrained component at N(0, 0.02), heads tied to them, as in the research code; a baseline keeps its own.',
    ),
  head: z.enum(['last', 'first']).default('last').describe('The block whose α mixes the heads.'),
  gate: z
    .enum(['paper', 'transition', 'none'])
    .default('paper')
    .describe('How projected and unprojected streams mix.'),
  projectors: z
    .strictObject({
      kind: z.enum(PROJECTOR_KINDS).default('linear').describe('Shape of the projectors.'),
      init: z
        .enum(['identity', 'default'])
        .default('identity')
        .describe('Initial weights of the projectors.'),
      from: z
        .string()
        .min(1)
        .optional()
        .describe(
          'A run or a folder whose projectors, and embeddings, are loaded. Of a run that pretrained some: those.',
        ),
      pretrain: pretrainSchema
        .optional()
        .describe(
          'Trains the projectors on general text before the search, the components frozen: at least its `data` and `steps`. `result/projectors` keeps them for other runs.',
        ),
    })
    .prefault({})
    .describe('The translators between components.'),
  mixture: z
    .record(z.string().regex(/^([1-9]\d*|all)$/), mixtureSchema)
    .default({})
    .describe(
      'Pins and prunings by block, from 1; `all` is for every block without an entry of its own.',
    ),
});

const baselinesSchema = z.strictObject({
  components: z
    .boolean()
    .default(true)
    .describe('Fine-tune every component alone under the same budget.'),
  match: z.enum(['steps', 'flops']).default('steps').describe('What an equal budget means.'),
  uniform: z.boolean().default(false).describe('Fine-tune the hybrid with uniform α as well.'),
  stacks: z
    .record(
      component,
      z
        .strictObject({
          stack: stackSchema.optional().describe(STACK_TEXT),
          config: z
            .record(z.string(), z.unknown())
            .optional()
            .describe(
              'Its sizes, as a component of `family: stack` has them; the vocabulary is the hybrid’s.',
            ),
        })
        .describe('A hybrid that is designed by hand: its layers, and their sizes.'),
    )
    .optional()
    .describe(
      'Hybrids that are designed by hand, by name, each from scratch: `mambaformer: { stack: [mamba, { repeat: 2, layers: [attention, mamba] }], config: { hidden_size: 64, num_attention_heads: 2 } }`. Each is trained on the same data under the same budget.',
    ),
});

const engineSchema = z.strictObject({
  name: z.enum(['auto', 'wasm', 'webgpu', 'tensorflow']).default('auto').describe('The engine.'),
  threads: count.max(256).optional().describe('Threads; default the physical cores.'),
  memoryLimit: z.union([count, byteSize]).optional().describe('Bytes, or such as `4 GB`.'),
});

export const configSchema = z.strictObject({
  manticore: z.literal(1).describe('The version of the format; write 1.'),
  components: z
    .record(component, componentSchema)
    .describe('The models to mix, by name: `name: { source: ./folder }`.'),
  hybrid: hybridSchema.describe(
    'What is built of the components: at least its number of `blocks`.',
  ),
  data: dataSchema.describe('The text: at least `train` and `context`; or a task.'),
  search: searchSchema.describe('The architecture search: at least its `steps`.'),
  program: programSchema
    .optional()
    .describe(
      'Programs the hybrid: α are the mean of those that small supernets of the same families find on synthetic tasks, and the hybrid is fine-tuned with them. At least its `tasks`.',
    ),
  finetune: z
    .union([finetuneSchema, z.literal(false)])
    .default(false)
    .describe('Fine-tuning after the search; `false` = none.'),
  baselines: z
    .union([z.boolean(), baselinesSchema])
    .default(false)
    .describe('What the hybrid is compared with.'),
  engine: z
    .union([engineSchema.shape.name, engineSchema])
    .default('auto')
    .describe('Where it runs.'),
  sweep: z
    .record(z.string(), z.array(z.unknown()).min(1))
    .optional()
    .describe(
      'A grid: keys as paths with dots, each with a list of values, such as `search.learningRate: [1e-4, 5e-4]`. Every combination is a run of its own, in the order of the text, the first key slowest.',
    ),
});

/** A config as written, checked by the schema; `resolve.ts` fills in the defaults that depend on other keys. */
export type Config = z.output<typeof configSchema>;
