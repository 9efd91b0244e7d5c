/** What a run is given from outside: the model's maker, the data, and the run folder. */
import type { NewRunEvent } from '../../contract/events';
import type { ControlEvent } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import type { TaskData } from '../tasks/taskData';
import type { ControlQueue } from './controlQueue';
import type { JobDesign } from './jobPlan';
import type { TensorToWrite } from '../../weights/writeSafetensors';
import type { ModelBuilder, TrainableModel } from './model';

export interface CheckpointTarget {
  /**
   * Makes a checkpoint folder appear, whole or not at all, filled by `fill`.
   * @returns its path relative to the run folder
   */
  readonly write: (step: number, fill: (folder: string) => Promise<void>) => Promise<string>;
}

/** Costs of a hybrid at given α (an entry of 0 costs nothing), from the plan's tables. */
export interface CostTable {
  /** Forward FLOPs a token. */
  readonly flopsPerToken: (alphas: readonly (readonly number[])[]) => number;
  /** @param alone position of a component that is itself, as a baseline is */
  readonly parameters: (alphas: readonly (readonly number[])[], alone?: number) => number;
  /** Of each (block, component), as a cost-aware search weighs it: [N][K]. */
  readonly ofPairs: (kind: 'flops' | 'parameters') => number[][];
  /** FLOPs a token that training projectors alone costs less than training everything. */
  readonly savedByFreezing: (alphas: readonly (readonly number[])[]) => number;
}

/** What a job works on. */
export interface JobServices {
  readonly plan: Plan;
  readonly data: TaskData;
  readonly buildModel: ModelBuilder;
  readonly costs: CostTable;
}

/** The run's own hybrid on its data, and what all jobs share. */
export interface RunServices extends JobServices {
  /** Of `plan.subplans`, in their order. */
  readonly subplans: readonly JobServices[];
  /** Digest of the pretrained weights of each component, and of what else the hybrid starts from, by name. */
  readonly weights: Readonly<Record<string, string>>;
  /** Milliseconds of each (block, component) on this engine, [N][K]; asked once a run, of a model as planned. */
  readonly measureCosts: (model: TrainableModel) => Promise<number[][]>;
  /** Appends to the run's log; `seq` is the event's position there. */
  readonly emit: (event: NewRunEvent) => { readonly seq: number };
  /** `seq` that the next event will have. */
  readonly nextSeq: () => number;
  readonly controls: ControlQueue;
  /** Gives sockets and signals their turn between two steps. */
  readonly settle: () => Promise<void>;
  readonly checkpoints: CheckpointTarget;
  /** Folder for what is pruned in the run. */
  readonly parkedFolder: string;
  /** Most bytes that tensors took since the last call. */
  readonly memoryBytes: () => number;
  /** Milliseconds. */
  readonly now: () => number;
  /** Called with the hybrid when the last of its jobs for a seed is done, before its memory goes. */
  readonly keepResult: (
    model: TrainableModel,
    alphas: readonly (readonly number[])[],
    job: JobDesign,
  ) => Promise<void>;
  /** Called with a seed's pretrained projectors when they are done: `buildModel` is asked for them from there on. */
  readonly keepProjectors: (pretrained: PretrainedProjectors) => Promise<void>;
}

/** What the job at `index` of the run's plan works on. */
export function servicesOf({ subplans, ...own }: RunServices, index: number): JobServices {
  const { subplan } = own.plan.jobs[index]!;
  return subplan === undefined ? own : subplans[subplan]!;
}

export interface PretrainedProjectors {
  readonly seed: number;
  readonly tokens: number;
  /** On the held-out part of the general text. */
  readonly validationLoss: number;
  /** As they were trained; [N][K]. */
  readonly alphas: readonly (readonly number[])[];
  /** The trained tensors, those of what was pruned meanwhile as they were then. */
  readonly tensors: readonly TensorToWrite[];
}

/** Where an interrupted run goes on. */
export interface ResumeFrom {
  /** The checkpoint's folder; `undefined`: none is there, the run begins again behind its `started` event. */
  readonly folder: string | undefined;
  /** Every control event of the log, in its order, superseded stretches included. */
  readonly controls: readonly ControlEvent[];
  /** `seq` of the checkpoint's own event, where it was logged. */
  readonly checkpointSeq: number | undefined;
  /** `seq` of the `started` event. */
  readonly startedSeq: number;
}
