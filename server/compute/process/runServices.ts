/** What the jobs of a run are given: the plan's components from disk, the data, the run folder. */
import path from 'node:path';
import type { Plan, PlanComponent } from '../../contract/plan';
import { loadTokenizer, type Tokenizer } from '../../weights/tokenizer';
import { openModelWeights, projectorFolder, type ModelWeights } from '../../weights/modelFolder';
import type { BuildOptions, ComponentSource, TensorSource } from '../hybrid/build';
import { buildHybridModel, planAlone, type HybridModel } from '../search/hybridModel';
import type { LiveTable, ModelStart } from '../search/model';

/** No component's name: those have no dot. */
const PROJECTORS_KEY = 'hybrid.projectors.from';

/** Folder in a run's own that holds its pretrained projectors until it is done. */
export const PRETRAINED = 'pretrained';

export const pretrainedFolder = (run: string, seed: number): string =>
  path.join(run, PRETRAINED, `seed-${seed}`);

/** Files of a run that stay open while it needs them. */
export class ComponentFiles {
  private readonly tokenizers = new Map<string, Promise<Tokenizer>>();
  private readonly weights = new Map<string, Promise<ModelWeights>>();

  /** @param run folder of the run, where it has pretrained projectors */
  constructor(
    private readonly plan: Plan,
    private readonly run?: string,
  ) {}

  /** The hybrid's tokenizer. @throws Error where a synthetic task has none */
  async tokenizer(): Promise<Tokenizer> {
    const folder = tokenizerOf(this.plan);
    if (folder === undefined) throw new Error('a synthetic task has no tokenizer');
    return this.tokenizerAt(folder);
  }

  /** Builds the hybrid of the plan, or of a subplan of its, with the pairs of `live`; or a component `alone`. */
  async build(
    live: LiveTable,
    seed: number,
    { alone, pretrained = false }: ModelStart = {},
    plan = this.plan,
  ): Promise<HybridModel> {
    const load = (component: number) => this.source(plan.components[component]!);
    if (alone !== undefined) return buildHybridModel(planAlone(plan, alone), live, seed, load);
    const projectors = pretrained ? await this.ownProjectors(seed) : await this.projectors(plan);
    return buildHybridModel(plan, live, seed, load, projectors);
  }

  /**
   * Digests of all weights that the run starts from, by component; those of `hybrid.projectors.from` under that key. The
   * files stay open, so that what is read later is what was hashed.
   */
  async digests(): Promise<Record<string, string>> {
    const digests: Record<string, string> = {};
    for (const component of this.plan.components) {
      const folder = folderOf(component);
      if (folder === undefined) continue;
      digests[component.name] = await (await this.filesAt(folder)).digest();
    }
    const { from } = this.plan.config.hybrid.projectors;
    if (from === undefined) return digests;
    const folder = await projectorFolder(path.resolve(this.plan.base, from));
    digests[PROJECTORS_KEY] = await (await this.filesAt(folder)).digest();
    return digests;
  }

  async close(): Promise<void> {
    const open = await Promise.all(this.weights.values());
    this.weights.clear();
    await Promise.all(open.map((weights) => weights.close()));
  }

  private async source(component: PlanComponent): Promise<ComponentSource> {
    const folder = folderOf(component);
    const { tokenizerPath } = component;
    return {
      weights: folder === undefined ? undefined : await this.weightsAt(folder),
      tokenizer: tokenizerPath === undefined ? undefined : await this.tokenizerAt(tokenizerPath),
    };
  }

  private async projectors(plan: Plan): Promise<BuildOptions> {
    const { from } = plan.config.hybrid.projectors;
    if (from === undefined) return {};
    const folder = await projectorFolder(path.resolve(this.plan.base, from));
    return { projectors: { name: from, tensors: await this.weightsAt(folder) } };
  }

  /** What this run's own pretraining left for a seed. */
  private async ownProjectors(seed: number): Promise<BuildOptions> {
    if (this.run === undefined) throw new Error('pretrained projectors belong to a run');
    const folder = pretrainedFolder(this.run, seed);
    return { projectors: { name: folder, tensors: await this.weightsAt(folder) } };
  }

  private tokenizerAt(folder: string): Promise<Tokenizer> {
    return once(this.tokenizers, folder, () => loadTokenizer(folder));
  }

  private filesAt(folder: string): Promise<ModelWeights> {
    return once(this.weights, folder, () => openModelWeights(folder));
  }

  private async weightsAt(folder: string): Promise<TensorSource> {
    const weights = await this.filesAt(folder);
    return { has: (name) => weights.tensors.has(name), read: (name) => weights.read(name) };
  }
}

/** Folder of the hybrid's tokenizer; `undefined` for a synthetic task. */
export function tokenizerOf({ tokenizer, components }: Plan): string | undefined {
  return tokenizer === undefined ? undefined : components[tokenizer]!.tokenizerPath;
}

/** Folder of a component's weights; `undefined` for one from scratch. */
export function folderOf(component: PlanComponent): string | undefined {
  return component.source.kind === 'random' ? undefined : component.source.path;
}

function once<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = cache.get(key) ?? make();
  cache.set(key, found);
  return found;
}
