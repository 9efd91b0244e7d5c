/** From a plan and the components' weights to a hybrid in memory. */
import type { Plan, PlanComponent, PlanTensor } from '../../contract/plan';
import {
  FAMILY_NAMES,
  type Architecture,
  type TensorInit,
  type TensorSpec,
} from '../../models/architecture';
import { decoderTensors } from '../../models/autoEncoder';
import { classifierTensors } from '../../models/classifier';
import { familyTable } from '../../models/families';
import { componentTensorName, loanOf, projectorTensorName } from '../../models/hybridTensors';
import { projectorTensors, type ProjectorTensor } from '../../models/projector';
import { RandomStream } from '../../models/random';
import { projectorsDiffer, projectorsMissing, tokenizerMissing } from './errors';
import {
  loadRows,
  loadTensor,
  loadTransplanted,
  sameShape,
  type MadeTensor,
  type RowPlan,
  type TensorSource,
} from './fileTensors';
import type { Hybrid, HybridDesign } from './hybrid';
import { initialValues, RANDOM_EMBEDDING_STD } from './initialize';
import { ParameterStore } from './parameters';
import { transplantRows, type RowSource, type TransplantTokenizer } from './transplant';

export type { TensorSource } from './fileTensors';

/** A component's files; `weights` is `undefined` for a component from scratch. */
export interface ComponentSource {
  readonly weights: TensorSource | undefined;
  readonly tokenizer: TransplantTokenizer | undefined;
}

export interface BuildOptions {
  /** Another hybrid's tensors (`hybrid.projectors.from`), by parameter name, and what to call it in messages. */
  readonly projectors?: { readonly name: string; readonly tensors: TensorSource };
}

export interface BuiltHybrid extends Hybrid {
  readonly plan: Plan;
  readonly architectures: readonly Architecture[];
}

/**
 * Loads, makes or transplants every tensor of the plan, one after the other.
 * @param loadComponent called once a component, in order
 * @param seed of everything drawn here; each tensor has its own stream
 * @throws HybridError when the files don't fit the plan
 */
export async function buildHybrid(
  plan: Plan,
  loadComponent: (component: number) => Promise<ComponentSource>,
  seed: number,
  options: BuildOptions = {},
): Promise<BuiltHybrid> {
  const architectures = plan.components.map(architectureOf);
  const design = designOf(plan, architectures);
  const parameters = emptyStore(design, plan);
  const sources: ComponentSource[] = [];
  for (const component of plan.components.keys()) sources.push(await loadComponent(component));
  const makers = plan.components.map((_, component) =>
    tensorMaker(plan, component, architectures[component]!, sources, seed),
  );
  const ofHead = headMaker(plan, seed);
  const makerOf = ({ component }: PlanTensor) =>
    component === undefined ? ofHead : makers[component]!;
  try {
    for (const spec of plan.tensors) {
      const given = await fromOtherHybrid(plan, spec, options.projectors);
      if (given) parameters.fill(spec, given);
      else await fillOwn(parameters, spec, makerOf(spec));
    }
  } catch (error) {
    parameters.dispose();
    throw error;
  }
  return { plan, architectures, design, parameters };
}

/** @throws Error for a plan that no check has seen */
export function architectureOf(component: PlanComponent): Architecture {
  const family = FAMILY_NAMES.find((name) => name === component.family);
  if (!family) throw new Error(`the plan names no known family: ${component.family}`);
  const { value, problems } = familyTable(family).read(component.config);
  if (!value) throw new Error(`${component.name}: ${problems.map((p) => p.message).join(' ')}`);
  return value;
}

export function designOf(plan: Plan, architectures: readonly Architecture[]): HybridDesign {
  const { gate, head, projectors } = plan.config.hybrid;
  return {
    components: plan.components.map(({ name, groups }, component) => ({
      name,
      groups,
      architecture: architectures[component]!,
    })),
    blocks: plan.blocks.length,
    width: plan.width,
    vocabulary: plan.vocabulary,
    gate,
    head,
    projectors: projectors.kind,
    ...(plan.autoEncoder ? { autoEncoder: true } : {}),
    ...(plan.classifier ? { classifier: plan.classifier } : {}),
  };
}

/** A store for these tensors, without values. */
export function emptyStore(
  design: HybridDesign,
  {
    tensors,
    blocks,
  }: {
    readonly tensors: readonly PlanTensor[];
    readonly blocks: readonly { readonly live: readonly number[] }[];
  },
): ParameterStore {
  return new ParameterStore(tensors, {
    headBlock: design.head === 'first' ? 0 : design.blocks - 1,
    tied: design.components.map(({ architecture }) => architecture.tiedHead && !design.classifier),
    live: blocks.map(({ live }) => design.components.map((_, m) => live.includes(m))),
  });
}

type TensorMaker = (spec: PlanTensor) => Promise<MadeTensor>;

async function fillOwn(parameters: ParameterStore, spec: PlanTensor, make: TensorMaker) {
  const { data, surplus } = await make(spec);
  parameters.fill(spec, data);
  if (surplus) parameters.surplus.set(spec.name, surplus);
}

