/** One training job under way: model, optimisers, architecture and data positions, with all that a checkpoint needs. */
import { giveBackMemory } from '../engine/giveBackMemory';
import { TrainingBatches } from '../tasks/batches';
import type { DataPosition } from '../tasks/batches';
import { AlphaTensors } from './alphaTensors';
import { alphasOf } from './architecture';
import type { ArchitectureState } from './architecture';
import { initialAlphaMoments } from './alphaUpdate';
import type { AlphaMoments } from './alphaUpdate';
import { jobLabel, phaseAt, planOfStep, splitFor, streamName } from './jobPlan';
import type { JobDesign, JobPhase } from './jobPlan';
import type { TrainedTensors } from './checkpoint';
import type { TrainableModel, TrainableParameter } from './model';
import { disposeAdamw, initialAdamw } from './optimiser';
import { learningRateAt } from './schedule';
import type { StepPlan } from './schedule';
import { costShare, type SearchCost } from './searchCost';
import type { JobServices } from './services';
import type { JobProgress, JobSnapshot, ParkedTensors } from './snapshot';
import { trainingStep } from './trainingStep';

/** Steps whose mean time gives the time left. */
const RECENT_STEPS = 20;

export interface JobParts {
  readonly design: JobDesign;
  readonly services: JobServices;
  /** Milliseconds. */
  readonly now: () => number;
  readonly model: TrainableModel;
  readonly architecture: ArchitectureState;
  /** Of a cost-aware search. */
  readonly cost?: SearchCost | undefined;
  /** Whether a parameter is trained; absent: all are. What is frozen has no gradient, no moments, no place in a checkpoint. */
  readonly trains?: (parameter: TrainableParameter) => boolean;
}

export class TrainingJob {
  readonly design: JobDesign;
  readonly model: TrainableModel;
  readonly adamw = initialAdamw();
  architecture: ArchitectureState;
  parked: ParkedTensors = {};
  /** Control events that the state contains. */
  controls = 0;
  progress: JobProgress = { step: 0, weightUpdates: 0, tokens: 0, flops: 0, seconds: 0 };
  private alphaMoments: AlphaMoments;
  private readonly alphaTensors = new AlphaTensors();
  private readonly streams = new Map<string, TrainingBatches>();
  /** Seconds of the last steps of this process. */
  private recent: readonly number[] = [];

  constructor(private readonly parts: JobParts) {
    this.design = parts.design;
    this.model = parts.model;
    this.architecture = parts.architecture;
    const { blocks } = parts.architecture;
    this.alphaMoments = initialAlphaMoments(blocks.length, blocks[0]!.a.length);
    giveBackMemory();
  }

  /** What it works on. */
  get services(): JobServices {
    return this.parts.services;
  }

  get alphas(): number[][] {
    return alphasOf(this.architecture);
  }

  /** Those that are trained and in memory. */
  parameters(): readonly TrainableParameter[] {
    const { trains } = this.parts;
    const all = this.model.parameters();
    return trains ? all.filter(trains) : all;
  }

  /** What a checkpoint keeps: the frozen parameters are still as the model's maker gives them. */
  get tensors(): TrainedTensors {
    return { model: this, adamw: this.adamw };
  }

  /** E[cost] of α as a share of all components' cost; `undefined` unless the search weighs it. */
  get cost(): number | undefined {
    return this.parts.cost && costShare(this.alphas, this.parts.cost);
  }

  /** Mean over the last steps; 0 before the first. */
  get secondsPerStep(): number {
    const { recent } = this;
    return recent.reduce((sum, each) => sum + each, 0) / Math.max(recent.length, 1);
  }

