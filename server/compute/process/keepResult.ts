/** `result/`: the hybrid that a run leaves, and `alphas.json`. With several seeds the one of lowest validation loss. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Plan } from '../../contract/plan';
import { systemCode } from '../../files/systemErrors';
import { readInside, writeAtomic } from '../../runs/safeFiles';
import { exportHybrid } from '../hybrid/export';
import type { HybridModel } from '../search/hybridModel';
import type { JobDesign } from '../search/jobPlan';
import { tokenizerOf } from './runServices';

const folderName = 'result';
const alphasName = 'alphas.json';
const maximumAlphasBytes = 64 * 2 ** 20;

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
  const folder = path.join(dir, folderName);
  await mkdir(folder, { recursive: true });
  const earlier = (await readAlphas(dir))?.seeds.filter((entry) => entry.seed !== seed) ?? [];
  const own = { seed, validationLoss, alphas: alphas.map((row) => [...row]) };
  const best = [...earlier, own].reduce((a, b) => (b.validationLoss < a.validationLoss ? b : a));
  if (best === own) {
    await exportHybrid(folder, {
      hybrid: model.hybrid,
      alphas,
      configs: plan.components.map(({ config }) => config),
      tokenizer: tokenizerOf(plan),
      dtype: 'F32',
    });
  }
  const content: AlphasFile = {
    components: plan.components.map(({ name }) => name),
    kept: best.seed,
    seeds: [...earlier, own],
  };
  await writeAtomic(path.join(folder, alphasName), `${JSON.stringify(content, null, 2)}\n`);
}

/** @throws RunError `unsafe-file` when `result` or the file in it is a link */
async function readAlphas(dir: string): Promise<AlphasFile | undefined> {
  try {
    const bytes = await readInside(dir, path.join(folderName, alphasName), maximumAlphasBytes);
    const parsed = alphasFileSchema.safeParse(JSON.parse(bytes.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    // Not there yet, or left half by something else: it is made anew.
    if (error instanceof SyntaxError) return undefined;
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
