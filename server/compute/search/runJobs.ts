/**
 * A whole run: the plan's jobs in order, their events, checkpoints, results; from the start or from a checkpoint.
 * A resumed run computes what the uncut one would have, to the bit on one engine: all state is in `RunSnapshot` and the
 * tensors beside it, and every random draw is keyed by seed, stream and step.
 */
import type { HandOver, RunResult, Where } from '../../contract/events';
import { EvaluationBatches } from '../tasks/batches';
import { changesSince, digestOfAll } from './changes';
import { Boundary } from './boundary';
import type { StopRequest } from './boundary';
import { readSnapshot, readTensors, writeCheckpoint } from './checkpoint';
import type { TrainedTensors } from './checkpoint';
import { evaluate, type Evaluation } from './evaluate';
import { handOverOf } from './handOver';
import { runCosts, type SearchCost } from './searchCost';
import { settleCost } from './settleCost';
import { asRunFailure } from '../failure';
import type { RunFailure } from '../failure';
import { finishedEvent, reportedRuns, resultOf } from './results';
import { pretrainedTensors } from './hybridModel';
import { JobStarter } from './jobStarter';
import { parkedValues } from './parking';
import { phaseAt } from './jobPlan';
import type { ResumeFrom, RunServices } from './services';
import { checkSnapshot } from './snapshot';
import type { FinishedJob, RunSnapshot } from './snapshot';
import type { TrainingJob } from './trainingJob';

export type RunOutcome =
  | { readonly status: 'done' | 'stopped' }
  | { readonly status: 'failed'; readonly failure: RunFailure };

/**
 * Runs to the end, a stop or a failure; the last event is `finished` or `failed`.
 * @param resume `undefined`: from the start
 */
export async function runJobs(services: RunServices, resume?: ResumeFrom): Promise<RunOutcome> {
  const run = new Run(services, resume?.controls ?? []);
  try {
    return { status: await run.go(resume) };
  } catch (error) {
    const failure = asRunFailure(error);
    return { status: 'failed', failure: reportFailure(services, failure) };
  } finally {
    services.controls.close();
    run.dispose();
  }
}

/** Logs the failure; a log that can't be written any more is the failure to tell of. */
function reportFailure(services: RunServices, failure: RunFailure): RunFailure {
  try {
    const { code, message, hint } = failure;
    services.emit({ type: 'failed', code, message, hint });
    return failure;
  } catch (error) {
    return asRunFailure(error);
  }
}

class Run {
  private readonly boundary: Boundary;
  private starter: JobStarter | undefined;
  /** Of a cost-aware search. */
  private cost: SearchCost | undefined;
  private finished: FinishedJob[] = [];
  private tick = 0;
  private checkpointedTick = -1;
  private dataDigest = '';
  private job: TrainingJob | undefined;

  constructor(
    private readonly services: RunServices,
    controls: ResumeFrom['controls'],
  ) {
    this.boundary = new Boundary(services, controls);
  }

  async go(resume: ResumeFrom | undefined): Promise<'done' | 'stopped'> {
    const { jobs } = this.services.plan;
    const folder = resume?.folder;
    const snapshot = folder === undefined ? undefined : await readSnapshot(folder);
    this.dataDigest = await digestOfAll(this.services);
    if (resume) this.takeUp(resume, snapshot);
    this.cost = await settleCost(this.services, snapshot);
    const starter = new JobStarter(this.services, this.cost);
    this.starter = starter;
    if (this.cost && !snapshot) this.emit({ type: 'costs', costs: runCosts(this.cost) });
    // A run that is cut before its first step goes on like any other.
    if (!snapshot) await this.write({ ...jobs[0]!, step: 0 }, this.snapshotAt(0), undefined);
    for (let index = snapshot?.job ?? 0; index < jobs.length; index++) {
      const from =
        folder !== undefined && snapshot?.job === index ? { folder, snapshot } : undefined;
      this.job = await starter.start(index, this.finished, from);
      if (from?.snapshot.running) await this.loadRunning(this.job, from);
      const stop = await this.train(this.job);
      if (stop) return this.stop(this.job, stop);
      await this.complete(this.job, starter);
      this.job = undefined;
    }
    this.emit(this.finishedEvent('done', undefined));
    return 'done';
  }

  dispose(): void {
    this.job?.dispose(false);
    this.starter?.dispose();
  }

