/** Every trainable tensor of a hybrid, before any of them exists: what the plan lists, a run trains, an export holds. */
import type { PlanComponent, PlanTensor } from '../contract/plan';
import type { Architecture, TensorPlace } from './architecture';
import { decoderTensors } from './autoEncoder';
import { classifierTensors, type ClassifierShape } from './classifier';
import { familyTable } from './families';
import { projectorTensors, type ProjectorKind } from './projector';
import type { LayerRange } from './split';

export interface HybridTensorOptions {
  readonly components: readonly {
    readonly name: string;
    readonly architecture: Architecture;
    /** Its layers in each block. */
    readonly groups: readonly LayerRange[];
  }[];
  /** Components in each block, by position: `live[block]`, never empty. */
  readonly live: readonly (readonly number[])[];
  /** d. */
  readonly width: number;
  /** V. */
  readonly vocabulary: number;
  readonly gate: 'paper' | 'transition' | 'none';
  /** The block whose α mixes the heads. */
  readonly head: 'first' | 'last';
  readonly projectors: ProjectorKind;
  /** Each head has the decoder of the compression task's auto-encoder before it. */
  readonly autoEncoder?: boolean;
  /** A head of no component, in the place of all of theirs. */
  readonly classifier?: ClassifierShape;
}

export const componentTensorName = (component: string, tensor: string) =>
  `components/${component}/${tensor}`;

/** `block` from 0; the name counts from 1, as a config does. */
export const projectorTensorName = (component: string, block: number, tensor: string) =>
  `projectors/${component}/${block + 1}/${tensor}`;

/**
 * In a fixed order: each component's tensors as its family lists them, its decoder's behind them, then the projectors by
 * component and block, then a classifier's head.
 * What is pruned has none: layers and projectors of that block, positions with block 1, the final norm with block N, the
 * embedding table with block 1, the head with the head's block (a tied table stays while either is left).
 */
export function hybridTensors(options: HybridTensorOptions): PlanTensor[] {
  return [
    ...options.components.flatMap((_, component) => componentTensors(options, component)),
    ...options.components.flatMap((_, component) => projectorsOf(options, component)),
    ...headOf(options),
  ];
}

function componentTensors(options: HybridTensorOptions, component: number): PlanTensor[] {
  const { name, architecture, groups } = options.components[component]!;
  const last = options.live.length - 1;
  const isLive = (block: number) => options.live[block]!.includes(component);
  const headLive = !options.classifier && isLive(options.head === 'first' ? 0 : last);
  const placeOf = (place: TensorPlace): PlanTensor['place'] => {
    switch (place.kind) {
      case 'embedding':
      case 'head':
        return place.kind;
      case 'positions':
        return 0;
      case 'finalNorm':
        return last;
      case 'layer':
        return groups.findIndex(({ first, end }) => first <= place.layer && place.layer < end);
    }
  };
  const isNeeded = (place: PlanTensor['place']) => {
    if (place === 'head') return headLive;
    if (place === 'embedding') return isLive(0) || (architecture.tiedHead && headLive);
    return isLive(place);
  };
  const own = familyTable(architecture.family)
    .tensors(architecture, options.vocabulary)
    .map((spec) => ({ ...spec, place: placeOf(spec.place) }));
  const decoder = options.autoEncoder ? decoderTensors(architecture.width) : [];
  return [...own, ...decoder.map((spec) => ({ ...spec, place: 'head' as const }))]
    .filter(({ place }) => isNeeded(place))
    .map(({ name: tensor, shape, place, decay }) => ({
      name: componentTensorName(name, tensor),
      shape,
      component,
      place,
      decay,
    }));
}

function projectorsOf(options: HybridTensorOptions, component: number): PlanTensor[] {
  const { name, architecture } = options.components[component]!;
  const { projectors: kind, width } = options;
  return options.live.flatMap((_, block) =>
    hasProjectors(options, component, block)
      ? projectorTensors({
          kind,
          init: 'default',
          width,
          componentWidth: architecture.width,
        }).map((tensor) => ({
          name: projectorTensorName(name, block, tensor.name),
          shape: tensor.shape,
          component,
          place: block,
          decay: tensor.decay,
        }))
      : [],
  );
}

function headOf({ classifier, width }: HybridTensorOptions): PlanTensor[] {
  if (!classifier) return [];
  return classifierTensors(classifier, width).map(({ name, shape, decay }) => ({
    name,
    shape,
    component: undefined,
    place: 'head',
    decay,
  }));
}

/**
 * Whether a pair of projectors can ever count there. It can't where the component is alone in every block that its gate
 * looks at: its α is then the constant 1, which skips them.
 */
export function hasProjectors(
  { live, gate, head, projectors }: Omit<HybridTensorOptions, 'components'>,
  component: number,
  block: number,
): boolean {
  if (projectors === 'none' || gate === 'none' || !live[block]!.includes(component)) return false;
  const last = live.length - 1;
  const after = block < last ? block + 1 : head === 'first' ? 0 : last;
  const looked = gate === 'paper' ? [block] : [Math.max(block - 1, 0), block, after];
  return looked.some((other) => live[other]!.some((neighbour) => neighbour !== component));
}

/**
 * What `hybrid.projectors.from` gives of a tensor: every projector, which it must have; if it has them, embedding tables,
 * and heads that are made anew for the vocabulary. Component weights stay the component's own.
 */
export function loanOf(
  { name, place, component }: Pick<PlanTensor, 'name' | 'place' | 'component'>,
  components: readonly Pick<PlanComponent, 'vocabulary'>[],
): 'needed' | 'taken' | 'none' {
  // A classifier is another task's, or this one's answers.
  if (component === undefined) return 'none';
  const { vocabulary } = components[component]!;
  if (name.startsWith('projectors/')) return 'needed';
  return place === 'embedding' || (place === 'head' && vocabulary !== 'own') ? 'taken' : 'none';
}

/** What a pretraining of the projectors trains, which is what it lends: the rest of the hybrid is frozen. */
export function isPretrained(
  spec: Pick<PlanTensor, 'name' | 'place' | 'component'>,
  components: readonly Pick<PlanComponent, 'vocabulary'>[],
  { embeddings }: { readonly embeddings: boolean },
): boolean {
  const loan = loanOf(spec, components);
  return loan === 'needed' || (loan === 'taken' && embeddings);
}
