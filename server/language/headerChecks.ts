/** Checks of each component's files and of the data files. */
import type { ResolvedConfig, TaskSource } from '../contract/config';
import type { FamilyTable } from '../models/architecture';
import { familyForConfig, supportedModelTypes } from '../models/families';
import { hubSourceMeant, safetensorsAlternative } from '../models/knownRepositories';
import { releaseMarker } from '../models/lraTasks';
import type { FileFinding, ModelFinding, TokenizerFinding } from '../models/modelReader';
import { isTask } from '../models/tasks';
import { shown } from './configDocument';
import type { ComponentHeaders, DataSplit, Headers } from './headers';
import { readable } from './headers';
import { checkRecords, checkTemplate, placeOf } from './dataChecks';
import { LRA_PATH } from './lraChecks';
import type { Finding, Report } from './report';
import { nearestName } from './suggestion';
import { checkTensors } from './tensorChecks';

export function checkFiles(report: Report, config: ResolvedConfig, headers: Headers): void {
  for (const component of headers.components) checkComponent(report, config, component);
  for (const split of headers.data.keys()) {
    checkDataFile(report, config, headers, split);
    checkRecords(report, config, headers, split);
    checkTemplate(report, config, headers, split);
  }
}

function checkComponent(report: Report, config: ResolvedConfig, component: ComponentHeaders): void {
  const { name, model } = component;
  const at = ['components', name];
  if (model) {
    const finding =
      pickleRepository(report, [...at, 'source'], model) ??
      hubWithoutPrefix(report, [...at, 'source'], model, config.components[name]!.source!) ??
      modelFinding(model, config.components[name]!.source!);
    if (finding) report.add([...at, 'source'], finding);
  }
  checkFamily(report, component);
  const read = readable(component);
  if (read && model?.kind === 'found') checkTensors(report, read, model);
  if (!component.tokenizer) return;
  const written = config.components[name]!.tokenizer;
  const finding = tokenizerFinding(component.tokenizer, written);
  const isModelMissing = written === undefined && model?.kind !== 'found';
  if (finding && !isModelMissing) {
    report.add([...at, written === undefined ? 'source' : 'tokenizer'], finding);
  }
}

function modelFinding(model: ModelFinding, source: string): Finding | undefined {
  switch (model.kind) {
    case 'found':
    case 'pending':
      return undefined;
    case 'missing':
      return {
        code: 'missing-model',
        message:
          model.file === undefined
            ? `There is no folder \`${shown(source)}\`: check the path, which starts from the config’s folder, or write \`hf:owner/name\`.`
            : `The folder has no \`${shown(model.file)}\`: a model folder holds \`config.json\`, safetensors weights and \`tokenizer.json\`.`,
      };
    case 'pickleOnly':
      return {
        code: 'pickle-only',
        message: `The weights are pickles (${model.files.slice(0, 2).map(shown).join(', ')}), which can run any code and are never read. ${
          model.suggestion === undefined
            ? 'Convert them to safetensors, or take a repository that has them.'
            : `Use \`${shown(model.suggestion)}\`.`
        }`,
      };
    case 'damaged':
      return {
        code: 'damaged-model',
        message: `\`${shown(model.file)}\` can’t be used: ${model.message}`,
      };
    case 'notCached':
      return notCached(model.id, model.revision);
    case 'invalid':
      return { code: 'bad-source', message: model.message };
  }
}

/** A repository that is known to have pickles only is said to be one before it is downloaded. */
function pickleRepository(
  report: Report,
  at: readonly string[],
  model: ModelFinding,
): Finding | undefined {
  const other = model.kind === 'notCached' ? safetensorsAlternative(model.id) : undefined;
  if (other === undefined) return undefined;
  return {
    code: 'pickle-only',
    message: `This repository has its weights as pickles, which can run any code and are never read. Use \`${other}\`.`,
    ...report.replacing(at, `Change to ${other}`, other),
  };
}

