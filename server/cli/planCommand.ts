/** `manticore plan CONFIG`: what would be built, trained and spent, before any of it is. */
import { loadConfig, placeProblems } from '../commands/configFile';
import { isError } from '../language/checkConfig';
import { planText, sweepPlanText } from '../language/planText';
import type { ModelReader } from '../models/modelReader';
import { createNodeModelReader } from '../weights/nodeModelReader';
import { exitCode, type Io } from './io';
import { problemLine } from './problemLine';

/** @returns the exit code: 1 when the config has errors, or rests on a model that isn't on this machine */
export async function runPlan(
  path: string,
  io: Pick<Io, 'out' | 'err' | 'json'>,
  overrides: readonly string[] = [],
  reader: ModelReader = createNodeModelReader(),
): Promise<number> {
  const config = await loadConfig(path, reader, overrides);
  for (const problem of placeProblems(config)) io.err(problemLine(problem));
  if (!config.plan) {
    io.err(
      `${path}: no plan can be made until ${config.problems.some(isError) ? 'the errors above are mended' : 'every model is downloaded'}.\n`,
    );
    return exitCode.problems;
  }
  const { plan, sweep } = config;
  if (io.json) io.out(`${JSON.stringify(sweep ? { ...sweep, plan } : plan, null, 2)}\n`);
  else io.out(sweep ? sweepPlanText(sweep, plan) : planText(plan));
  return config.problems.some(isError) ? exitCode.problems : exitCode.done;
}
