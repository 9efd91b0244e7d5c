/**
 * Pretrained projectors on disk: each seed's in the run's `pretrained` while it goes on, for its own later jobs; those of
 * the lowest held-out loss in `result/projectors`, for other runs.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Plan } from '../../contract/plan';
import type { ProjectorManifest } from '../../models/modelReader';
import { readTokenizerIdentity } from '../../models/tokenizerIdentity';
import { writeAtomic } from '../../runs/safeFiles';
import { WEIGHTS_FILE } from '../../weights/modelFolder';
import {
  PROJECTOR_MANIFEST,
  projectorManifestText,
  readProjectorManifest,
} from '../../weights/projectorManifest';
import { readTokenizerJson } from '../../weights/tokenizer';
import { writeSafetensors } from '../../weights/writeSafetensors';
import type { PretrainedProjectors } from '../search/services';
import { pretrainedFolder, tokenizerOf } from './runServices';

/** @param dir the run folder */
export async function keepProjectors(
  dir: string,
  plan: Plan,
  pretrained: PretrainedProjectors,
): Promise<void> {
  const { seed, validationLoss, tensors } = pretrained;
  const manifest = await manifestOf(plan, pretrained);
  const result = path.join(dir, 'result', 'projectors');
  const kept = await readProjectorManifest(result);
  const isBest =
    kept === undefined || kept.seed === seed || !(kept.validationLoss <= validationLoss);
  for (const folder of [pretrainedFolder(dir, seed), ...(isBest ? [result] : [])]) {
    await mkdir(folder, { recursive: true });
    await writeSafetensors(path.join(folder, WEIGHTS_FILE), tensors, { format: 'pt' });
    await writeAtomic(path.join(folder, PROJECTOR_MANIFEST), projectorManifestText(manifest));
  }
}

async function manifestOf(
  plan: Plan,
  { seed, tokens, validationLoss, alphas }: PretrainedProjectors,
): Promise<ProjectorManifest> {
  const { kind, pretrain } = plan.config.hybrid.projectors;
  return {
    components: plan.components.map(({ name, family, layers, width }) => ({
      name,
      family,
      layers,
      width,
    })),
    blocks: plan.blocks.length,
    width: plan.width,
    vocabulary: plan.vocabulary,
    kind,
    tokenizer: await tokenizerDigest(tokenizerOf(plan)),
    embeddings: pretrain?.embeddings ?? false,
    seed,
    tokens,
    validationLoss,
    alphas: alphas.map((row) => [...row]),
  };
}

async function tokenizerDigest(folder: string | undefined): Promise<string | null> {
  if (folder === undefined) return null;
  const reading = readTokenizerIdentity(await readTokenizerJson(folder));
  return reading.ok ? reading.identity.digest : null;
}