/** `owner/name` is how other tools name a model of the hub. */
function hubWithoutPrefix(
  report: Report,
  at: readonly string[],
  model: ModelFinding,
  source: string,
): Finding | undefined {
  if (model.kind !== 'missing' || model.file !== undefined) return undefined;
  const meant = hubSourceMeant(source);
  if (meant === undefined) return undefined;
  return {
    code: 'missing-model',
    message: `There is no folder \`${shown(source)}\`. A model of the hub is written \`${meant}\`; the path of a folder starts from the config’s own.`,
    ...report.replacing(at, `Change to ${meant}`, meant),
  };
}

function notCached(id: string, revision: string): Finding {
  const source = revision === 'main' ? `hf:${id}` : `hf:${id}@${revision}`;
  return {
    code: 'not-cached',
    severity: 'warning',
    message: `${shown(source)} isn’t on this machine yet, so nothing about it can be checked: download it, or run \`manticore pull ${shown(source)}\`.`,
    fixes: [{ title: `Download ${source}`, edits: [], download: source }],
  };
}

function tokenizerFinding(tokenizer: TokenizerFinding, written: string | undefined) {
  switch (tokenizer.kind) {
    case 'found':
    case 'pending':
      return undefined;
    case 'missing':
      return {
        code: 'no-tokenizer',
        message:
          written === undefined
            ? 'This model has no `tokenizer.json`: name another source for it with `tokenizer: <folder or hf:owner/name>`.'
            : `There is no \`tokenizer.json\` at \`${shown(written)}\`: name a folder that has one, or \`hf:owner/name\`.`,
      };
    case 'damaged':
      return {
        code: 'damaged-tokenizer',
        message: `The tokenizer can’t be used: ${tokenizer.message}`,
      };
    case 'notCached':
      return notCached(tokenizer.id, tokenizer.revision);
  }
}

function checkFamily(report: Report, component: ComponentHeaders): void {
  const { name, model, config, table, architecture } = component;
  const at = ['components', name, model ? 'source' : 'config'];
  if (config && !table && !familyForConfig(config)) {
    const type = Object.hasOwn(config, 'model_type') ? config['model_type'] : undefined;
    const label = typeof type === 'string' ? `\`${shown(type)}\`` : 'unnamed in its `config.json`';
    report.add(at, {
      code: 'unsupported-family',
      message: `The family of this model is ${label}; supported are ${supportedModelTypes().join(', ')}.`,
    });
  }
  if (!model) {
    checkScratch(report, at, component);
    return;
  }
  for (const { message } of architecture?.problems ?? []) {
    report.add(at, { code: 'unsupported-setting', message: `In its \`config.json\`: ${message}` });
  }
}

/** Fields of a model from scratch, which stand at a place of the config. */
export function checkScratch(
  report: Report,
  at: readonly string[],
  { config, table, architecture }: Pick<ComponentHeaders, 'config' | 'table' | 'architecture'>,
): void {
  if (config && table) checkFieldNames(report, at, config, table);
  for (const { field, message } of architecture?.problems ?? []) {
    const key = [...at, field];
    report.add(report.isWritten(key) ? key : at, { code: 'unsupported-setting', message });
  }
}

/** Fields of a component from scratch that are nearly, but not quite, one that its family reads. */
function checkFieldNames(
  report: Report,
  at: readonly string[],
  config: Readonly<Record<string, unknown>>,
  table: FamilyTable,
): void {
  const read = fieldsRead(config, table);
  const free = [...read].filter((field) => !Object.hasOwn(config, field));
  for (const field of Object.keys(config).filter((name) => !read.has(name))) {
    const nearest = nearestName(field, free);
    if (nearest === undefined) continue;
    const edits = [{ span: report.span([...at, field], 'key'), text: nearest }];
    report.add([...at, field], {
      code: 'unknown-field',
      severity: 'warning',
      message: `\`${shown(field)}\` is no field that this family reads. Did you mean \`${nearest}\`?`,
      part: 'key',
      fixes: [{ title: `Change to ${nearest}`, edits }],
    });
  }
}

