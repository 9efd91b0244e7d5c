/** Starts a run: a checked config becomes a run folder, and a detached process that works on it. */
import { version } from '../../package.json';
import type { RunRef } from '../contract/runViews';
import type { RunOfSweep } from '../contract/run';
import { isError } from '../language/checkConfig';
import { launchDetached } from '../runs/launch';
import { COMPUTE_FLAGS, type NodeChoice } from '../runs/nodeBinary';
import { createRunFolder, holdReserve } from '../runs/runFolder';
import { CommandError } from './commandError';
import { computePath, nodeOf, type ComputeProgram } from './computeProgram';
import { placeProblems, type ConfigFile } from './configFile';

/** A run whose process has published itself, or has already said how it ended. */
export interface LaunchedRun extends RunRef {
  readonly node: NodeChoice;
}

export interface StartOptions {
  /** Folder in which the run folder is made; default `.manticore/runs` beside the config. */
  readonly out?: string;
  /** Told the folder once it is made, before the process is started. */
  readonly onFolder?: (run: RunRef) => unknown;
  /** The sweep whose cell this is. */
  readonly sweep?: RunOfSweep;
}

/**
 * @throws CommandError `config-errors`, `config-incomplete`; RunError `run-folder-refused`, `disk-full`,
 * `node-missing`, `start-failed`
 */
export async function startRun(
  config: ConfigFile,
  program: ComputeProgram,
  options: StartOptions = {},
): Promise<LaunchedRun> {
  if (config.sweep !== undefined) throw new Error('a sweep is many runs: its cells are started');
  const plan = runnablePlan(config);
  const { id, dir } = await createRunFolder({
    configPath: config.path,
    configText: config.text,
    plan,
    ...(options.out === undefined ? {} : { out: options.out }),
    versions: { manticore: version },
    ...(options.sweep === undefined ? {} : { sweep: options.sweep }),
  });
  await options.onFolder?.({ id, dir });
  return { id, dir, node: await launchRun(dir, 'run', program) };
}

/**
 * The plan of a config without errors (of a sweep, that of its first cell).
 * @throws CommandError `config-errors`, which names the first error; `config-incomplete`
 */
export function runnablePlan(config: ConfigFile): NonNullable<ConfigFile['plan']> {
  const problems = placeProblems(config);
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first !== undefined) {
    const more = errors.length === 1 ? '' : ` (the first of ${errors.length} errors)`;
    throw new CommandError(
      'config-errors',
      `${config.path}, line ${first.line}${more}: ${first.message}`,
      'Mend the errors of the config, then run it again.',
    );
  }
  if (config.plan !== undefined) return config.plan;
  const missing = problems.find(({ code }) => code === 'not-cached');
  throw new CommandError(
    'config-incomplete',
    missing === undefined
      ? `${config.path}: a model that it names is not on this machine.`
      : `${config.path}, line ${missing.line}: ${missing.message}`,
    'Download every model that the config names, then run it again.',
  );
}

/** Whether `startRun` would start this config. */
export const isRunnable = (config: ConfigFile): boolean =>
  config.plan !== undefined && !config.problems.some(isError);

/**
 * Starts the process of a run folder, detached.
 * @throws RunError `disk-full`, `node-missing`, `already-running`, `start-failed`
 */
export async function launchRun(
  dir: string,
  mode: 'run' | 'resume',
  program: ComputeProgram,
): Promise<NodeChoice> {
  const node = await nodeOf(program);
  // On a full disk the process could not even say why it ended.
  await holdReserve(dir);
  await launchDetached({
    computePath: computePath(program),
    runDir: dir,
    nodePath: node.path,
    execArgv: COMPUTE_FLAGS,
    args: [mode, dir],
    env: node.environment,
  });
  return node;
}
