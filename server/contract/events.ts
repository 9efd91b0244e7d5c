/** Events of a run: written by the compute process, one JSON line each, read by the CLI, the language server and the panel. */

export type Stage = 'projectors' | 'search' | 'finetune' | 'baseline' | 'program';

/** Subject of a baseline beside a program: the hybrid with the α of a search on the target. */
export const SEARCHED_SUBJECT = 'searched';

/** α of a run: `alphas[block][component]`, by position; blocks are numbered from 1 elsewhere. */
export type Alphas = number[][];

interface EventBase {
  /** Position in the log, from 0, without gaps. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** Where an event belongs: `step` starts again at 1 for each (stage, subject, seed). */
export interface Where {
  readonly stage: Stage;
  /** `hybrid`, `uniform`, `searched`, the name of a component, or that of a program's task. */
  readonly subject: string;
  readonly seed: number;
}

export interface ComponentSummary {
  readonly name: string;
  readonly family: string;
  readonly layers: number;
  readonly width: number;
  readonly parameters: number;
}

export interface EngineSummary {
  readonly name: string;
  readonly device: string;
  readonly tier: string;
  readonly threads: number;
  readonly node: string;
}

export interface StartedEvent extends EventBase {
  readonly type: 'started';
  readonly id: string;
  /** SHA-256 of `plan.json`. */
  readonly plan: string;
  readonly components: readonly ComponentSummary[];
  readonly blocks: number;
  readonly engine: EngineSummary;
}

export interface StepEvent extends EventBase, Where {
  readonly type: 'step';
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of the step's scored tokens, nats. */
  readonly loss: number;
  /** After the step's update; without noise where the step drew some (`dash`). Absent in baselines. */
  readonly alphas?: Alphas;
  /** E[cost] of these α as a share of all components' cost; in a cost-aware search. Not part of `loss`. */
  readonly cost?: number;
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
  /** Most bytes that the engine's tensors took since the step before. */
  readonly memoryBytes: number;
}

export type Split = 'train' | 'validation' | 'test';

export interface EvaluationEvent extends EventBase, Where {
  readonly type: 'evaluation';
  readonly step: number;
  readonly split: Split;
  readonly loss: number;
  readonly perplexity: number;
  readonly accuracy?: number;
}

/** Data that take a while to read and encode, before the first step; the last of a split has all its bytes. */
export interface PreparingEvent extends EventBase {
  readonly type: 'preparing';
  /** `pretrain`: the general text of the projectors' pretraining. */
  readonly split: Split | 'pretrain';
  /** Of the data's file, so far. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** A cost-aware search, before its first step. What was measured is kept: a resumed run weighs the same figures. */
export interface CostsEvent extends EventBase {
  readonly type: 'costs';
  readonly costs: RunCosts;
}

export type ControlAction = 'pin' | 'unpin' | 'prune' | 'restore' | 'pause' | 'resume';

export interface ControlEvent extends EventBase, Where {
  readonly type: 'control';
  readonly action: ControlAction;
  /** From 1. */
  readonly block?: number;
  readonly component?: string;
  /** The pinned vector, one weight a component, by position. */
  readonly weights?: readonly number[];
  /** Applied after this step and before the next. */
  readonly step: number;
}

export interface CheckpointEvent extends EventBase, Where {
  readonly type: 'checkpoint';
  readonly step: number;
  /** Relative to the run folder. */
  readonly path: string;
}

export interface WarningEvent extends EventBase {
  readonly type: 'warning';
  readonly code: string;
  readonly message: string;
}

export interface FailedEvent extends EventBase {
  readonly type: 'failed';
  readonly code: string;
  readonly message: string;
  /** What the user can do. */
  readonly hint: string;
}

export interface ResumedEvent extends EventBase, Where {
  readonly type: 'resumed';
  readonly fromStep: number;
  /**
   * Events from this `seq` up to this event's own are superseded; readers drop them, except `control`,
   * which is applied again at its recorded step.
   */
  readonly supersedesFromSeq: number;
}

export interface RunResult {
  readonly subject: string;
  readonly stage: Stage;
  readonly seed: number;
  readonly split: Split;
  readonly loss: number;
  readonly perplexity: number;
  readonly accuracy?: number;
  readonly parameters: number;
  /** Forward pass. */
  readonly flopsPerToken: number;
  /** Updates of θ that these weights saw. */
  readonly updates: number;
  /** Training tokens that these weights saw. */
  readonly tokens: number;
  /** Of all their training, forward once and backward twice. Absent in older logs. */
  readonly trainingFlops?: number;
  readonly seconds: number;
  /** Of a micro-batch's forward pass, by what was measured before the search. Only where the search weighs milliseconds. */
  readonly milliseconds?: number;
}

/**
 * The searched hybrid right after its search, at the α that was found and at harder ones, nothing trained in between: what
 * survives a hard hand-over. On the split that results are reported on.
 */
export interface HandOver {
  readonly seed: number;
  readonly alphas: 'soft' | 'argmax' | 'threshold';
  /** Of `threshold`: smaller entries were dropped. */
  readonly threshold?: number;
  readonly split: Split;
  readonly loss: number;
  readonly perplexity: number;
  readonly accuracy?: number;
  readonly parameters: number;
  /** Forward pass. */
  readonly flopsPerToken: number;
  /** E[cost] of these α as a share of all components' cost, in a cost-aware search. */
  readonly cost?: number;
  /** As in `RunResult`. */
  readonly milliseconds?: number;
}

/** What a cost-aware search weighed. */
export interface RunCosts {
  readonly kind: 'flops' | 'parameters' | 'milliseconds';
  /** λ. */
  readonly weight: number;
  /** Cost of each (block, component), in the kind's unit: FLOPs a token, numbers, milliseconds a micro-batch. */
  readonly table: number[][];
  /** Of `milliseconds`: those of each other model that the run trains, by subject. Absent in older logs. */
  readonly others?: Readonly<Record<string, number>>;
}

/** What the supernets of one task of a program found. */
export interface ProgramTask {
  /** Subject of its jobs. */
  readonly task: string;
  /** Its share of the mean: those of all tasks sum to 1. */
  readonly weight: number;
  /** Mean over seeds. */
  readonly alphas: Alphas;
}

export interface Selection {
  readonly component: string;
  readonly meanAlpha: Readonly<Record<string, number>>;
}

export interface FinishedEvent extends EventBase {
  readonly type: 'finished';
  readonly status: 'done' | 'stopped';
  readonly components: readonly string[];
  /** Mean over seeds. */
  readonly alphas: Alphas;
  readonly perSeed: readonly Alphas[];
  readonly selection: Selection;
  readonly results: readonly RunResult[];
  /** In a run that programs its hybrid: `alphas` above are the weighted mean of these. Tasks that have begun. */
  readonly program?: readonly ProgramTask[];
  /** Beside a program: what the search on the target found, mean over seeds. */
  readonly searched?: Alphas;
  /** An entry for each seed and kind of α; of a seed whose α are hard already the soft one alone. Absent in older logs. */
  readonly handOver?: readonly HandOver[];
  readonly costs?: RunCosts;
}

export type RunEvent =
  | StartedEvent
  | PreparingEvent
  | CostsEvent
  | StepEvent
  | EvaluationEvent
  | ControlEvent
  | CheckpointEvent
  | WarningEvent
  | FailedEvent
  | ResumedEvent
  | FinishedEvent;

/** An event before the log gives it `seq` and `time`. */
export type NewRunEvent = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, 'seq' | 'time'>
    : never
  : never;
