/** A run's process: takes the run folder, opens the engine, runs the plan's jobs, leaves the report. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { NewRunEvent } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import type { RunManifest, RunState } from '../../contract/run';
import type { Engine } from '../engine/engine';
import { writeReport } from '../../report/write';
import { CheckpointStore } from '../../runs/checkpointStore';
import { ControlServer } from '../../runs/controlServer';
import { EventLog } from '../../runs/eventLog';
import { failRun } from '../../runs/failRun';
import {
  holdReserve,
  readManifest,
  readPlanFile,
  releaseReserve,
  updateManifest,
} from '../../runs/runFolder';
import { measureCosts } from '../hybrid/measureCosts';
import { ControlQueue } from '../search/controlQueue';
import { asRunFailure } from '../failure';
import { planCosts, type HybridModel } from '../search/hybridModel';
import { finishedEvent } from '../search/results';
import { runJobs, type RunOutcome } from '../search/runJobs';
import type { TaskData } from '../tasks/taskData';
import { LoadingStopped } from '../tasks/text';
import { TokenStore } from '../tasks/tokenStore';
import { textTokenizerOf } from '../tasks/tokens';
import { keepProjectors } from './keepProjectors';
import { keepResult } from './keepResult';
import { beginAgain, resumePoint, type ResumePoint } from './resumePoint';
import { loadRunData } from './runData';
import { differences, openPlannedEngine, passedOver, summarizeEngine } from './runEngine';
import type { JobServices } from '../search/services';
import { ComponentFiles, PRETRAINED } from './runServices';

/**
 * Runs, or goes on with, the run in `dir` until it is done, stopped or failed; every outcome stands in the log.
 * @returns whether it ended well
 * @throws RunError `already-running` when another process has the folder
 */
export async function runProcess(dir: string, resume: boolean): Promise<boolean> {
  const manifest = await readManifest(dir);
  const controls = new ControlQueue();
  const process = new RunProcess(dir, manifest, controls);
  const server = await ControlServer.start(
    dir,
    manifest.id,
    async (request) => {
      const reply = await controls.push(request);
      // Whoever was told yes reads the new state in `run.json`.
      await process.saved();
      return reply;
    },
    () => process.state,
  );
  try {
    return await process.go(resume, () => server.settle());
  } finally {
    await server.close();
  }
}

class RunProcess {
  state: RunState = 'starting';
  private saving: Promise<unknown> = Promise.resolve();
  /** Warnings of a resumption, due behind its event. */
  private unsaid: NewRunEvent[] = [];
  /** Of the last evaluation. */
  private validationLoss = Number.POSITIVE_INFINITY;

  constructor(
    private readonly dir: string,
    private readonly manifest: RunManifest,
    private readonly controls: ControlQueue,
  ) {
    const stop = (): void => void controls.push({ action: 'stop', checkpoint: true });
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  }

  async go(resume: boolean, settle: () => Promise<void>): Promise<boolean> {
    // A stale last word of an earlier try must not end those who follow this one.
    await updateManifest(this.dir, { state: 'starting', pid: process.pid });
    await holdReserve(this.dir);
    const log = await EventLog.open(this.dir);
    try {
      const outcome = await this.run(log, resume, settle);
      await this.saving;
      if (outcome.status === 'failed') {
        await this.fail(log, outcome.failure);
        return false;
      }
      log.sync();
      await writeReport(this.dir);
      await this.end(outcome.status);
      return true;
    } catch (error) {
      await this.saving.catch(() => undefined);
      await this.fail(log, asRunFailure(error));
      return false;
    } finally {
      log.close();
    }
  }

  private async run(
    log: EventLog,
    resume: boolean,
    settle: () => Promise<void>,
  ): Promise<RunOutcome> {
    const { plan, planHash } = await readPlanFile(this.dir);
    // `manticore resume` has derived the same plan from the config before it started this process.
    return this.runPlan(plan as Plan, planHash, log, resume, settle);
  }