  /** One optimiser step. @returns the step's mean loss and its training tokens (micro-batches included) */
  async step(): Promise<{ readonly loss: number; readonly tokens: number }> {
    const { now, design } = this.parts;
    const {
      plan: { config },
      costs,
    } = this.services;
    const begun = now();
    const step = this.progress.step + 1;
    const { phase, step: phaseStep } = phaseAt(design, step);
    const { settings } = phase;
    const updates = planOfStep(design, config, step);
    const stream = this.stream(phase, updates.split);
    const batches = Array.from({ length: settings.accumulate }, () => stream.next(settings.batch));
    const alphasBefore = this.alphas;
    const outcome = await trainingStep({
      model: { lossSum: this.model.lossSum, parameters: () => this.parameters() },
      alphaTensors: this.alphaTensors,
      adamw: this.adamw,
      architecture: this.architecture,
      alphaMoments: this.alphaMoments,
      plan: updates,
      batches,
      seed: design.seed,
      step,
      job: jobLabel(design),
      weights: { ...settings, learningRate: learningRateAt(settings, phaseStep, phase.steps) },
      alphaLearningRate: config.search.alphaLearningRate,
      cost: this.parts.cost,
    });
    this.architecture = outcome.architecture;
    this.alphaMoments = outcome.alphaMoments;
    const tokens = batches.reduce((sum, { sequences, length }) => sum + sequences * length, 0);
    const seen = updates.weights ? tokens : 0;
    const seconds = (now() - begun) / 1000;
    this.recent = [...this.recent.slice(1 - RECENT_STEPS), seconds];
    this.progress = {
      step,
      weightUpdates: this.progress.weightUpdates + (updates.weights ? 1 : 0),
      tokens: this.progress.tokens + seen,
      flops: this.progress.flops + (seen === 0 ? 0 : seen * costs.flopsPerToken(alphasBefore)),
      seconds: this.progress.seconds + seconds,
    };
    return { loss: outcome.loss, tokens };
  }

  /** What a checkpoint keeps of this job beside its tensors. */
  snapshot(): JobSnapshot {
    const { blocks, ...rest } = this.architecture;
    return {
      progress: this.progress,
      architecture: {
        ...rest,
        blocks: blocks.map(({ a, live, pinned }) => ({
          a: [...a],
          live: [...live],
          ...(pinned === undefined ? {} : { pinned: [...pinned] }),
        })),
      },
      alphaMoments: copyMoments(this.alphaMoments),
      positions: Object.fromEntries(
        [...this.streams].map(([name, stream]) => [name, stream.position]),
      ),
      updates: Object.fromEntries([...this.adamw].map(([name, { updates }]) => [name, updates])),
      parked: this.parked,
      controls: this.controls,
    };
  }

  /** Takes over a snapshot's state, all but the tensors (`readTensors` puts those in place). */
  restore(snapshot: JobSnapshot): void {
    this.progress = snapshot.progress;
    this.architecture = architectureOf(snapshot);
    this.alphaMoments = snapshot.alphaMoments;
    this.parked = snapshot.parked;
    this.controls = snapshot.controls;
    for (const phase of this.design.phases) {
      for (const split of ['train', 'heldOut'] as const) {
        const position = snapshot.positions[streamName(phase, split)];
        if (position !== undefined) restorePosition(this.stream(phase, split), position);
      }
    }
  }

  /** Frees the optimiser; the model too unless the next job goes on with it. */
  dispose(keepModel: boolean): void {
    disposeAdamw(this.adamw);
    this.alphaTensors.dispose();
    if (!keepModel) this.model.dispose();
  }

  private stream(phase: JobPhase, split: StepPlan['split']): TrainingBatches {
    const name = streamName(phase, split);
    let stream = this.streams.get(name);
    if (stream === undefined) {
      const { data, plan } = this.services;
      stream = new TrainingBatches(
        splitFor(data, phase, split),
        plan.context,
        this.design.seed,
        name,
        split === 'heldOut' ? 'held-out' : 'training',
      );
      this.streams.set(name, stream);
    }
    return stream;
  }
}

/** A position behind the end comes from other data than the checkpoint's. */
function restorePosition(stream: TrainingBatches, { epoch, index }: DataPosition): void {
  stream.restore({ epoch, index: Math.min(index, stream.windows) });
}

export function architectureOf({
  architecture,
}: Pick<JobSnapshot, 'architecture'>): ArchitectureState {
  return {
    ...architecture,
    blocks: architecture.blocks.map(({ a, live, pinned }) => ({ a, live, pinned })),
  };
}

function copyMoments({ first, second, updates }: AlphaMoments): JobSnapshot['alphaMoments'] {
  const copy = (rows: readonly (readonly number[])[]) => rows.map((row) => [...row]);
  return { first: copy(first), second: copy(second), updates: copy(updates) };
}
