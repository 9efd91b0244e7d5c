/** NVIDIA's libraries that a wheel of TensorFlow asks for, in the versions that it asks for. */
import { readFile } from 'node:fs/promises';

/** A compiler for programs of the user's own; the libraries bring theirs. */
const notLoaded = /^nvidia-cuda-nvcc/;

/**
 * @param metadata the wheel's METADATA (Python's core metadata): `Requires-Dist: name<9,>=8; extra == "and-cuda"`
 * @returns `name<9,>=8` each, as pip takes it
 */
export async function readRequirements(metadata: string): Promise<string[]> {
  const lines = (await readFile(metadata, 'utf8')).split(/\r?\n/);
  return lines.flatMap((line) => {
    const [, wheel] = /^Requires-Dist: (nvidia-\S+); extra == ["']and-cuda["']/.exec(line) ?? [];
    return wheel === undefined || notLoaded.test(wheel) ? [] : [wheel];
  });
}
