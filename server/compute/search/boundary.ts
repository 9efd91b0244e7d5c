/**
 * What happens between two steps: recorded controls of a run that is resumed are applied again at their step, then the
 * requests that wait. A change is logged before it is made, so that a run cut in between makes it on resume.
 */
import type { BlockControl, ControlReply } from '../../contract/control';
import type { ControlEvent, Where } from '../../contract/events';
import type { PendingControl } from './controlQueue';
import { asRunFailure } from '../failure';
import type { JobDesign } from './jobPlan';
import { parkComponent, restoreComponent } from './parking';
import { hasFreeAlphas, jobLabel } from './jobPlan';
import { applyChange } from './pinPrune';
import type { BlockChange, Refusal } from './pinPrune';
import type { RunServices } from './services';
import type { TrainingJob } from './trainingJob';

/** A stop that was asked for; `reply` is due once it is done. */
export interface StopRequest {
  readonly checkpoint: boolean;
  readonly reply: (reply: ControlReply) => void;
}

type RecordedControl = Omit<ControlEvent, 'time'>;

export class Boundary {
  private readonly names: readonly string[];
  /** Every control event of the run, what this process logs included. */
  private readonly recorded: RecordedControl[];

  /** @param recorded control events of the log */
  constructor(
    private readonly services: Pick<
      RunServices,
      'plan' | 'controls' | 'settle' | 'emit' | 'parkedFolder'
    >,
    recorded: readonly RecordedControl[],
  ) {
    this.recorded = [...recorded];
    this.names = services.plan.components.map(({ name }) => name);
  }

  /** Applies what is due after the job's current step. While paused, waits. @returns a stop, where one was asked for */
  async pass(job: TrainingJob): Promise<StopRequest | undefined> {
    await this.replay(job);
    // Sockets and signals get their turn even when nothing else waits.
    await this.services.settle();
    let paused = false;
    for (;;) {
      const pending = this.services.controls.take();
      if (pending === undefined) {
        if (!paused) return undefined;
        await this.services.controls.wait();
        continue;
      }
      const { request, reply } = pending;
      const { step } = job.progress;
      switch (request.action) {
        case 'stop':
          return { checkpoint: request.checkpoint, reply };
        case 'pause':
        case 'resume': {
          const pause = request.action === 'pause';
          if (pause !== paused) {
            paused = pause;
            this.record(job, { action: request.action });
          }
          reply({ ok: true, step });
          break;
        }
        case 'pin':
        case 'unpin':
        case 'prune':
        case 'restore':
          await this.apply(job, request, reply);
      }
    }
  }

  private async replay(job: TrainingJob): Promise<void> {
    const { step } = job.progress;
    const ofJob = this.recorded
      .filter((event) => sameWhere(event, job.design))
      .sort((left, right) => left.step - right.step || left.seq - right.seq);
    while (job.controls < ofJob.length && ofJob[job.controls]!.step <= step) {
      const event = ofJob[job.controls]!;
      const change = changeOfEvent(event, this.names);
      const refusal = change && (await this.change(job, change, () => undefined));
      if (refusal) {
        this.services.emit({
          type: 'warning',
          code: 'control-not-repeated',
          message: `The recorded ${event.action} after step ${event.step} can't be applied again: ${refusal.message}`,
        });
      }
      job.controls += 1;
    }
  }

  private async apply(
    job: TrainingJob,
    request: BlockControl,
    reply: PendingControl['reply'],
  ): Promise<void> {
    const change = changeOfRequest(request, this.names);
    const log = (accepted: BlockChange) => this.record(job, eventOfChange(accepted, this.names));
    try {
      const refusal = 'code' in change ? change : await this.change(job, change, log);
      reply(refusal ? { ok: false, ...refusal } : { ok: true, step: job.progress.step });
    } catch (error) {
      const { code, message } = asRunFailure(error);
      reply({ ok: false, code, message });
      throw error;
    }
  }

