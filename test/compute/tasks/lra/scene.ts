/** Knobs of Long Range Arena tasks for tests, and small folders of files in the release's layouts. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LraSource, LraTask } from '../../../../server/contract/config';
import { RandomStream } from '../../../../server/models/random';
import { lraTable } from '../../../../server/models/lraTasks';

/** The task at its defaults but for `knobs`. */
export function lraSource(task: LraTask, knobs: Partial<LraSource> = {}): LraSource {
  return { kind: 'lra', task, folder: undefined, ...lraTable(task).defaults, ...knobs };
}

export const streamOf = (seed: number) => RandomStream.named(seed, 'test');

/** Writes files below `root`, by their paths. */
export async function writeFiles(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
