/** Goes on with a run: a paused one continues, a stopped, failed or lost one starts again at its last checkpoint. */
import path from 'node:path';
import type { ControlReply } from '../contract/control';
import type { RunManifest } from '../contract/run';
import { checkConfig, isError } from '../language/checkConfig';
import type { ModelReader } from '../models/modelReader';
import type { NodeChoice } from '../runs/nodeBinary';
import { readConfigSnapshot, readPlanFile } from '../runs/runFolder';
import { stateOf } from '../runs/runState';
import { findPublication } from '../runs/runtimeFolder';
import { CommandError } from './commandError';
import type { ComputeProgram } from './computeProgram';
import { sendControl } from './sendControl';
import { launchRun } from './startRun';

export interface KnownRun {
  readonly id: string;
  readonly dir: string;
  readonly manifest: RunManifest;
}

export type ResumedRun =
  | { readonly kind: 'continued'; readonly reply: ControlReply }
  | { readonly kind: 'launched'; readonly node: NodeChoice };

/**
 * @param reader headers as they are on the disk now
 * @param beforeLaunch called once nothing stands in the way, before a process is started
 * @throws CommandError `run-done`, `already-running`, `plan-changed`; RunError as `sendControl` and `launchRun`
 */
export async function resumeRun(
  run: KnownRun,
  reader: ModelReader,
  program: ComputeProgram,
  beforeLaunch: () => Promise<void> = () => Promise.resolve(),
): Promise<ResumedRun> {
  const state = await stateOf(run.dir, run.manifest);
  switch (state) {
    case 'paused':
      return { kind: 'continued', reply: await sendControl(run.dir, { action: 'resume' }) };
    case 'done':
      throw new CommandError(
        'run-done',
        `Run ${run.id} is done: there is nothing left to do.`,
        'Rebuild its report with `manticore report`, or start a new run with `manticore search`.',
      );
    case 'running':
    case 'starting':
      // Whoever made the folder may have been killed before it had started a process. Should it yet start one, only the
      // first of the two gets the run.
      if (state === 'starting' && (await findPublication(run.dir)) === undefined) break;
      throw new CommandError(
        'already-running',
        `Run ${run.id} is ${state}.`,
        'Follow it with `manticore attach`.',
      );
    case 'stopped':
    case 'failed':
    case 'lost':
      break;
  }
  await checkPlan(run, reader);
  await beforeLaunch();
  return { kind: 'launched', node: await launchRun(run.dir, 'resume', program) };
}

/**
 * A run folder isn't trusted: the plan that stands there must be the one that its config gives now.
 * @throws CommandError `plan-changed`
 */
async function checkPlan(run: KnownRun, reader: ModelReader): Promise<void> {
  const text = await readConfigSnapshot(run.dir);
  const { plan: stored } = await readPlanFile(run.dir);
  const configPath = run.manifest.config;
  const name = path.basename(configPath).replace(/(\.manticore)?\.ya?ml$/i, '');
  const checked = await checkConfig(text, { name, base: path.dirname(configPath), reader });
  const error = checked.problems.find(isError);
  if (checked.plan !== undefined && error === undefined) {
    if (JSON.stringify(checked.plan) === JSON.stringify(stored)) return;
  }
  throw new CommandError(
    'plan-changed',
    `Run ${run.id} can't go on: ${error?.message ?? 'its models, its config or this version of Manticore are no longer those it began with.'}`,
    'Put the models back where they were, or start a new run with `manticore search`.',
  );
}