  /** Makes a change unless it is refused; `accepted` is called before anything happens. */
  private async change(
    job: TrainingJob,
    change: BlockChange,
    accepted: (change: BlockChange) => void,
  ): Promise<Refusal | undefined> {
    const refusal = this.refusalOf(job, change);
    if (refusal !== undefined) return refusal;
    const outcome = applyChange(job.architecture, change, this.names);
    if (!outcome.ok) return outcome.refusal;
    accepted(outcome.change);
    const folder = this.services.parkedFolder;
    if (change.action === 'prune') {
      const label = `${jobLabel(job.design)}-step${job.progress.step}`;
      const { component, block } = change;
      const place = { folder, label };
      job.parked = await parkComponent(job.model, job.adamw, component, block, place, job.parked);
      this.warnOfPositions(change);
    } else if (change.action === 'restore') {
      const { component, block } = change;
      job.parked = await restoreComponent(
        job.model,
        job.adamw,
        component,
        block,
        folder,
        job.parked,
      );
    }
    job.architecture = outcome.state;
    return undefined;
  }

  private refusalOf(job: TrainingJob, change: BlockChange): Refusal | undefined {
    if (!hasFreeAlphas(job.design.stage)) {
      return {
        code: 'alphas-frozen',
        message: `α is frozen in the ${job.design.stage}: pin and prune belong to the search.`,
      };
    }
    if (change.action !== 'restore') return undefined;
    const planned = job.services.plan.blocks[change.block];
    if (planned === undefined || planned.live.includes(change.component)) return undefined;
    return {
      code: 'pruned-in-config',
      message: `${this.names[change.component] ?? 'That component'} is pruned from block ${change.block + 1} in the config and was never loaded: change \`hybrid.mixture\` and start anew.`,
    };
  }

  private record(
    job: TrainingJob,
    change: Pick<ControlEvent, 'action' | 'block' | 'component' | 'weights'>,
  ): void {
    const { stage, subject, seed } = job.design;
    const { step } = job.progress;
    const event = { type: 'control', stage, subject, seed, ...change, step } as const;
    const { seq } = this.services.emit(event);
    this.recorded.push({ ...event, seq });
    job.controls += 1;
  }

  /** A component's positions enter with its first group. */
  private warnOfPositions({ block, component }: { block: number; component: number }): void {
    const { plan } = this.services;
    const { family, name } = plan.components[component]!;
    if (block !== 0 || plan.blocks.length === 1 || !ABSOLUTE_POSITIONS.has(family)) return;
    this.services.emit({
      type: 'warning',
      code: 'positions-pruned',
      message: `${name} is pruned from block 1, where its positions enter: its later groups see no positions.`,
    });
  }
}

const ABSOLUTE_POSITIONS: ReadonlySet<string> = new Set(['gpt2', 'gptNeo']);

function sameWhere(event: Where, design: JobDesign): boolean {
  return (
    event.stage === design.stage && event.subject === design.subject && event.seed === design.seed
  );
}

function changeOfRequest(request: BlockControl, names: readonly string[]): BlockChange | Refusal {
  const block = request.block - 1;
  switch (request.action) {
    case 'unpin':
      return { action: 'unpin', block };
    case 'prune':
    case 'restore': {
      const component = names.indexOf(request.component);
      if (component < 0) return unknownName(request.component, names);
      return { action: request.action, block, component };
    }
    case 'pin': {
      const unknown = Object.keys(request.weights).find((name) => !names.includes(name));
      if (unknown !== undefined) return unknownName(unknown, names);
      const weights = names.map((name) =>
        Object.hasOwn(request.weights, name) ? request.weights[name]! : 0,
      );
      return { action: 'pin', block, weights };
    }
  }
}

function unknownName(name: string, names: readonly string[]): Refusal {
  return {
    code: 'unknown-component',
    message: `There is no component ${name}: there are ${names.join(', ')}.`,
  };
}

/** `undefined`: nothing to apply again (pause, resume). */
function changeOfEvent(event: RecordedControl, names: readonly string[]): BlockChange | undefined {
  const block = (event.block ?? 0) - 1;
  switch (event.action) {
    case 'pause':
    case 'resume':
      return undefined;
    case 'pin':
      return { action: 'pin', block, weights: event.weights ?? [] };
    case 'unpin':
      return { action: 'unpin', block };
    case 'prune':
    case 'restore':
      return { action: event.action, block, component: names.indexOf(event.component ?? '') };
  }
}

function eventOfChange(
  change: BlockChange,
  names: readonly string[],
): Pick<ControlEvent, 'action' | 'block' | 'component' | 'weights'> {
  const block = change.block + 1;
  switch (change.action) {
    case 'pin':
      return { action: 'pin', block, weights: change.weights };
    case 'unpin':
      return { action: 'unpin', block };
    case 'prune':
    case 'restore':
      return { action: change.action, block, component: names[change.component]! };
  }
}
