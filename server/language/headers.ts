/** What the semantic checks and the plan know of the disk: one pass of questions to the reader, no weights. */
import type { DataSource, ResolvedConfig, TaskSource } from '../contract/config';
import type { Architecture, FamilyTable } from '../models/architecture';
import { familyForConfig, familyTable } from '../models/families';
import { FAMILY_NAMES } from '../models/architecture';
import { releaseMarker } from '../models/lraTasks';
import { isTask, taskVocabulary } from '../models/tasks';
import { isParquet, templateFileOf } from './dataChecks';
import type {
  FileFinding,
  ModelFinding,
  ModelReader,
  RecordsFinding,
  ResultFinding,
  TokenizerFinding,
} from '../models/modelReader';

export interface ComponentHeaders {
  readonly name: string;
  /** `undefined` for a component from scratch. */
  readonly model: ModelFinding | undefined;
  /** `undefined` when it brings none: from scratch, or a folder that couldn't be read. */
  readonly tokenizer: TokenizerFinding | undefined;
  /** `undefined` when there is no `config.json` or its family isn't supported. */
  readonly table: FamilyTable | undefined;
  /** What the family made of the hub's `config.json`. */
  readonly architecture: ReturnType<FamilyTable['read']> | undefined;
  /** The hub's `config.json`, or the config's own fields. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
}

export type DataSplit = 'train' | 'validation' | 'test' | 'pretrain';

export interface Headers {
  /** By position. */
  readonly components: readonly ComponentHeaders[];
  /** Splits that name a file. */
  readonly data: ReadonlyMap<DataSplit, FileFinding>;
  /** Splits whose files have records. */
  readonly records: ReadonlyMap<DataSplit, RecordsFinding>;
  /** Splits that name a template file. */
  readonly templates: ReadonlyMap<DataSplit, FileFinding>;
  /** `hybrid.projectors.from`, if given. */
  readonly projectors: ResultFinding | undefined;
}

/** A component whose headers are whole: what the plan is made of. */
export interface ReadableComponent {
  readonly headers: ComponentHeaders;
  readonly table: FamilyTable;
  readonly architecture: Architecture;
}

export async function readHeaders(
  config: ResolvedConfig,
  reader: ModelReader,
  base: string,
): Promise<Headers> {
  const components = await Promise.all(
    Object.keys(config.components).map((name) => readComponent(name, config, reader, base)),
  );
  const { train, validation, test } = config.data;
  const sources: [DataSplit, DataSource | TaskSource | number | undefined][] = [
    ['train', train],
    ['validation', validation],
    ['test', test],
    ['pretrain', config.hybrid.projectors.pretrain?.data],
  ];
  const data = new Map<DataSplit, FileFinding>();
  const records = new Map<DataSplit, RecordsFinding>();
  const templates = new Map<DataSplit, FileFinding>();
  for (const [split, source] of sources) {
    if (typeof source !== 'object') continue;
    if (isTask(source)) {
      const marked = split === 'train' ? releaseFile(source) : undefined;
      if (marked !== undefined) data.set(split, await reader.readFile(marked, base));
      continue;
    }
    if (source.path === '') continue;
    data.set(split, await reader.readFile(source.path, base));
    if (source.kind !== 'text') {
      const format = isParquet(source) ? 'parquet' : 'jsonl';
      records.set(split, await reader.readRecords(source.path, base, format));
    }
    const template = templateFileOf(source);
    if (template !== undefined) templates.set(split, await reader.readFile(template, base));
  }
  const { from } = config.hybrid.projectors;
  const projectors = from === undefined ? undefined : await reader.readResult(from, base);
  return { components, data, records, templates, projectors };
}

/** A path that is there where a task's folder is what it should be. */
function releaseFile(source: TaskSource): string | undefined {
  if (source.kind !== 'lra' || source.folder === undefined) return undefined;
  const marker = releaseMarker(source);
  return marker && `${source.folder}/${marker}`;
}

async function readComponent(
  name: string,
  config: ResolvedConfig,
  reader: ModelReader,
  base: string,
): Promise<ComponentHeaders> {
  const settings = config.components[name]!;
  const [model, named] = await Promise.all([
    settings.source === undefined ? undefined : reader.readModel(settings.source, base),
    settings.tokenizer === undefined ? undefined : reader.readTokenizer(settings.tokenizer, base),
  ]);
  const found = model?.kind === 'found' ? model : undefined;
  const hubConfig = found?.config ?? scratchConfig(config, settings.scratch?.config);
  const table = settings.scratch
    ? familyTable(FAMILY_NAMES.find((family) => family === settings.scratch?.family)!)
    : familyForConfig(hubConfig);
  return {
    name,
    model,
    tokenizer: named ?? found?.tokenizer,
    table,
    architecture: hubConfig && table?.read(hubConfig),
    config: hubConfig,
  };
}

/** The fields of a component from scratch. A synthetic task has a vocabulary of its own, whatever is written. */
function scratchConfig(
  { data }: ResolvedConfig,
  written: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  if (!written || !isTask(data.train)) return written;
  return { ...written, vocab_size: taskVocabulary(data.train) };
}

/** The component with all that its plan needs; `undefined` while a problem stands in the way. */
export function readable(headers: ComponentHeaders): ReadableComponent | undefined {
  const { table, architecture } = headers;
  return table && architecture?.value
    ? { headers, table, architecture: architecture.value }
    : undefined;
}
