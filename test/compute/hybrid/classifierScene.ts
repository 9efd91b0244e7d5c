/** A small hybrid that classifies sequences, or pairs of them, and a batch for it. */
import type { Plan } from '../../../server/contract/plan';
import type { FamilyName } from '../../../server/models/architecture';
import { familyTable } from '../../../server/models/families';
import { hybridTensors } from '../../../server/models/hybridTensors';
import { RandomStream } from '../../../server/models/random';
import { buildHybridModel, type HybridModel } from '../../../server/compute/search/hybridModel';
import type { Batch } from '../../../server/compute/tasks/batches';
import { tinyPlan, VOCABULARY, type TinyComponent } from './tinyHybrid';

export const LENGTH = 7;
export const CLASSES = 3;

const components: readonly TinyComponent[] = [
  { name: 'neox', family: 'gptNeox', layers: 2, width: 8 },
  { name: 'mamba', family: 'mamba', layers: 2, width: 4 },
];

/** A GPT-NeoX of width 8 and a Mamba of width 4 (both with untied or tied heads of their own, which aren't there). */
export function classifierPlan(sequences: 1 | 2, of = components): Plan {
  const plan = tinyPlan({ components: of, blocks: 2, gate: 'none' });
  const classifier = { classes: CLASSES, sequences };
  const tensors = hybridTensors({
    components: plan.components.map(({ name, family, config, groups }) => ({
      name,
      groups,
      architecture: familyTable(family as FamilyName).read(config).value!,
    })),
    live: plan.blocks.map(({ live }) => live),
    width: plan.width,
    vocabulary: plan.vocabulary,
    gate: 'none',
    head: 'last',
    projectors: 'linear',
    classifier,
  });
  return { ...plan, tensors, classifier };
}

export async function buildClassifier(plan: Plan): Promise<HybridModel> {
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  const model = await buildHybridModel(plan, live, 1, () =>
    Promise.resolve({ weights: undefined, tokenizer: undefined }),
  );
  // Away from a start at which biases are 0 and classes nearly alike.
  const stream = RandomStream.named(1, 'classifier');
  for (const { name, variable } of model.parameters()) {
    if (!name.startsWith('head/')) continue;
    const values = Float32Array.from({ length: variable.size }, () => 0.4 * stream.normal());
    model.hybrid.parameters.write(name, values);
  }
  return model;
}

export const half = [
  [0.5, 0.5],
  [0.5, 0.5],
];

/** Two examples, whose sequences end at different places. @param filler what stands behind their ends */
export function labelledBatch(sequences: 1 | 2, filler = 0): Batch {
  const rows = 2 * sequences;
  const lasts = Int32Array.from({ length: rows }, (_, row) => (row * 3 + 2) % LENGTH);
  const ids = Int32Array.from({ length: rows * LENGTH }, (_, at) => {
    const position = at % LENGTH;
    const isData = position <= lasts[Math.floor(at / LENGTH)]!;
    return isData ? (at * 5 + 3) % VOCABULARY : filler;
  });
  return {
    ...{ sequences: rows, length: LENGTH, ids, lasts },
    targets: Int32Array.of(2, 0),
    scored: 2,
  };
}
