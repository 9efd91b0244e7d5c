/**
 * How a folder for `transformers` names a hybrid's tensors: as the modules of `modeling_manticore.py` nest, components by
 * position, so that no name from a file becomes one of Python's.
 */
import type { PlanTensor } from '../../../contract/plan';
import { componentTensorName, projectorTensorName } from '../../../models/hybridTensors';

/** The class that such a folder's `config.json` names. */
export const TRANSFORMERS_CLASS = 'ManticoreForCausalLM';

/** `components/<name>/h.0.ln_1.weight` → `components.<m>.h.0.ln_1.weight`; a projector's block counts from 0. */
export function transformersTensorName(
  { name, component, place }: Pick<PlanTensor, 'name' | 'component' | 'place'>,
  componentNames: readonly string[],
): string {
  if (component === undefined) throw new Error(`${name} is no component's: a classifier's head`);
  const own = componentTensorName(componentNames[component]!, '');
  if (name.startsWith(own)) return `components.${component}.${name.slice(own.length)}`;
  if (typeof place !== 'number') throw new Error(`${name} is in no block`);
  const pair = projectorTensorName(componentNames[component]!, place, '');
  return `projectors.${component}.${place}.${name.slice(pair.length)}`;
}
