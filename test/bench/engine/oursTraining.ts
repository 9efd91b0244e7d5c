/** Training steps by the product's own job: the same object that a run steps. */
import { ComponentFiles } from '../../../server/compute/process/runServices';
import { initialArchitecture } from '../../../server/compute/search/architecture';
import { planCosts } from '../../../server/compute/search/hybridModel';
import { designJob } from '../../../server/compute/search/jobPlan';
import { TrainingJob } from '../../../server/compute/search/trainingJob';
import type { Plan } from '../../../server/contract/plan';
import type { Work } from './ours';
import { textOf, type Scene } from './scene';

export async function trainingWork(plan: Plan, scene: Scene): Promise<Work> {
  const files = new ComponentFiles(plan);
  const design = designJob(plan, 0);
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  const job = new TrainingJob({
    design,
    services: {
      plan,
      data: await textOf(plan),
      buildModel: (pairs, seed, start) => files.build(pairs, seed, start),
      costs: planCosts(plan),
    },
    now: () => performance.now(),
    model: await files.build(live, design.seed),
    architecture: initialArchitecture(plan.config.search, plan.blocks),
  });
  await files.close();
  const repeat = async (count: number): Promise<readonly number[]> => {
    const losses: number[] = [];
    for (let step = 0; step < count; step++) losses.push((await job.step()).loss);
    return losses;
  };
  return {
    check: repeat,
    repeat: async (count) => {
      await repeat(count);
    },
    turn: async () => {
      const begun = performance.now();
      await repeat(scene.perTurn);
      return [(performance.now() - begun) / scene.perTurn];
    },
  };
}
