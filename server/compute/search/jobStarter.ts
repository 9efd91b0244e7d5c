/** Makes the model and the architecture that a job begins with, or goes on with. */
import { readTensors } from './checkpoint';
import { alphasOf, fixedArchitecture, initialArchitecture } from './architecture';
import type { ArchitectureState } from './architecture';
import { baselinePhases } from './budget';
import { componentAlphas, discretise, uniformAlphas } from './discretise';
import { checkpointDamaged } from '../failure';
import { designJob, withPhases } from './jobPlan';
import type { JobDesign } from './jobPlan';
import { SEARCHED_SUBJECT } from '../../contract/events';
import { pretrainedTensors } from './hybridModel';
import { programmedAlphas, taskAlphas } from './programAlphas';
import type { LiveTable, ModelStart, TrainableModel } from './model';
import { initialAdamw } from './optimiser';
import { componentOf, findSearch, seenByHybrid } from './results';
import type { SearchCost } from './searchCost';
import { servicesOf, type RunServices } from './services';
import type { FinishedJob, RunSnapshot } from './snapshot';
import { architectureOf, TrainingJob, type JobParts } from './trainingJob';

export interface StartFrom {
  readonly folder: string;
  readonly snapshot: RunSnapshot;
}

interface CarriedModel {
  readonly model: TrainableModel;
  readonly architecture: ArchitectureState;
}

export class JobStarter {
  private carried: CarriedModel | undefined;
  private readonly planned: LiveTable;
  /** What every job behind the projectors' pretraining starts from. */
  private readonly base: ModelStart;

  /** @param cost of a cost-aware search */
  constructor(
    private readonly services: RunServices,
    private readonly cost?: SearchCost,
  ) {
    const { blocks, components, config } = services.plan;
    this.base = config.hybrid.projectors.pretrain === undefined ? {} : { pretrained: true };
    this.planned = blocks.map(({ live }) => components.map((_, m) => live.includes(m)));
  }

  /** @param from the checkpoint, when this is the job that it goes on with */
  async start(
    index: number,
    finished: readonly FinishedJob[],
    from: StartFrom | undefined,
  ): Promise<TrainingJob> {
    const design = designJob(this.services.plan, index);
    switch (design.stage) {
      case 'search':
      case 'program':
        return this.startSearch(design, from);
      case 'finetune':
        return this.startFinetune(design, finished, from);
      case 'baseline':
        return this.startBaseline(design, finished);
      case 'projectors':
        return this.startProjectors(design, from);
    }
  }

  /** Whether the job at `index` goes on with the weights of `design`. */
  carriesInto(index: number, design: JobDesign): boolean {
    const { jobs, config } = this.services.plan;
    const next = jobs[index];
    return (
      design.stage === 'search' &&
      next?.stage === 'finetune' &&
      next.seed === design.seed &&
      config.finetune !== false &&
      config.finetune.weights === 'keep'
    );
  }

  carry({ model, architecture }: TrainingJob): void {
    this.carried = { model, architecture };
  }

  dispose(): void {
    this.carried?.model.dispose();
    this.carried = undefined;
  }

  /** α begin as the config says: those of a pretraining were found on another text. */
  private async startSearch(design: JobDesign, from: StartFrom | undefined): Promise<TrainingJob> {
    const { plan, buildModel } = servicesOf(this.services, design.index);
    // A supernet has no projectors to begin with.
    const start = design.stage === 'program' ? {} : this.base;
    const model = await this.asPlanned(design.seed, from, start, buildModel);
    return this.job(design, model, initialArchitecture(plan.config.search, plan.blocks));
  }

  private async startProjectors(
    design: JobDesign,
    from: StartFrom | undefined,
  ): Promise<TrainingJob> {
    const { plan } = this.services;
    const { pretrain } = plan.config.hybrid.projectors;
    if (pretrain === undefined) throw new Error('no settings to pretrain projectors');
    const model = await this.asPlanned(design.seed, from, {});
    const { algorithm, temperature } = plan.config.search;
    const settings = { algorithm: pretrain.alphas ? algorithm : ('fixed' as const), temperature };
    const trained = new Set(pretrainedTensors(plan).map(({ name }) => name));
    return this.job(design, model, initialArchitecture(settings, plan.blocks), ({ name }) =>
      trained.has(name),
    );
  }

  /** The plan's hybrid; without what was pruned in the run, where it goes on. */
  private async asPlanned(
    seed: number,
    from: StartFrom | undefined,
    start: ModelStart,
    build = this.services.buildModel,
  ): Promise<TrainableModel> {
    const running = from?.snapshot.running;
    return running
      ? this.rebuild(architectureOf(running), seed, start, build)
      : build(this.planned, seed, start);
  }

