/** `manticore check CONFIG`: problems as the editor shows them. */
import { loadConfig, placeProblems } from '../commands/configFile';
import { isError } from '../language/checkConfig';
import type { ModelReader } from '../models/modelReader';
import { createNodeModelReader } from '../weights/nodeModelReader';
import { exitCode, type Io } from './io';
import { problemLine } from './problemLine';

/** @returns the exit code: 1 when the config has errors */
export async function runCheck(
  path: string,
  io: Pick<Io, 'out' | 'err' | 'json'>,
  overrides: readonly string[] = [],
  reader: ModelReader = createNodeModelReader(),
): Promise<number> {
  const config = await loadConfig(path, reader, overrides);
  const problems = placeProblems(config);
  if (io.json) io.out(`${JSON.stringify(problems, null, 2)}\n`);
  else for (const problem of problems) io.out(problemLine(problem));
  return config.problems.some(isError) ? exitCode.problems : exitCode.done;
}
