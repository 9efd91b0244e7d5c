/**
 * What a report says, before it has a form: `report.json` is this, as JSON. Numbers that are not known are null;
 * arrays over blocks and components are by position, `block` and `step` count from 1, losses are nats a token.
 */
import type { EngineSummary, Split, Stage } from '../contract/events';
import type { Estimate } from './statistics';

export type ReportState = 'done' | 'stopped' | 'failed' | 'unfinished';

export interface RunHeader {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of `plan.json`, as the run recorded it. */
  readonly plan: string | null;
  readonly state: ReportState;
  readonly startedAt: string | null;
  readonly lastEventAt: string | null;
  /** From the first event to the last, pauses included. */
  readonly wallSeconds: number | null;
  /** How often the run was taken up again. */
  readonly resumed: number;
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  } | null;
}

export interface ReportComponent {
  readonly name: string;
  readonly family: string;
  readonly layers: number;
  readonly width: number;
  readonly parameters: number;
  readonly flopsPerToken: number | null;
}

export type Extent = 'none' | 'some' | 'all';

/** How a block was held, over seeds, at the end of the log. */
export interface BlockMarks {
  readonly block: number;
  readonly pinned: Extent;
  /** By component. */
  readonly pruned: readonly Extent[];
}

export interface SeedAlphas {
  readonly seed: number;
  /** Step of the log that they are from; null when they are the finished event's. */
  readonly step: number | null;
  readonly alphas: readonly (readonly number[])[];
}

export interface PathPoint {
  readonly step: number;
  readonly alphas: readonly (readonly number[])[];
}

/** α over the steps of one seed. `points` is thinned for drawing; each one is a recorded step. */
export interface AlphaPath {
  readonly stage: Stage;
  readonly seed: number;
  readonly recorded: number;
  readonly points: readonly PathPoint[];
}

/** How α moved in the jobs of one stage and subject. */
export interface AlphaMovement {
  readonly stage: Stage;
  readonly subject: string;
  readonly paths: readonly AlphaPath[];
  /** Mean over the seeds that recorded the step, at the steps of the first path. */
  readonly meanPath: readonly (PathPoint & { readonly seeds: number })[];
}

export interface ReportAlphas {
  /** `finished`: the run's own result; `log`: its latest steps; `plan`: nothing has moved yet. */
  readonly source: 'finished' | 'log' | 'plan' | 'none';
  /** `[block][component]`, mean over seeds; null when there is none. */
  readonly mean: readonly (readonly number[])[] | null;
  /** Sample standard deviation over seeds; null with one seed. */
  readonly spread: readonly (readonly number[])[] | null;
  readonly perSeed: readonly SeedAlphas[];
  readonly marks: readonly BlockMarks[];
  readonly paths: readonly AlphaPath[];
  /** Mean over the seeds that recorded the step, at the steps of the first path. */
  readonly meanPath: readonly (PathPoint & { readonly seeds: number })[];
}

export interface EvaluationPoint {
  readonly step: number;
  readonly split: Split;
  readonly loss: number;
  readonly perplexity: number;
  readonly accuracy: number | null;
}

/** Training loss of one job; `points` is thinned for drawing, `mean` is the mean of the last `window` recorded steps. */
export interface LossCurve {
  readonly stage: Stage;
  readonly subject: string;
  readonly seed: number;
  /** Steps the job was to have. */
  readonly steps: number;
  readonly lastStep: number;
  readonly recorded: number;
  readonly window: number;
  readonly points: readonly {
    readonly step: number;
    readonly loss: number;
    readonly mean: number;
  }[];
  readonly evaluations: readonly EvaluationPoint[];
}

export interface ResultRow {
  readonly subject: string;
  readonly stage: Stage;
  readonly seed: number;
  readonly split: Split;
  /** False: the run has not ended; the row is the latest evaluation. */
  readonly final: boolean;
  readonly loss: number;
  readonly perplexity: number;
  readonly accuracy: number | null;
  readonly parameters: number | null;
  readonly flopsPerToken: number | null;
  readonly updates: number | null;
  readonly tokens: number | null;
  /** As the run counted them; null where the log is older. */
  readonly trainingFlops: number | null;
  readonly seconds: number | null;
  /** Of a micro-batch's forward pass; null unless the search weighed milliseconds. */
  readonly milliseconds: number | null;
}

/** A loss beside the best baseline's on the same split (never the uniform mixture's). Negative: better than it. */
export interface Difference {
  readonly component: string;
  /** Paired over the seeds that both have. */
  readonly difference: Estimate;
  readonly sentence: string;
}

export interface ResultSummary {
  readonly subject: string;
  readonly stage: Stage;
  readonly split: Split;
  readonly final: boolean;
  readonly seeds: readonly number[];
  readonly loss: Estimate;
  readonly perplexity: Estimate;
  readonly accuracy: Estimate | null;
  readonly parameters: number | null;
  readonly flopsPerToken: number | null;
  /** Means over seeds. */
  readonly updates: number | null;
  readonly tokens: number | null;
  readonly trainingFlops: number | null;
  readonly seconds: number | null;
  readonly milliseconds: number | null;
  readonly versusBest: Difference | null;
  /** `one seed: no interval`, or the interval in words. */
  readonly interval: string;
}

export interface ReportSelection {
  readonly component: string;
  readonly meanAlpha: Readonly<Record<string, number>>;
  /** Over seeds; null with one seed. */
  readonly spread: Readonly<Record<string, number>> | null;
  /** Seeds whose own largest mean α is the same component. */
  readonly agreeing: number;
  readonly seeds: number;
  readonly sentence: string;
}