  private async startFinetune(
    design: JobDesign,
    finished: readonly FinishedJob[],
    from: StartFrom | undefined,
  ): Promise<TrainingJob> {
    const { plan } = this.services;
    const { finetune } = plan.config;
    if (finetune === false) throw new Error('no settings to fine-tune');
    if (plan.config.program) {
      const programmed = programmedAlphas(taskAlphas(plan, finished, design.seed));
      return this.fromPretrained(design, discretise(programmed, finetune.alphas));
    }
    const found = this.searched(finished, design.seed);
    const alphas = discretise(alphasOf(found), finetune.alphas);
    if (finetune.weights === 'rewind') return this.fromPretrained(design, alphas);
    const model = await this.takeCarried(found, design.seed, from);
    // What the discretised α drops leaves memory for good.
    await this.park(model, (block, m) => alphas[block]![m] === 0 && found.blocks[block]!.live[m]!);
    return this.job(design, model, fixedArchitecture(alphas));
  }

  /** What the search on the target found. */
  private searched(finished: readonly FinishedJob[], seed: number): ArchitectureState {
    const search = findSearch(this.services.plan, finished, seed);
    if (search === undefined) throw new Error('no search to fine-tune');
    return architectureOf(search);
  }

  private async startBaseline(
    design: JobDesign,
    finished: readonly FinishedJob[],
  ): Promise<TrainingJob> {
    const { baselines, finetune } = this.services.plan.config;
    const { plan, costs } = servicesOf(this.services, design.index);
    const alone = componentOf(plan, design.subject);
    const alphas =
      alone !== undefined
        ? componentAlphas(plan.blocks.length, plan.components.length, alone)
        : design.subject === SEARCHED_SUBJECT && finetune !== false
          ? discretise(alphasOf(this.searched(finished, design.seed)), finetune.alphas)
          : uniformAlphas(this.planned);
    const seen = seenByHybrid(this.services.plan, finished, design.seed);
    const flops = costs.flopsPerToken(alphas);
    // Beside a program a searched hybrid is compared without other baselines too.
    const match = baselines === false ? 'steps' : baselines.match;
    const phases = baselinePhases(seen, match, flops, plan.context);
    return this.fromPretrained(withPhases(design, phases), alphas, alone);
  }

  private async fromPretrained(
    design: JobDesign,
    alphas: number[][],
    alone?: number,
  ): Promise<TrainingJob> {
    const live = alphas.map((row) => row.map((alpha) => alpha > 0));
    const start = alone === undefined ? this.base : { alone };
    const { buildModel } = servicesOf(this.services, design.index);
    const model = await buildModel(live, design.seed, start);
    return this.job(design, model, fixedArchitecture(alphas));
  }

  /** The searched model: handed over in memory, or made again from a checkpoint. */
  private async takeCarried(
    architecture: ArchitectureState,
    seed: number,
    from: StartFrom | undefined,
  ): Promise<TrainableModel> {
    if (this.carried) {
      const { model } = this.carried;
      this.carried = undefined;
      return model;
    }
    const model = await this.rebuild(architecture, seed, this.base);
    if (from?.snapshot.carried) {
      await readTensors(from.folder, { model, adamw: initialAdamw() }, {});
    } else if (!from?.snapshot.running) {
      model.dispose();
      throw checkpointDamaged('it lacks the searched weights that the fine-tuning keeps');
    }
    return model;
  }

  /** As planned, then without what was pruned in the run. Values are still the pretrained ones. */
  private async rebuild(
    architecture: ArchitectureState,
    seed: number,
    start: ModelStart,
    build = this.services.buildModel,
  ): Promise<TrainableModel> {
    const model = await build(this.planned, seed, start);
    const { blocks } = architecture;
    await this.park(model, (block, m) => !blocks[block]!.live[m] && this.planned[block]![m]!);
    return model;
  }

  /** Parks the pairs that `leaves` names, block by block; where that fails the model is freed. */
  private async park(
    model: TrainableModel,
    leaves: (block: number, component: number) => boolean,
  ): Promise<void> {
    try {
      for (const [block, row] of this.planned.entries()) {
        for (const m of row.keys()) {
          if (leaves(block, m)) await model.park(m, block);
        }
      }
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  private job(
    design: JobDesign,
    model: TrainableModel,
    architecture: ArchitectureState,
    trains?: JobParts['trains'],
  ): TrainingJob {
    const services = servicesOf(this.services, design.index);
    const parts = { design, services, now: this.services.now, model, architecture };
    const isSearch = design.stage === 'search' || design.stage === 'program';
    const cost = isSearch ? this.cost : undefined;
    return new TrainingJob({ ...parts, cost, ...(trains ? { trains } : {}) });
  }
}
