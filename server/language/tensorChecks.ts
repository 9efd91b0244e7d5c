/** Checks of safetensors headers: a component's against its family's table, another hybrid's against the plan. */
import type { ResolvedConfig } from '../contract/config';
import type { Plan } from '../contract/plan';
import { isReadableDtype } from '../models/dtype';
import { locateTensor, unknownTensors } from '../models/families';
import { loanOf } from '../models/hybridTensors';
import type { FoundModel, ProjectorManifest, TensorHeader } from '../models/modelReader';
import { shown } from './configDocument';
import type { Headers, ReadableComponent } from './headers';
import type { Report } from './report';

/** Tensors that one message names. */
const NAMED_TENSORS = 3;

const some = (names: readonly string[]) =>
  names.slice(0, NAMED_TENSORS).join('; ') +
  (names.length > NAMED_TENSORS ? `; and ${names.length - NAMED_TENSORS} more` : '');

interface Wanted {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What is wrong with a tensor that a file has; `undefined` when nothing is. */
function shapeFault(wanted: Wanted, found: TensorHeader): string | undefined {
  return found.shape.join() === wanted.shape.join()
    ? undefined
    : `${shown(wanted.name)} is [${found.shape.join(', ')}], not [${wanted.shape.join(', ')}]`;
}

const typeFault = (name: string, { dtype }: TensorHeader) =>
  isReadableDtype(dtype) ? undefined : `${shown(name)} is ${shown(dtype)}`;

const untypedFinding = (faults: readonly string[]) => ({
  code: 'tensor-type',
  message: `Only F32, F16 and BF16 weights are read: ${some(faults)}. Save the model in one of these types.`,
});

/** Every tensor that the family needs is in the files, in its shape and in a type that is read; and nothing else is. */
export function checkTensors(
  report: Report,
  { headers, table, architecture }: ReadableComponent,
  model: FoundModel,
): void {
  const at = ['components', headers.name, 'source'];
  const found = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const missing: string[] = [];
  const misshapen: string[] = [];
  const untyped: string[] = [];
  for (const spec of table.tensors(architecture, architecture.vocabularyRows)) {
    const name = locateTensor(spec, (candidate) => found.has(candidate));
    const tensor = name === undefined ? undefined : found.get(name);
    if (!tensor) {
      missing.push(spec.name);
      continue;
    }
    const shape = shapeFault(spec, tensor);
    const type = typeFault(spec.name, tensor);
    if (shape !== undefined) misshapen.push(shape);
    else if (type !== undefined) untyped.push(type);
  }
  if (missing.length > 0) {
    report.add(at, {
      code: 'missing-tensor',
      message: `The weights lack ${some(missing)}: download or export the model again, or mend its \`config.json\`, which describes another one.`,
    });
  }
  if (misshapen.length > 0) {
    report.add(at, {
      code: 'tensor-shape',
      message: `Weights and \`config.json\` disagree: ${some(misshapen)}. Take both from the same model.`,
    });
  }
  if (untyped.length > 0) report.add(at, untypedFinding(untyped));
  const unknown = unknownTensors(architecture, [...found.keys()]).map(shown);
  if (unknown.length > 0) {
    report.add(at, {
      code: 'unknown-tensor',
      severity: 'warning',
      message: `The weights hold what its \`config.json\` has no place for, and that is left out: ${some(unknown)}. Merge adapters into the model first; if there are more layers than the config says, mend the config.`,
    });
  }
}

/** `hybrid.projectors.from`: its folder is there and holds what the plan would take from it. */
export function checkProjectorSource(
  report: Report,
  config: ResolvedConfig,
  headers: Headers,
  plan: Plan | undefined,
): void {
  const at = ['hybrid', 'projectors', 'from'];
  const name = shown(config.hybrid.projectors.from ?? '');
  const source = headers.projectors;
  if (!source || source.kind === 'pending') return;
  if (source.kind === 'missing') {
    report.add(at, {
      code: 'missing-file',
      message: `There is no run or folder \`${name}\` with a result: name a finished run, or a folder that \`manticore export\` wrote from one.`,
    });
    return;
  }
  if (source.kind === 'damaged') {
    report.add(at, { code: 'damaged-model', message: `It can’t be used: ${source.message}` });
    return;
  }
  if (!plan) return;
  const others = source.manifest && differencesOf(source.manifest, plan);
  if (others && others.length > 0) {
    report.add(at, {
      code: 'projectors-differ',
      message: `The projectors in \`${name}\` were pretrained for another hybrid: ${others.slice(0, NAMED_TENSORS).join('; ')}. Take those of the same components, blocks and tokenizer, or pretrain them with \`hybrid.projectors.pretrain\`.`,
    });
    return;
  }
  const found = new Map(source.tensors.map((tensor) => [tensor.name, tensor]));
  const missing: string[] = [];
  const misshapen: string[] = [];
  const untyped: string[] = [];
  let takesRows = false;
  for (const spec of plan.tensors) {
    const loan = loanOf(spec, plan.components);
    if (loan === 'none') continue;
    const tensor = found.get(spec.name);
    if (!tensor) {
      if (loan === 'needed') missing.push(spec.name);
      continue;
    }
    takesRows ||= loan === 'taken';
    const shape = shapeFault(spec, tensor);
    const type = typeFault(spec.name, tensor);
    if (shape !== undefined) misshapen.push(shape);
    else if (type !== undefined) untyped.push(type);
  }
  if (missing.length > 0) {
    report.add(at, {
      code: 'projectors-missing',
      message: `\`${name}\` lacks ${some(missing)}: take a run with the same component names, blocks and kind of projector, in which nothing is pruned that is live here.`,
    });
  }
  if (misshapen.length > 0) {
    report.add(at, {
      code: 'tensor-shape',
      message: `What \`${name}\` holds has other shapes: ${some(misshapen)}. Take a run of the same components and tokenizer.`,
    });
  }
  if (untyped.length > 0) report.add(at, untypedFinding(untyped));
  const chosen =
    plan.tokenizer === undefined ? undefined : headers.components[plan.tokenizer]?.tokenizer;
  const own =
    source.manifest?.tokenizer ??
    (source.tokenizer.kind === 'found' ? source.tokenizer.summary.digest : undefined);
  if (takesRows && chosen?.kind === 'found' && own !== undefined && own !== chosen.summary.digest) {
    report.add(at, {
      code: 'projectors-tokenizer',
      message: `The embeddings in \`${name}\` belong to another tokenizer than \`${config.hybrid.tokenizer}\`’s: take a run with the same tokenizer, or change \`hybrid.tokenizer\`.`,
    });
  }
}

/** Where the hybrid that projectors were pretrained for is not this one, each as a part of a sentence. */
function differencesOf(manifest: ProjectorManifest, plan: Plan): string[] {
  const names = ({ components }: Pick<ProjectorManifest, 'components'>) =>
    components.map(({ name }) => `\`${shown(name)}\``);
  const [theirs, ours] = [names(manifest), names(plan)];
  if ([...theirs].sort().join() !== [...ours].sort().join()) {
    return [`its components are ${theirs.join(', ')}, here they are ${ours.join(', ')}`];
  }
  const differences = plan.components.flatMap(({ name, family, layers, width }) => {
    const other = manifest.components.find((component) => component.name === name)!;
    const sizes = (size: { readonly layers: number; readonly width: number }) =>
      `${size.layers} layers of width ${size.width}`;
    if (other.family !== family) {
      return [`\`${name}\` was a ${shown(other.family)}, here it is a ${family}`];
    }
    return other.layers === layers && other.width === width
      ? []
      : [`\`${name}\` had ${sizes(other)}, here it has ${sizes({ layers, width })}`];
  });
  const { blocks, kind } = manifest;
  if (blocks !== plan.blocks.length) {
    differences.push(`it has ${blocks} blocks, this one ${plan.blocks.length}`);
  }
  const own = plan.config.hybrid.projectors.kind;
  if (kind !== own) differences.push(`its projectors are \`${kind}\`, here they are \`${own}\``);
  return differences;
}