export interface BudgetRow {
  readonly subject: string;
  readonly stage: Stage;
  readonly updates: number | null;
  readonly tokens: number | null;
  readonly flopsPerToken: number | null;
  /** Of all training that these weights went through; from an older log `passes` × forward FLOPs a token × tokens. */
  readonly trainingFlops: number | null;
  readonly seconds: number | null;
}

export interface ReportControl {
  readonly time: string;
  readonly stage: Stage;
  readonly subject: string;
  readonly seed: number;
  readonly step: number;
  readonly action: string;
  readonly block: number | null;
  readonly component: string | null;
  readonly weights: readonly number[] | null;
  readonly sentence: string;
}

/** The stage before the search; null numbers are not known. */
export interface ReportProjectors {
  readonly seeds: readonly number[];
  readonly steps: number;
  /** Path of the general text, as written. */
  readonly text: string | null;
  /** On the held-out part of that text, before the first step and after the last that was evaluated. */
  readonly before: Estimate | null;
  readonly after: Estimate | null;
  /** Numbers that were trained, of `parameters`. */
  readonly trained: number | null;
  readonly parameters: number | null;
  /** Means over seeds. */
  readonly tokens: number | null;
  readonly trainingFlops: number | null;
  /** `projectors, embeddings and α`. */
  readonly learns: string;
  readonly sentence: string;
}

/** The supernets of one task of a program; α are means over seeds. */
export interface ReportProgramTask {
  readonly task: string;
  /** Its share of the mean. */
  readonly weight: number;
  readonly alphas: readonly (readonly number[])[];
  /** On the task's own validation examples; null where it didn't end. */
  readonly loss: Estimate | null;
  readonly accuracy: Estimate | null;
}

export interface ReportProgram {
  /** None before the run's end. */
  readonly tasks: readonly ReportProgramTask[];
  /** What a search on the target found beside it; null without one. */
  readonly searched: readonly (readonly number[])[] | null;
  /** Of each task's supernets, then of the search on the target; as far as the log goes. */
  readonly movements: readonly AlphaMovement[];
  readonly sentences: readonly string[];
}

/** The searched hybrid at one kind of α, nothing trained after the search. */
export interface ReportHandOver {
  readonly alphas: 'soft' | 'argmax' | 'threshold';
  readonly threshold: number | null;
  readonly split: Split;
  readonly seeds: readonly number[];
  readonly loss: Estimate;
  /** Paired by seed; null for `soft`. */
  readonly versusSoft: Estimate | null;
  /** Means over seeds. */
  readonly flopsPerToken: number;
  readonly parameters: number;
  /** E[cost] as a share of all components'; null unless the search weighed it. */
  readonly cost: number | null;
  readonly milliseconds: number | null;
}

export interface ReportCosts {
  readonly kind: 'flops' | 'parameters' | 'milliseconds';
  /** λ. */
  readonly weight: number;
  /** `[block][component]`, in the kind's unit. */
  readonly table: readonly (readonly number[])[];
  readonly total: number;
  /** E[cost] of α as a share of `total`. */
  readonly rows: readonly { readonly name: string; readonly share: number }[];
}

export interface ParetoPoint {
  readonly label: string;
  readonly subject: string;
  /** `trained`: at the α that it has; `soft`: in the search; `hard`: not trained after the search. */
  readonly mark: 'trained' | 'soft' | 'hard';
  /** In the unit of the picture. */
  readonly cost: number;
  readonly loss: number;
}

export interface ReportPareto {
  readonly kind: ReportCosts['kind'];
  readonly unit: string;
  readonly split: Split;
  readonly points: readonly ParetoPoint[];
  readonly sentences: readonly string[];
}

export interface ReportModel {
  readonly format: 'manticore-report';
  readonly version: 1;
  readonly run: RunHeader;
  readonly headline: {
    readonly sentence: string;
    readonly details: readonly string[];
    /** Of the mean loss (a task's: accuracy), beside each baseline: `better` than all, than some, than none. */
    readonly outcome: 'better' | 'mixed' | 'worse' | 'unknown';
    /** Every difference has an interval, and none of them includes zero. */
    readonly certain: boolean;
  };
  readonly components: readonly ReportComponent[];
  readonly blocks: number;
  /** The synthetic task that was learnt; null for a text. */
  readonly task: string | null;
  readonly seeds: readonly number[];
  readonly engine: EngineSummary | null;
  readonly alphas: ReportAlphas;
  readonly curves: readonly LossCurve[];
  readonly results: {
    readonly rows: readonly ResultRow[];
    readonly summary: readonly ResultSummary[];
  };
  readonly selection: ReportSelection | null;
  readonly projectors: ReportProjectors | null;
  /** Null unless α are those of a program. */
  readonly program: ReportProgram | null;
  /** What survives a hard hand-over; null where no α harder than the found one differs. */
  readonly handOver: {
    readonly rows: readonly ReportHandOver[];
    readonly sentence: string;
  } | null;
  /** Null unless the search weighed costs. */
  readonly costs: ReportCosts | null;
  readonly pareto: ReportPareto | null;
  readonly budgets: {
    /** Forward passes that a training token costs: 3, with gradient checkpointing 4. */
    readonly passes: 3 | 4;
    readonly rows: readonly BudgetRow[];
    readonly sentences: readonly string[];
  };
  readonly controls: readonly ReportControl[];
  readonly warnings: readonly {
    readonly code: string;
    readonly message: string;
    readonly count: number;
  }[];
  readonly config: string | null;
}
