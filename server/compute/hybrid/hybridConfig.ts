/**
 * `config.json` of a hybrid's folder: `model_type: manticore`, the components' own configs, α, and how they are joined.
 * A folder can come from anywhere: everything is checked before a tensor is read.
 */
import { z } from 'zod';
import { FAMILY_NAMES, type Architecture } from '../../models/architecture';
import { familyTable } from '../../models/families';
import { hybridTensors } from '../../models/hybridTensors';
import { PROJECTOR_KINDS } from '../../models/projector';
import { splitLayers } from '../../models/split';
import type { PlanTensor } from '../../contract/plan';
import type { ConstantRows } from './decode';
import { resultDamaged } from './errors';
import type { HybridComponent, HybridDesign } from './hybrid';
import { TRANSFORMERS_CLASS } from './transformers/names';

export const HYBRID_MODEL_TYPE = 'manticore';
const MAX_COMPONENTS = 64;
const MAX_BLOCKS = 4096;
const weight = z.number().min(0).max(1);

const hybridConfigSchema = z.object({
  model_type: z.literal(HYBRID_MODEL_TYPE),
  manticore: z.literal(1),
  architectures: z.array(z.string()).optional(),
  vocab_size: z.int().min(1).max(16_777_216),
  gate: z.enum(['paper', 'transition', 'none']),
  head: z.enum(['first', 'last']),
  projectors: z.enum(PROJECTOR_KINDS),
  auto_encoder: z.boolean().default(false),
  classifier: z
    .object({ classes: z.int().min(2).max(65_536), sequences: z.literal([1, 2]) })
    .optional(),
  components: z
    .array(
      z.object({
        name: z.string().regex(/^[A-Za-z][\w-]*$/),
        family: z.enum(FAMILY_NAMES),
        config: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1)
    .max(MAX_COMPONENTS),
  blocks: z
    .array(z.object({ alphas: z.array(weight), live: z.array(z.int().min(0)).min(1) }))
    .min(1)
    .max(MAX_BLOCKS),
});

/** What the file says, checked. */
export interface HybridFile {
  readonly design: HybridDesign;
  /** α, [N][K]. */
  readonly alphas: ConstantRows;
  /** Components that have tensors in each block, by position. */
  readonly live: readonly (readonly number[])[];
  /** Each component's own `config.json`. */
  readonly configs: readonly Readonly<Record<string, unknown>>[];
  /** Whether its tensors have the names that `modeling_manticore.py` gives them. */
  readonly forTransformers: boolean;
}

/** The JSON of a hybrid. */
export function writeHybridConfig(
  file: Omit<HybridFile, 'forTransformers'>,
): Record<string, unknown> {
  const { design, alphas, live, configs } = file;
  return {
    architectures: ['Manticore'],
    model_type: HYBRID_MODEL_TYPE,
    manticore: 1,
    vocab_size: design.vocabulary,
    hidden_size: design.width,
    gate: design.gate,
    head: design.head,
    projectors: design.projectors,
    ...(design.autoEncoder ? { auto_encoder: true } : {}),
    ...(design.classifier ? { classifier: design.classifier } : {}),
    components: design.components.map(({ name, architecture }, m) => ({
      name,
      family: architecture.family,
      config: configs[m]!,
    })),
    blocks: live.map((members, block) => ({ alphas: [...alphas[block]!], live: [...members] })),
  };
}

/**
 * Reads the JSON of a hybrid. @param folder for messages
 * @throws HybridError saying what is wrong with it
 */
export function readHybridConfig(json: unknown, folder: string): HybridFile {
  const parsed = hybridConfigSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw resultDamaged(folder, `config.json: ${issue!.path.join('.')}: ${issue!.message}`);
  }
  const { data } = parsed;
  const names = data.components.map(({ name }) => name);
  if (new Set(names).size < names.length) {
    throw resultDamaged(folder, 'two components have one name');
  }
  const forTransformers = data.architectures?.includes(TRANSFORMERS_CLASS) ?? false;
  if (forTransformers && (data.auto_encoder || data.classifier)) {
    throw resultDamaged(folder, 'config.json: no causal language model is what it says it is');
  }
  const architectures = data.components.map((component) => readArchitecture(component, folder));
  data.blocks.forEach((block, index) => {
    checkBlock(block, index, architectures.length, folder);
  });
  return {
    design: {
      components: architectures.map((architecture, m): HybridComponent => {
        const { layers } = architecture;
        if (layers < data.blocks.length) {
          throw resultDamaged(folder, `${names[m]!} has fewer layers than there are blocks`);
        }
        return { name: names[m]!, architecture, groups: splitLayers(layers, data.blocks.length) };
      }),
      blocks: data.blocks.length,
      width: Math.max(...architectures.map(({ width }) => width)),
      vocabulary: data.vocab_size,
      gate: data.gate,
      head: data.head,
      projectors: data.projectors,
      ...(data.auto_encoder ? { autoEncoder: true } : {}),
      ...(data.classifier ? { classifier: data.classifier } : {}),
    },
    alphas: data.blocks.map(({ alphas }) => alphas),
    live: data.blocks.map(({ live }) => live),
    configs: data.components.map(({ config }) => config),
    forTransformers,
  };
}

/** The tensors that such a folder holds. */
export function tensorsOf({ design, live }: Pick<HybridFile, 'design' | 'live'>): PlanTensor[] {
  return hybridTensors({ ...design, live });
}

function readArchitecture(
  component: z.output<typeof hybridConfigSchema>['components'][number],
  folder: string,
): Architecture {
  const { value, problems } = familyTable(component.family).read(component.config);
  if (value) return value;
  const why = problems.map(({ message }) => message).join(' ');
  throw resultDamaged(folder, `the config of ${component.name}: ${why}`);
}

function checkBlock(
  { alphas, live }: { readonly alphas: readonly number[]; readonly live: readonly number[] },
  index: number,
  components: number,
  folder: string,
): void {
  const damaged = (why: string) => resultDamaged(folder, `block ${index + 1} ${why}`);
  if (alphas.length !== components) throw damaged(`has ${alphas.length} weights`);
  if (live.some((member, at) => member >= components || (at > 0 && member <= live[at - 1]!))) {
    throw damaged('lists components that are not there');
  }
  if (alphas.some((alpha, m) => alpha > 0 && !live.includes(m))) {
    throw damaged('weighs a component that it has no tensors of');
  }
  const sum = alphas.reduce((total, alpha) => total + alpha, 0);
  if (Math.abs(sum - 1) > 1e-3) throw damaged(`has weights that sum to ${sum}, not 1`);
}