/** How each tensor of one component, or of its projectors, gets its first values. */
function tensorMaker(
  plan: Plan,
  component: number,
  architecture: Architecture,
  sources: readonly ComponentSource[],
  seed: number,
): TensorMaker {
  const { name } = plan.components[component]!;
  const { weights } = sources[component]!;
  const specs = new Map(
    familyTable(architecture.family)
      .tensors(architecture, plan.vocabulary)
      .map((spec) => [componentTensorName(name, spec.name), spec]),
  );
  const projectors = projectorInits(plan, component);
  const decoder = new Map(
    (plan.autoEncoder ? decoderTensors(architecture.width) : []).map((tensor) => [
      componentTensorName(name, tensor.name),
      tensor.init,
    ]),
  );
  const rowsOnce = once(() => vocabularyRows(plan, component, sources));
  const drawn = (spec: PlanTensor, init: ProjectorTensor['init']) => ({
    data: drawnValues(init, spec, seed),
  });
  return async (planned) => {
    const spec = specs.get(planned.name);
    if (!spec) return drawn(planned, decoder.get(planned.name) ?? initOf(projectors, planned));
    if (!weights) return drawn(planned, spec.init);
    if (!isVocabularyTensor(spec, plan.vocabulary)) return loadTensor(name, weights, spec);
    switch (plan.components[component]!.vocabulary) {
      case 'own':
        return loadRows(name, weights, spec);
      case 'random':
        return drawn(planned, randomRows(spec));
      case 'transplant':
        return loadTransplanted(name, weights, spec, rowsOnce());
    }
  };
}

/** The first values of a classifier's head. */
function headMaker({ classifier, width }: Plan, seed: number): TensorMaker {
  const tensors = classifier ? classifierTensors(classifier, width) : [];
  const inits = new Map(tensors.map(({ name, init }) => [name, init]));
  return (spec) => Promise.resolve({ data: drawnValues(initOf(inits, spec), spec, seed) });
}

/** Each tensor has a stream of its own. */
const drawnValues = (init: ProjectorTensor['init'], { name, shape }: PlanTensor, seed: number) =>
  initialValues(init, shape, RandomStream.named(seed, `init/${name}`));

function projectorInits(plan: Plan, component: number): Map<string, ProjectorTensor['init']> {
  const { name, width: componentWidth } = plan.components[component]!;
  const { kind, init } = plan.config.hybrid.projectors;
  const tensors = projectorTensors({ kind, init, width: plan.width, componentWidth });
  return new Map(
    plan.blocks.flatMap((_, block) =>
      tensors.map(
        (tensor) => [projectorTensorName(name, block, tensor.name), tensor.init] as const,
      ),
    ),
  );
}

function initOf(inits: ReadonlyMap<string, ProjectorTensor['init']>, { name }: PlanTensor) {
  const init = inits.get(name);
  if (!init) throw new Error(`the plan lists ${name}, which no component and no projector has`);
  return init;
}

/** Embedding tables, heads and head biases: one row an id. */
function isVocabularyTensor({ place, shape }: TensorSpec, vocabulary: number): boolean {
  return (place.kind === 'embedding' || place.kind === 'head') && shape[0] === vocabulary;
}

/** Matrices N(0, 0.02), a head's bias 0. */
function randomRows({ shape }: TensorSpec): TensorInit {
  return shape.length > 1
    ? { kind: 'normal', std: RANDOM_EMBEDDING_STD }
    : { kind: 'constant', value: 0 };
}

function vocabularyRows(plan: Plan, component: number, sources: readonly ComponentSource[]) {
  // Only pretrained components are transplanted, and those come with texts.
  if (plan.tokenizer === undefined) throw new Error('a synthetic task has no tokenizer');
  const target = sources[plan.tokenizer]!.tokenizer;
  const own = sources[component]!.tokenizer;
  if (!target) throw tokenizerMissing(plan.components[plan.tokenizer]!.name);
  if (!own) throw tokenizerMissing(plan.components[component]!.name);
  const made = new Map<number, readonly RowSource[]>();
  const rowPlan: RowPlan = (rows) => {
    const known = made.get(rows) ?? transplantRows(target, own, rows);
    made.set(rows, known);
    return known;
  };
  return { ownSize: own.size, plan: rowPlan };
}

/** What `hybrid.projectors.from` gives of it; `undefined` for the component's own. */
async function fromOtherHybrid(
  plan: Plan,
  spec: PlanTensor,
  other: BuildOptions['projectors'],
): Promise<Float32Array | undefined> {
  if (!other) return undefined;
  const loan = loanOf(spec, plan.components);
  if (loan === 'none') return undefined;
  if (!other.tensors.has(spec.name)) {
    if (loan === 'needed') throw projectorsMissing(other.name, spec.name);
    return undefined;
  }
  const { shape, data } = await other.tensors.read(spec.name);
  if (!sameShape(shape, spec.shape)) {
    throw projectorsDiffer(other.name, spec.name, shape, spec.shape);
  }
  return data;
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
