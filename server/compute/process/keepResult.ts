/** `result/`: the hybrid that a run leaves, and `alphas.json`. With several seeds the one of lowest validation loss. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Plan } from '../../contract/plan';
import { writeAtomic } from '../../runs/safeFiles';
import { exportHybrid } from '../hybrid/export';
import type { HybridModel } from '../search/hybridModel';
import type { JobDesign } from '../search/jobPlan';

const alphasName = 'alphas.json';

const alphasFileSchema = z.object({
  components: z.array(z.string()),
  /** Seed whose weights stand beside this file. */
  kept: z.number(),
  seeds: z.array(
    z.object({
      seed: z.number(),
      validationLoss: z.number(),
      /** [N][K] */
      alphas: z.array(z.array(z.number())),
    }),
  ),
});
type AlphasFile = z.infer<typeof alphasFileSchema>;

/** Adds this seed's α to `alphas.json`, and its weights if no seed before it did better. */
export async function keepResult(
  dir: string,
  plan: Plan,
  model: HybridModel,
  alphas: readonly (readonly number[])[],
  { seed }: Pick<JobDesign, 'seed'>,
  validationLoss: number,
): Promise<void> {
  const folder = path.join(dir, 'result');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, alphasName);
  const earlier = (await readAlphas(file))?.seeds.filter((entry) => entry.seed !== seed) ?? [];
  const own = { seed, validationLoss, alphas: alphas.map((row) => [...row]) };
  const best = [...earlier, own].reduce((a, b) => (b.validationLoss < a.validationLoss ? b : a));
  if (best === own) {
    await exportHybrid(folder, {
      hybrid: model.hybrid,
      alphas,
      configs: plan.components.map(({ config }) => config),
      tokenizer: plan.components[plan.tokenizer]!.tokenizerPath,
      dtype: 'F32',
    });
  }
  const content: AlphasFile = {
    components: plan.components.map(({ name }) => name),
    kept: best.seed,
    seeds: [...earlier, own],
  };
  await writeAtomic(file, `${JSON.stringify(content, null, 2)}\n`);
}

async function readAlphas(file: string): Promise<AlphasFile | undefined> {
  try {
    const parsed = alphasFileSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    // Not there yet, or left half by something else: it is made anew.
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
