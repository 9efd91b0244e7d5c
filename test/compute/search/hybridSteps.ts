/** A tiny hybrid trained for some steps, weights and α together, on the current engine: all that it leaves behind. */
import { AlphaTensors } from '../../../server/compute/search/alphaTensors';
import { initialAlphaMoments, type AlphaMoments } from '../../../server/compute/search/alphaUpdate';
import {
  initialArchitecture,
  type ArchitectureState,
} from '../../../server/compute/search/architecture';
import { disposeAdamw, initialAdamw } from '../../../server/compute/search/optimiser';
import { trainingStep } from '../../../server/compute/search/trainingStep';
import { TrainingBatches } from '../../../server/compute/tasks/batches';
import type { Plan } from '../../../server/contract/plan';
import type { TinyComponent } from '../hybrid/tinyHybrid';
import { buildTiny, someData } from './runHarness';

/** Components that drop out wherever their family does. */
export const dropping: readonly TinyComponent[] = [
  {
    name: 'gpt',
    family: 'gpt2',
    layers: 4,
    width: 8,
    config: { resid_pdrop: 0.2, embd_pdrop: 0.1, attn_pdrop: 0.1 },
  },
  {
    name: 'neox',
    family: 'gptNeox',
    layers: 3,
    width: 4,
    config: { hidden_dropout: 0.2, attention_dropout: 0.1 },
  },
  { name: 'mamba', family: 'mamba', layers: 3, width: 6 },
];

/** Values by a parameter's name, in the model's order. */
export type NamedValues = readonly (readonly [name: string, values: Float32Array])[];

export interface TrainedHybrid {
  readonly losses: readonly number[];
  readonly architecture: ArchitectureState;
  readonly alphaMoments: AlphaMoments;
  readonly weights: NamedValues;
  /** AdamW's first moments: after one step the clipped mean gradient times 1 − β₁. */
  readonly moments: NamedValues;
}

/**
 * Each step has two micro-batches, of two sequences and of one. `goesOn` is asked between steps, where it sees what is in
 * memory.
 */
export async function trainHybrid(
  plan: Plan,
  steps: number,
  goesOn: (step: number) => boolean = () => true,
): Promise<TrainedHybrid> {
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  const model = await buildTiny(plan, live, 1);
  const alphaTensors = new AlphaTensors();
  const adamw = initialAdamw();
  const batches = new TrainingBatches(someData().train, plan.context, 1, 'search');
  const { search } = plan.config;
  let architecture = initialArchitecture(search, plan.blocks);
  let alphaMoments = initialAlphaMoments(plan.blocks.length, plan.components.length);
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const outcome = await trainingStep({
      ...{ model, alphaTensors, adamw, architecture, alphaMoments },
      plan: { weights: true, alphas: true },
      batches: [batches.next(2), batches.next(1)],
      ...{ seed: 1, step, job: 'hybrid steps' },
      weights: search,
      alphaLearningRate: search.alphaLearningRate,
    });
    ({ architecture, alphaMoments } = outcome);
    losses.push(outcome.loss);
    if (!goesOn(step)) break;
  }
  const weights = await readAll(model.parameters().map((p) => [p.name, p.variable]));
  const moments = await readAll([...adamw].map(([name, { first }]) => [name, first]));
  disposeAdamw(adamw);
  alphaTensors.dispose();
  model.dispose();
  return { losses, architecture, alphaMoments, weights, moments };
}

type Readable = { readonly data: () => Promise<unknown> };

function readAll(tensors: readonly (readonly [string, Readable])[]): Promise<NamedValues> {
  return Promise.all(
    tensors.map(async ([name, tensor]) => {
      const values = Float32Array.from((await tensor.data()) as Float32Array);
      return [name, values] as const;
    }),
  );
}
