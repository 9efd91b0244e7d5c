/** Greedy text from a hybrid at uniform α, id by id, as `manticore generate` makes it. */
import { generateIds } from '../../../server/compute/hybrid/generate';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import type { Plan } from '../../../server/contract/plan';
import type { Work } from './ours';
import type { Scene } from './scene';

export async function generationWork(plan: Plan, scene: Scene): Promise<Work> {
  const files = new ComponentFiles(plan);
  const live = plan.blocks.map(() => plan.components.map(() => true));
  const { hybrid } = await files.build(live, 1);
  await files.close();
  const rows = plan.blocks.map(({ initial }) => initial);
  const greedy = { temperature: 0, topP: 1, seed: 1, stop: [] };

  /** The time is that of the tokens after the first, which carries the prompt. */
  const text = async (maxTokens: number) => {
    const ids: number[] = [];
    let begun = 0;
    for await (const id of generateIds(hybrid, rows, scene.prompt, {
      ...greedy,
      maxTokens,
    })) {
      ids.push(id);
      if (ids.length === 1) begun = performance.now();
    }
    return { ids, milliseconds: (performance.now() - begun) / (ids.length - 1) };
  };
  return {
    check: async () => (await text(scene.context)).ids,
    repeat: async (count) => {
      await text(count);
    },
    turn: async () => {
      let sum = 0;
      for (let each = 0; each < scene.perTurn; each++)
        sum += (await text(scene.context)).milliseconds;
      return [sum / scene.perTurn];
    },
  };
}