/** The fields that a family asks a config for: it says so by reading it. */
export function fieldsRead(
  config: Readonly<Record<string, unknown>>,
  table: FamilyTable,
): ReadonlySet<string> {
  const fields = new Set<string>();
  const watched = new Proxy(config, {
    getOwnPropertyDescriptor: (target, field) => {
      if (typeof field === 'string') fields.add(field);
      return Reflect.getOwnPropertyDescriptor(target, field);
    },
  });
  table.read(watched);
  return fields;
}

function checkDataFile(
  report: Report,
  config: ResolvedConfig,
  headers: Headers,
  split: DataSplit,
): void {
  const { pretrain } = config.hybrid.projectors;
  const source = split === 'pretrain' ? pretrain?.data : config.data[split];
  const file = headers.data.get(split);
  if (typeof source !== 'object' || !file || file.kind === 'pending') return;
  if (isTask(source)) {
    checkRelease(report, source, file);
    return;
  }
  const at = [...placeOf(split), source.kind];
  if (file.kind !== 'file') {
    const message =
      file.kind === 'missing'
        ? `There is no file \`${shown(source.path)}\`: paths start from the config’s folder.`
        : `${file.message} Name a data file.`;
    report.add(at, { code: 'missing-file', message });
    return;
  }
  // Of conversations one is enough, whatever its length; and a Parquet file is packed.
  if (source.kind === 'text' || (source.kind === 'jsonl' && 'field' in source)) {
    checkSize(report, config, split, file.bytes, at);
  }
}

/** The folder of a data set's published files has what they have; more is known when they are read. */
function checkRelease(report: Report, source: TaskSource, file: FileFinding): void {
  if (source.kind !== 'lra' || source.folder === undefined || file.kind !== 'missing') return;
  report.add([...LRA_PATH, 'folder'], {
    code: 'missing-file',
    message: `There is no \`${releaseMarker(source)!}\` in \`${shown(source.folder)}\`: name the folder of the release’s files, from the config’s own.`,
  });
}

/** A token spells at least one byte, so a file of fewer bytes than one sequence needs can't fill it. */
function checkSize(
  report: Report,
  config: ResolvedConfig,
  split: DataSplit,
  bytes: number,
  at: readonly string[],
): void {
  const { context, validation } = config.data;
  const needed = context + 1;
  if (bytes < needed) {
    report.add(at, {
      code: 'too-little-text',
      message: `${bytes} bytes hold fewer than the ${needed} tokens of one sequence: give more text, or a smaller \`data.context\`.`,
    });
    return;
  }
  if (split !== 'train') return;
  const cut = typeof validation === 'number' ? validation : 0;
  const isShort = (share: number) => bytes * share < needed;
  const addAt = (key: readonly string[], fallback: readonly string[], message: string) =>
    report.add(report.isWritten(key) ? key : fallback, { code: 'too-little-text', message });
  const sequence = `less than one sequence of ${needed} tokens`;
  if (cut > 0 && isShort(cut)) {
    const message = `${cut} of the training text is ${sequence}: name a validation file, or cut a larger part.`;
    addAt(['data', 'validation'], at, message);
  }
  if (cut > 0 && isShort(1 - cut)) {
    const message = `A validation split of ${cut} leaves ${sequence} to train on: cut a smaller part, or name a validation file.`;
    addAt(['data', 'validation'], at, message);
    return;
  }
  const { schedule, heldOut } = config.search;
  if (schedule !== 'bilevel') return;
  const heldOutKey = ['search', 'heldOut'];
  const scheduleKey = ['search', 'schedule'];
  if (isShort((1 - cut) * heldOut)) {
    const message = `\`bilevel\` keeps ${heldOut} of the training text for α, ${sequence}: give more text or a larger \`heldOut\`.`;
    addAt(heldOutKey, scheduleKey, message);
  }
  if (isShort((1 - cut) * (1 - heldOut))) {
    const message = `\`bilevel\` keeps ${heldOut} of the training text for α and leaves ${sequence} for the weights: give more text or a smaller \`heldOut\`.`;
    addAt(heldOutKey, scheduleKey, message);
  }
}