  /** Trains from where the job stands to its last step. @returns a stop, where one came */
  private async train(job: TrainingJob): Promise<StopRequest | undefined> {
    const { stage, subject, seed, steps } = job.design;
    // What the job before took, evaluations included, is not this one's.
    this.services.memoryBytes();
    for (;;) {
      if (stage === 'projectors' && job.progress.step === 0) await this.evaluate(job, 'validation');
      const stop = await this.boundary.pass(job);
      if (stop || job.progress.step >= steps) return stop;
      const before = job.progress.seconds;
      const { loss, tokens } = await job.step();
      this.tick += 1;
      const { step, seconds } = job.progress;
      this.emit({
        type: 'step',
        stage,
        subject,
        seed,
        step,
        steps,
        loss,
        ...(stage === 'baseline' ? {} : { alphas: job.alphas }),
        ...(job.cost === undefined ? {} : { cost: job.cost }),
        tokensPerSecond: tokens / Math.max(seconds - before, 1e-9),
        etaSeconds: job.secondsPerStep * (steps - step),
        memoryBytes: this.services.memoryBytes(),
      });
      if (step >= steps) continue;
      const { settings } = phaseAt(job.design, step).phase;
      if (step % settings.evalEvery === 0) await this.evaluate(job, 'validation');
      if (step % settings.checkpointEvery === 0) await this.checkpoint(job);
    }
  }

  /** Evaluates the trained model, keeps what is reported, and makes way for the next job. */
  private async complete(job: TrainingJob, starter: JobStarter): Promise<void> {
    const { plan } = this.services;
    const results: RunResult[] = [];
    const seen = reportedRuns(plan, job, this.finished);
    const { stage, subject } = job.design;
    const splits =
      job.services.data.test === undefined || stage === 'projectors' || stage === 'program'
        ? (['validation'] as const)
        : (['validation', 'test'] as const);
    for (const split of splits) {
      results.push(resultOf(job, split, await this.evaluate(job, split), seen, this.cost));
    }
    const { progress, architecture } = job.snapshot();
    const isReported = stage === 'search' && plan.config.program === undefined;
    const handOver = isReported ? await this.handOver(job, results.at(-1)!) : undefined;
    this.finished.push({
      job: job.design.index,
      progress,
      architecture,
      results,
      ...(handOver ? { handOver } : {}),
    });
    const last = stage === (plan.config.finetune === false ? 'search' : 'finetune');
    if (stage === 'projectors') await this.keepProjectors(job, results[0]!.loss);
    else if (subject === 'hybrid' && last) {
      await this.services.keepResult(job.model, job.alphas, job.design);
    }
    this.tick += 1;
    const carry = starter.carriesInto(job.design.index + 1, job.design);
    await this.checkpointAfter(job, carry);
    if (carry) starter.carry(job);
    job.dispose(carry);
  }

  private async keepProjectors(job: TrainingJob, validationLoss: number): Promise<void> {
    const { seed } = job.design;
    const { tokens } = job.progress;
    const held = job.parameters().map(({ name, variable }) => ({
      name,
      dtype: 'F32' as const,
      shape: variable.shape,
      data: () => variable.data<'float32'>(),
    }));
    const parked = await parkedValues(
      pretrainedTensors(this.services.plan),
      this.services.parkedFolder,
      job.parked,
    );
    await this.services.keepProjectors({
      ...{ seed, tokens, validationLoss, alphas: job.alphas },
      tensors: [...held, ...parked],
    });
  }

  private async stop(job: TrainingJob, { checkpoint, reply }: StopRequest): Promise<'stopped'> {
    try {
      if (checkpoint) await this.checkpoint(job);
      this.emit(this.finishedEvent('stopped', job));
    } catch (error) {
      const { code, message } = asRunFailure(error);
      reply({ ok: false, code, message });
      throw error;
    }
    reply({ ok: true, step: job.progress.step });
    return 'stopped';
  }

  private score(
    { design, model, services: { data, plan } }: TrainingJob,
    split: 'validation' | 'test',
    alphas: readonly (readonly number[])[],
  ): Promise<Evaluation> {
    const validation = design.stage === 'projectors' ? data.pretrain!.validation : data.validation;
    const own = split === 'test' ? data.test! : validation;
    const batches = new EvaluationBatches(own, plan.context, plan.config.search.batch, split);
    return evaluate(model, batches, alphas);
  }

