/**
 * `projectors.json` beside `model.safetensors`: pretrained projectors as a folder of their own, which says what hybrid they
 * belong to. It can come from anywhere: everything is checked.
 */
import path from 'node:path';
import { z } from 'zod';
import { PROJECTOR_KINDS } from '../models/projector';
import type { ProjectorManifest } from '../models/modelReader';
import { WeightsError } from './errors';
import { readInFolder } from './modelFiles';

export const PROJECTOR_MANIFEST = 'projectors.json';
const MAX_BYTES = 16 << 20;

const count = z.int().min(0);
const schema = z.object({
  manticoreProjectors: z.literal(1),
  components: z
    .array(
      z.object({
        name: z.string().min(1).max(256),
        family: z.string().min(1).max(64),
        layers: count,
        width: count,
      }),
    )
    .min(1)
    .max(64),
  blocks: count.min(1).max(4096),
  width: count,
  vocabulary: count,
  kind: z.enum(PROJECTOR_KINDS),
  tokenizer: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  embeddings: z.boolean(),
  seed: count,
  tokens: count,
  validationLoss: z.number(),
  alphas: z.array(z.array(z.number()).max(64)).max(4096),
});

/** @returns `undefined` where there is none: another folder of weights. @throws WeightsError for a damaged one */
export async function readProjectorManifest(
  folder: string,
): Promise<ProjectorManifest | undefined> {
  try {
    const bytes = await readInFolder(folder, PROJECTOR_MANIFEST, MAX_BYTES);
    const parsed = schema.safeParse(JSON.parse(bytes.toString('utf8')));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw damaged(folder, `${issue!.path.join('.')}: ${issue!.message}`);
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(folder, 'it is not JSON');
    if (error instanceof WeightsError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

export function projectorManifestText(manifest: ProjectorManifest): string {
  return `${JSON.stringify({ manticoreProjectors: 1, ...manifest }, null, 2)}\n`;
}

function damaged(folder: string, why: string): WeightsError {
  const file = path.join(folder, PROJECTOR_MANIFEST);
  return new WeightsError(
    'config-damaged',
    `${file} is damaged: ${why}.`,
    'Pretrain the projectors again.',
    file,
  );
}
