/** Checks of what the data files have: the fields that a source names, and templates. */
import type { DataSource, ResolvedConfig } from '../contract/config';
import type { RecordField } from '../models/modelReader';
import { isTask } from '../models/tasks';
import { shown } from './configDocument';
import type { DataSplit, Headers } from './headers';
import { PRETRAIN_DATA } from './pretrainChecks';
import type { Report } from './report';
import { nearestName } from './suggestion';

/** The files of a split; `undefined` where it has none. */
function sourceOf(config: ResolvedConfig, split: DataSplit): DataSource | undefined {
  const { pretrain } = config.hybrid.projectors;
  const source = split === 'pretrain' ? pretrain?.data : config.data[split];
  return typeof source !== 'object' || isTask(source) ? undefined : source;
}

/** Where a split is written. */
export const placeOf = (split: DataSplit): readonly string[] =>
  split === 'pretrain' ? PRETRAIN_DATA : ['data', split];

/** Whether the records of a split's file have the fields that it names. */
export function checkRecords(
  report: Report,
  config: ResolvedConfig,
  headers: Headers,
  split: DataSplit,
): void {
  const source = sourceOf(config, split);
  const records = headers.records.get(split);
  if (source === undefined || source.kind === 'text') return;
  if (records?.kind === 'damaged') {
    report.add([...placeOf(split), source.kind], {
      code: 'damaged-data',
      message: `\`${shown(source.path)}\` can’t be used: ${records.message}.`,
    });
  }
  if (records?.kind !== 'found') return;
  // A pair of which one half isn't named yet has an empty name.
  for (const wanted of wantedOf(source).filter(({ name }) => name !== '')) {
    checkField(report, placeOf(split), source, wanted, records.fields);
  }
}

interface WantedField {
  /** The key that names it. */
  readonly key: 'field' | 'prompt' | 'input' | 'response';
  readonly name: string;
  readonly holds: 'text' | 'messages';
}

function wantedOf(source: Exclude<DataSource, { readonly kind: 'text' }>): WantedField[] {
  if (source.kind === 'chat') return [{ key: 'field', name: source.field, holds: 'messages' }];
  if (!('pair' in source)) return [{ key: 'field', name: source.field, holds: 'text' }];
  const { prompt, input, response } = source.pair;
  return [
    { key: 'prompt', name: prompt, holds: 'text' },
    ...(input === undefined ? [] : [{ key: 'input', name: input, holds: 'text' } as const]),
    { key: 'response', name: response, holds: 'text' },
  ];
}

const WHAT = { text: 'text', messages: 'a list of messages, each with a `role` and a `content`' };

function checkField(
  report: Report,
  split: readonly string[],
  source: DataSource,
  { key, name, holds }: WantedField,
  fields: readonly RecordField[],
): void {
  const isWritten = report.isWritten([...split, key]);
  const at = [...split, isWritten ? key : source.kind];
  const found = fields.find((field) => field.name === name);
  const where = isParquet(source) ? 'columns' : 'first records';
  if (found === undefined) {
    const fitting = fields.filter((field) => field.holds === holds).map((field) => field.name);
    const nearest = nearestName(name, fitting) ?? (fitting.length === 1 ? fitting[0] : undefined);
    const known = fields.slice(0, 12).map((field) => `\`${shown(field.name)}\``);
    const hint =
      nearest === undefined
        ? `They have ${known.join(', ')}.`
        : `Did you mean \`${shown(nearest)}\`?`;
    report.add(at, {
      code: 'missing-field',
      ...(key === 'input' ? { severity: 'warning' as const } : {}),
      message: `The ${where} of \`${shown(source.path)}\` have no \`${shown(name)}\`. ${isWritten ? hint : `Name it with \`${key}\`. ${hint}`}`,
      ...(nearest === undefined || !isWritten
        ? {}
        : report.replacing(at, `Change to ${nearest}`, plain(nearest))),
    });
  } else if (found.holds !== holds) {
    // An input may be null.
    if (key === 'input' && found.holds === 'other') return;
    report.add(at, {
      code: 'wrong-field',
      message: `\`${shown(name)}\` in \`${shown(source.path)}\` doesn’t hold ${WHAT[holds]}${found.holds === 'messages' ? ': name the file with `chat`' : found.holds === 'text' && holds === 'messages' ? ': name the file with `jsonl` or `parquet`' : ''}.`,
    });
  } else if (!found.always && key !== 'input') {
    report.add(at, {
      code: 'missing-field',
      message: `Not every one of the first records of \`${shown(source.path)}\` has \`${shown(name)}\`: give it to all of them, or take the others out.`,
    });
  }
}

/** A name as YAML reads it back. */
const plain = (name: string): string =>
  /^[A-Za-z_][\w-]*$/.test(name) ? name : JSON.stringify(name);

export const isParquet = ({ kind, path }: DataSource): boolean =>
  kind === 'parquet' || (kind === 'chat' && /\.parquet$/i.test(path));

/** A chat template of the config's own, a file of it, or the tokenizer's. */
export function checkTemplate(
  report: Report,
  config: ResolvedConfig,
  headers: Headers,
  split: DataSplit,
): void {
  const source = sourceOf(config, split);
  if (source === undefined) return;
  const file = headers.templates.get(split);
  const at = [...placeOf(split), 'template'];
  if (file?.kind === 'missing' || file?.kind === 'refused') {
    report.add(at, {
      code: 'missing-file',
      message:
        file.kind === 'missing'
          ? `There is no file \`${shown(templateFileOf(source) ?? '')}\`: paths start from the config’s folder. A template in the config itself doesn’t end in \`.jinja\`.`
          : `${file.message} Name a template file.`,
    });
  }
  if (source.kind !== 'chat' || source.template !== undefined) return;
  const { tokenizer } = config.hybrid;
  const chosen = headers.components.find(({ name }) => name === tokenizer)?.tokenizer;
  if (chosen?.kind !== 'found' || chosen.summary.hasChatTemplate !== false) return;
  report.add([...placeOf(split), 'chat'], {
    code: 'no-chat-template',
    message: `The tokenizer of \`${tokenizer}\` has no chat template, so how messages are written as text isn’t known: give one with \`template: <Jinja, or a .jinja file>\`.`,
    part: 'key',
  });
}

/** The path of a source's template, where it is a file. */
export function templateFileOf(source: DataSource): string | undefined {
  const template = 'template' in source ? source.template : undefined;
  return template?.endsWith('.jinja') ? template : undefined;
}