  private async runPlan(
    plan: Plan,
    planHash: string,
    log: EventLog,
    resume: boolean,
    settle: () => Promise<void>,
  ): Promise<RunOutcome> {
    const checkpoints = await CheckpointStore.open(this.dir);
    if (!resume && log.nextSeq > 0) throw new Error('the log of a new run is not empty');
    const from = await resumePoint(this.dir, checkpoints);
    // Without a `started` event nothing has been computed yet, and no engine is the run's own.
    const engine = await openPlannedEngine(plan, from?.engine);
    const emit = (event: NewRunEvent): { readonly seq: number } => this.emit(log, event);
    const summary = summarizeEngine(engine);
    if (from === undefined) {
      if (log.nextSeq > 0) emit({ ...beginAgain(plan), supersedesFromSeq: 0 });
      const id = this.manifest.id;
      emit({ type: 'started', id, plan: planHash, ...summarizePlan(plan), engine: summary });
      passedOver(engine).forEach(emit);
    } else {
      this.unsaid = [...from.warnings, ...differences(from.engine, summary)];
    }
    this.save({ state: 'running', engine: from?.engine ?? summary });
    const files = new ComponentFiles(plan, this.dir);
    const store = new TokenStore();
    try {
      const data = await this.loadData(plan, files, store, log, from);
      if (data === undefined) return { status: 'stopped' };
      const [own, ...subplans] = [plan, ...(plan.subplans ?? [])].map(
        (each, index): JobServices => ({
          plan: each,
          data: data[index]!,
          buildModel: (live, seed, start) => files.build(live, seed, start, each),
          costs: planCosts(each),
        }),
      );
      return await runJobs(
        {
          ...own!,
          subplans,
          weights: await files.digests(),
          measureCosts: (model) =>
            measureCosts((model as HybridModel).hybrid, measuredShape(plan), () =>
              performance.now(),
            ),
          emit,
          nextSeq: () => log.nextSeq,
          controls: this.controls,
          settle,
          checkpoints: {
            write: async (step, fill) => {
              log.sync();
              return (await checkpoints.write(step, fill)).path;
            },
          },
          parkedFolder: path.join(this.dir, 'parked'),
          memoryBytes: () => takePeak(engine),
          now: () => performance.now(),
          // Every model of this run is made by `buildModel` above.
          keepResult: (model, alphas, job) =>
            keepResult(this.dir, plan, model as HybridModel, alphas, job, this.validationLoss),
          keepProjectors: (pretrained) => keepProjectors(this.dir, plan, pretrained),
        },
        from,
      );
    } finally {
      await files.close();
      await store.close();
      engine.dispose();
    }
  }

  /**
   * @returns the data of the plan, then of its subplans; `undefined` when a stop came: a new run ends with that word, an
   *   older one stands as it stood
   */
  private async loadData(
    plan: Plan,
    files: ComponentFiles,
    store: TokenStore,
    log: EventLog,
    from: ResumePoint | undefined,
  ): Promise<TaskData[] | undefined> {
    const emit = (event: NewRunEvent) => void this.emit(log, event);
    const tokenizer = async () => textTokenizerOf(await files.tokenizer());
    try {
      return await loadRunData(plan, tokenizer, store, {
        emit,
        warn: (event) => (from === undefined ? emit(event) : void this.unsaid.push(event)),
        isStopped: () => this.controls.isStopWaiting,
      });
    } catch (error) {
      if (!(error instanceof LoadingStopped)) throw error;
      if (from === undefined) emit(finishedEvent('stopped', plan, [], undefined));
      this.controls.stopBeforeSteps();
      return undefined;
    }
  }

  private emit(log: EventLog, event: NewRunEvent): { readonly seq: number } {
    // The last word of a failed run is written by `failRun`, which makes room for it on a full disk.
    if (event.type === 'failed') return { seq: log.nextSeq };
    if (event.type === 'control' && (event.action === 'pause' || event.action === 'resume')) {
      this.save({ state: event.action === 'pause' ? 'paused' : 'running' });
    }
    if (event.type === 'evaluation' && event.split === 'validation') {
      this.validationLoss = event.loss;
    }
    const logged = log.append(event);
    if (event.type !== 'resumed') return logged;
    // Ahead of `resumed` they would be superseded with all else.
    for (const warning of this.unsaid.splice(0)) log.append(warning);
    return logged;
  }

  /** Writes changes of `run.json`, one after the other. */
  private save(changes: Partial<RunManifest>): void {
    if (changes.state !== undefined) this.state = changes.state;
    this.saving = this.saving.then(() => updateManifest(this.dir, changes));
    // A failure is met where `saving` is awaited.
    this.saving.catch(() => undefined);
  }

  /** Resolves when what was to be written of `run.json` is; a failure is met where the run awaits it. */
  async saved(): Promise<void> {
    await this.saving.catch(() => undefined);
  }

  private async end(status: 'done' | 'stopped'): Promise<void> {
    this.state = status;
    if (status === 'done') {
      for (const name of ['parked', PRETRAINED])
        await rm(path.join(this.dir, name), { recursive: true, force: true });
    }
    await releaseReserve(this.dir);
    await updateManifest(this.dir, { state: status });
  }

  private async fail(log: EventLog, failure: ReturnType<typeof asRunFailure>): Promise<void> {
    this.state = 'failed';
    const { code, message, hint, cause } = failure;
    // For `compute.log`: the user reads the event.
    console.error(code === 'internal-error' && cause instanceof Error ? cause.stack : message);
    await failRun(this.dir, log, { code, message, hint });
    await writeReport(this.dir).catch((error: unknown) =>
      console.error(`no report: ${String(error)}`),
    );
  }
}

const measuredShape = ({ config, context }: Plan) => ({ batch: config.search.batch, context });

/** Most bytes that tensors took since the last call. */
function takePeak(engine: Engine): number {
  const peak = engine.peakBytes();
  engine.resetPeak();
  return peak;
}

function summarizePlan(plan: Plan) {
  return {
    components: plan.components.map(({ name, family, layers, width, parameters }) => ({
      name,
      family,
      layers,
      width,
      parameters,
    })),
    blocks: plan.blocks.length,
  };
}
