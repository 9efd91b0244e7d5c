/** Runs of a tiny hybrid in a temporary run folder, cut wherever a test wants. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type {
  FinetuneSettings,
  OptimiserSettings,
  ResolvedConfig,
  SearchSettings,
} from '../../../server/contract/config';
import type { ControlRequest } from '../../../server/contract/control';
import type { NewRunEvent, RunEvent } from '../../../server/contract/events';
import type { Plan } from '../../../server/contract/plan';
import { keepProjectors } from '../../../server/compute/process/keepProjectors';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import { ControlQueue } from '../../../server/compute/search/controlQueue';
import { buildHybridModel, planCosts } from '../../../server/compute/search/hybridModel';
import { runJobs, type RunOutcome } from '../../../server/compute/search/runJobs';
import type { ResumeFrom, RunServices } from '../../../server/compute/search/services';
import type { TaskData } from '../../../server/compute/tasks/taskData';
import type { TextData } from '../../../server/compute/tasks/text';
import { planJobs } from '../../../server/language/planJobs';
import { RandomStream } from '../../../server/models/random';
import { CheckpointStore } from '../../../server/runs/checkpointStore';
import { EventLog } from '../../../server/runs/eventLog';
import { readEvents, readRawEvents } from '../../../server/runs/readEvents';
import { tinyPlan, VOCABULARY, type TinyOptions } from '../hybrid/tinyHybrid';

export const optimiser: OptimiserSettings = {
  steps: 6,
  batch: 2,
  accumulate: 1,
  learningRate: 0.01,
  weightDecay: 0.01,
  clip: 1,
  warmup: 0.2,
  decay: 'linear',
  finalLearningRate: 0,
  evalEvery: 3,
  checkpointEvery: 2,
};

export interface RunSettings {
  readonly search?: Partial<SearchSettings>;
  readonly finetune?: Partial<FinetuneSettings> | false;
  readonly baselines?: ResolvedConfig['baselines'];
  readonly hybrid?: Partial<TinyOptions>;
  readonly pinned?: Readonly<Record<number, readonly number[]>>;
  /** Baselines of their own: one component, one block. */
  readonly others?: readonly { readonly name: string; readonly width: number }[];
}

/** A GPT-NeoX and a Mamba of width 4, two blocks, context 5; jobs as the language plans them. */
export function runPlan(settings: RunSettings = {}): Plan {
  const plan = tinyPlan({
    components: [
      { name: 'neox', family: 'gptNeox', layers: 2, width: 4 },
      { name: 'mamba', family: 'mamba', layers: 2, width: 4 },
    ],
    blocks: 2,
    ...settings.hybrid,
  });
  const search: SearchSettings = {
    ...optimiser,
    algorithm: 'darts',
    schedule: 'simultaneous',
    alphaLearningRate: 0.05,
    temperature: 1,
    heldOut: 0.2,
    checkpointing: 'auto',
    seeds: [1],
    ...settings.search,
  };
  const { finetune = false, baselines = false, others = [] } = settings;
  const config: ResolvedConfig = {
    ...plan.config,
    data: {
      train: { kind: 'text', path: '' },
      validation: 0.1,
      test: undefined,
      context: CONTEXT,
    },
    search,
    finetune: finetune && {
      ...optimiser,
      steps: 4,
      alphas: 'soft',
      weights: 'rewind',
      ...finetune,
    },
    baselines,
  };
  const cost = (name: string) => ({ name, parameters: 1, flopsPerToken: 1 });
  const jobs = planJobs(config, {
    pretrained: cost('hybrid'),
    hybrid: cost('hybrid'),
    discretised: cost('hybrid'),
    uniform: cost('uniform'),
    components: plan.components.map(({ name }) => cost(name)),
    programs: [],
    others: others.map(({ name }, subplan) => ({ ...cost(name), subplan })),
  });
  const blocks = plan.blocks.map((block, i) => {
    const pinned = settings.pinned?.[i];
    return pinned === undefined ? block : { ...block, pinned, initial: pinned };
  });
  // From scratch, on ids: there is no tokenizer to read.
  const components = plan.components.map((each) => ({ ...each, tokenizerPath: undefined }));
  return {
    ...{ ...plan, components, tokenizer: undefined, config, jobs, blocks, context: CONTEXT },
    subplans: others.map((other) => ofOne(other, config)),
  };
}

/** The subplan of a Mamba, on the data and with the settings of `config`. */
function ofOne({ name, width }: { name: string; width: number }, config: ResolvedConfig): Plan {
  const plan = tinyPlan({
    components: [{ name, family: 'mamba', layers: 1, width }],
    blocks: 1,
    gate: 'none',
  });
  const components = plan.components.map((each) => ({ ...each, tokenizerPath: undefined }));
  const own = { ...config, hybrid: plan.config.hybrid };
  return { ...plan, components, tokenizer: undefined, config: own, jobs: [], context: CONTEXT };
}

const CONTEXT = 5;

/** A sequence that has something to learn: each id depends on the one before. */
export function someData(bilevel = false): TextData & { readonly validation: Int32Array } {
  const stream = RandomStream.named(4, 'text');
  const make = (length: number) => {
    const ids = new Int32Array(length);
    for (let i = 1; i < length; i++) {
      const noise = stream.uniform() < 0.3 ? stream.below(VOCABULARY) : 1;
      ids[i] = (ids[i - 1]! * 2 + noise) % VOCABULARY;
    }
    return ids;
  };
  const train = make(101);
  return {
    train,
    searchTrain: bilevel ? train.subarray(0, 80) : train,
    heldOut: bilevel ? train.subarray(80) : undefined,
    validation: make(23),
    test: undefined,
    pretrain: { train: make(60), validation: make(17) },
  };
}