  private handOver(job: TrainingJob, soft: RunResult): Promise<HandOver[]> {
    const { plan, costs } = this.services;
    const split = soft.split === 'test' ? 'test' : 'validation';
    const score = (alphas: readonly (readonly number[])[]) => this.score(job, split, alphas);
    return handOverOf({ plan, costs, cost: this.cost, soft, alphas: job.alphas, score });
  }

  private finishedEvent(status: 'done' | 'stopped', running: TrainingJob | undefined) {
    return finishedEvent(status, this.services.plan, this.finished, running, this.cost);
  }

  private async evaluate(job: TrainingJob, split: 'validation' | 'test') {
    const { stage, subject, seed } = job.design;
    const evaluation = await this.score(job, split, job.alphas);
    const { step } = job.progress;
    this.emit({ type: 'evaluation', stage, subject, seed, step, split, ...evaluation });
    return evaluation;
  }

  /** A checkpoint in the middle of a job; none where the last one already holds this step. */
  private async checkpoint(job: TrainingJob): Promise<void> {
    if (this.checkpointedTick === this.tick) return;
    const running = job.snapshot();
    const where = { ...job.design, step: job.progress.step };
    await this.write(where, { ...this.snapshotAt(job.design.index), running }, job.tensors);
  }

  private async checkpointAfter(job: TrainingJob, carry: boolean): Promise<void> {
    const next = this.snapshotAt(job.design.index + 1);
    const where = { ...job.design, step: job.progress.step };
    if (carry) await this.write(where, { ...next, carried: job.snapshot() }, job.tensors);
    else await this.write(where, next, undefined);
  }

  private async write(
    { stage, subject, seed, step }: Where & { readonly step: number },
    snapshot: RunSnapshot,
    tensors: TrainedTensors | undefined,
  ): Promise<void> {
    const path = await this.services.checkpoints.write(this.tick, (folder) =>
      writeCheckpoint(folder, snapshot, tensors),
    );
    this.checkpointedTick = this.tick;
    this.emit({ type: 'checkpoint', stage, subject, seed, step, path });
  }

  private snapshotAt(job: number): RunSnapshot {
    const { tick, finished, dataDigest: data } = this;
    const { weights } = this.services;
    const nextSeq = this.services.nextSeq();
    const measured = this.cost?.kind === 'milliseconds' ? runCosts(this.cost) : undefined;
    return {
      version: 1,
      ...{ job, tick, nextSeq, data, weights, finished: [...finished] },
      ...(measured
        ? { milliseconds: measured.table, otherMilliseconds: { ...measured.others } }
        : {}),
    };
  }

  /** @param snapshot `undefined`: no checkpoint is there, so nothing counts but `started` and the controls */
  private takeUp(resume: ResumeFrom, snapshot: RunSnapshot | undefined): void {
    if (!snapshot) {
      const { stage, subject, seed } = this.services.plan.jobs[0]!;
      const supersedesFromSeq = resume.startedSeq + 1;
      this.emit({ type: 'resumed', stage, subject, seed, fromStep: 0, supersedesFromSeq });
      return;
    }
    checkSnapshot(snapshot, this.services.plan);
    this.finished = [...snapshot.finished];
    this.tick = snapshot.tick;
    this.checkpointedTick = snapshot.tick;
    const { jobs } = this.services.plan;
    const { stage, subject, seed, steps } = jobs[Math.min(snapshot.job, jobs.length - 1)]!;
    const over = snapshot.job >= jobs.length;
    const logged = resume.checkpointSeq === snapshot.nextSeq;
    this.emit({
      type: 'resumed',
      stage,
      subject,
      seed,
      fromStep: snapshot.running?.progress.step ?? (over ? steps : 0),
      supersedesFromSeq: snapshot.nextSeq + (logged ? 1 : 0),
    });
    for (const warning of changesSince(snapshot, this.dataDigest, this.services)) {
      this.emit(warning);
    }
  }

  private async loadRunning(
    job: TrainingJob,
    { folder, snapshot }: { readonly folder: string; readonly snapshot: RunSnapshot },
  ): Promise<void> {
    const running = snapshot.running!;
    job.restore(running);
    await readTensors(folder, job.tensors, running.updates);
  }

  private emit(event: Parameters<RunServices['emit']>[0]): { readonly seq: number } {
    return this.services.emit(event);
  }
}