/** What ends a run from outside: thrown where a process would die. */
export class Cut extends Error {}

export interface RunHooks {
  /** Called before an event is logged; may push controls, or throw a `Cut`. */
  readonly onEvent?: (event: NewRunEvent, controls: ControlQueue) => void;
  /** Called when a checkpoint's files are written, before they are in place. */
  readonly onCheckpoint?: (tick: number) => void;
  readonly memoryBytes?: () => number;
  readonly measureCosts?: RunServices['measureCosts'];
  readonly buildModel?: RunServices['buildModel'];
  readonly data?: TaskData;
  /** `undefined` for one that shares the run's. */
  readonly subplanData?: (subplan: Plan) => TaskData | undefined;
  /** Digests of what the hybrid starts from. */
  readonly weights?: RunServices['weights'];
}

/** A run folder that several attempts share, as processes do that are killed and resumed. */
export class RunBench {
  readonly kept: { readonly seed: number; readonly alphas: readonly (readonly number[])[] }[] = [];

  private constructor(
    readonly dir: string,
    readonly plan: Plan,
  ) {}

  static async make(plan: Plan): Promise<RunBench> {
    return new RunBench(await mkdtemp(path.join(tmpdir(), 'manticore-run-')), plan);
  }

  /** One process: from the start, or from the newest checkpoint. A `Cut` leaves the folder as a kill would. */
  async run(hooks: RunHooks = {}, resume = false): Promise<RunOutcome | 'cut'> {
    const log = await EventLog.open(this.dir);
    const store = await CheckpointStore.open(this.dir);
    const controls = new ControlQueue();
    const files = new ComponentFiles(this.plan, this.dir);
    let dead = false;
    const wasCut = () => dead;
    const alive = <T>(act: () => T): T => {
      if (dead) throw new Cut('a dead process does nothing');
      try {
        return act();
      } catch (error) {
        dead ||= error instanceof Cut;
        throw error;
      }
    };
    const data = hooks.data ?? someData(this.plan.config.search.schedule === 'bilevel');
    const services: RunServices = {
      plan: this.plan,
      data,
      weights: hooks.weights ?? { neox: 'a', mamba: 'b' },
      buildModel: hooks.buildModel ?? ((live, seed, start) => files.build(live, seed, start)),
      costs: planCosts(this.plan),
      subplans: (this.plan.subplans ?? []).map((subplan) => ({
        plan: subplan,
        data: hooks.subplanData?.(subplan) ?? data,
        buildModel: (live, seed, start) => files.build(live, seed, start, subplan),
        costs: planCosts(subplan),
      })),
      measureCosts: hooks.measureCosts ?? (() => Promise.reject(new Error('nothing to measure'))),
      emit: (event) =>
        alive(() => {
          hooks.onEvent?.(event, controls);
          return log.append(event);
        }),
      nextSeq: () => log.nextSeq,
      controls,
      settle: () => new Promise((resolve) => setImmediate(resolve)),
      checkpoints: {
        write: async (tick, fill) =>
          (
            await store.write(tick, async (folder) => {
              await fill(folder);
              alive(() => hooks.onCheckpoint?.(tick));
            })
          ).path,
      },
      parkedFolder: path.join(this.dir, 'parked'),
      memoryBytes: hooks.memoryBytes ?? (() => 0),
      now: () => performance.now(),
      keepResult: (_model, alphas, job) => {
        this.kept.push({ seed: job.seed, alphas: alphas.map((row) => [...row]) });
        return Promise.resolve();
      },
      keepProjectors: (pretrained) => keepProjectors(this.dir, this.plan, pretrained),
    };
    const latest = resume ? (await store.latest()).checkpoint : undefined;
    const { events } = await readRawEvents(this.dir);
    const from: ResumeFrom = {
      folder: latest?.dir,
      controls: events.filter((event) => event.type === 'control'),
      checkpointSeq: events.findLast(
        (event) => event.type === 'checkpoint' && event.path === latest?.path,
      )?.seq,
      // These logs begin with the first job's events.
      startedSeq: -1,
    };
    const outcome = await runJobs(services, resume ? from : undefined);
    log.close();
    await files.close();
    return wasCut() ? 'cut' : outcome;
  }

  /** The events that count. */
  async events(): Promise<RunEvent[]> {
    return (await readEvents(this.dir)).events;
  }

  read(file: string): Promise<Buffer> {
    return readFile(path.join(this.dir, file));
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }
}

export function buildTiny(plan: Plan, live: readonly (readonly boolean[])[], seed: number) {
  return buildHybridModel(plan, live, seed, () =>
    Promise.resolve({ weights: undefined, tokenizer: undefined }),
  );
}

/** Pushes requests when the step event of this step of the search is logged. */
export function atSearchStep(
  wanted: Readonly<Record<number, readonly ControlRequest[]>>,
  replies: unknown[] = [],
): RunHooks {
  return {
    onEvent: (event, controls) => {
      if (event.type !== 'step' || event.stage !== 'search') return;
      for (const request of wanted[event.step] ?? []) {
        void controls.push(request).then((reply) => replies.push(reply));
      }
    },
  };
}

/** What must be equal to the bit: everything but times and what depends on them. */
export function bits(events: readonly RunEvent[]): unknown[] {
  return events
    .filter((event) => event.type !== 'resumed' && event.type !== 'checkpoint')
    .map((event) => {
      if (event.type === 'step') {
        const { loss, alphas, stage, subject, seed, step, steps } = event;
        return { type: 'step', loss, alphas, stage, subject, seed, step, steps };
      }
      if (event.type !== 'finished') return { ...event, seq: 0, time: '' };
      const results = event.results.map((result) => ({ ...result, seconds: 0 }));
      return { ...event, seq: 0, time: '', results };
    });
}
