/** Baselines that are designed by hand (`baselines.stacks`): each the plan of a hybrid of itself alone, on the run's data. */
import type { ResolvedConfig } from '../contract/config';
import { familyTable } from '../models/families';
import { isTask, taskVocabulary } from '../models/tasks';
import { checkScratch } from './headerChecks';
import type { Headers } from './headers';
import { readable } from './headers';
import type { Report } from './report';
import type { Config } from './schema';
import type { SubplanSource } from './subplans';

const STACKS = ['baselines', 'stacks'];

/** One for each stack, in the order of the text. */
export function stackSources(config: ResolvedConfig, headers: Headers): SubplanSource[] {
  const stacks = (config.baselines && config.baselines.stacks) || {};
  const tokenizer = headers.components.find(
    ({ name }) => name === config.hybrid.tokenizer,
  )?.tokenizer;
  const { train } = config.data;
  const found = tokenizer?.kind === 'found' ? tokenizer.summary.size : undefined;
  const vocabulary = isTask(train) ? taskVocabulary(train) : found;
  const table = familyTable('stack');
  return Object.entries(stacks).map(([name, written]) => {
    const own = vocabulary === undefined ? written : { ...written, vocab_size: vocabulary };
    const component = { name, model: undefined, tokenizer, table, config: own };
    return {
      name,
      stage: 'baseline',
      config: alone(config, name, own),
      headers: {
        components: [{ ...component, architecture: table.read(own) }],
        data: new Map(),
        records: new Map(),
        templates: new Map(),
        projectors: undefined,
      },
    };
  });
}

/** The run's config with the stack in the place of its hybrid: data and settings of training stay. */
function alone(
  config: ResolvedConfig,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): ResolvedConfig {
  const { hybrid } = config;
  const scratch = { family: 'stack', config: fields };
  return {
    ...config,
    components: { [name]: { source: undefined, scratch, tokenizer: undefined } },
    hybrid: {
      ...hybrid,
      ...{ blocks: 1, tokenizer: name, gate: 'none', mixture: {} },
      projectors: { ...hybrid.projectors, kind: 'none', from: undefined, pretrain: undefined },
    },
    program: undefined,
    baselines: false,
  };
}

/** @param reserved names of other subjects of the run's jobs, with what they stand for */
export function checkStackBaselines(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  headers: Headers,
  reserved: Readonly<Record<string, string>>,
): void {
  const stacks = (typeof written.baselines === 'object' && written.baselines.stacks) || undefined;
  if (stacks && Object.keys(stacks).length === 0) report.noEffect(STACKS, 'it names none');
  for (const [name, { stack, config: fields }] of Object.entries(stacks ?? {})) {
    checkName(report, name, config, reserved);
    for (const [key, value] of Object.entries({ stack, config: fields })) {
      if (value !== undefined || report.isLeftOut([...STACKS, name, key])) continue;
      const example = {
        stack: '`stack: [mamba, attention]`',
        config: '`config: { hidden_size: 64 }`',
      };
      report.add([...STACKS, name], {
        code: 'missing-key',
        message: `\`${name}\` needs \`${key}\`, such as ${example[key as keyof typeof example]}.`,
        part: 'key',
      });
    }
    checkFields(report, name, fields ?? {});
  }
  for (const source of stackSources(config, headers)) checkSizes(report, config, source);
}

function checkName(
  report: Report,
  name: string,
  config: ResolvedConfig,
  reserved: Readonly<Record<string, string>>,
): void {
  const isComponent = Object.hasOwn(config.components, name);
  if (!isComponent && !Object.hasOwn(reserved, name)) return;
  const other = isComponent
    ? 'a component of the hybrid'
    : `what events and reports call ${reserved[name]!}`;
  report.add([...STACKS, name], {
    code: 'baseline-name',
    message: `\`${name}\` is ${other}: give the stack another name.`,
    part: 'key',
  });
}

function checkFields(
  report: Report,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const at = [...STACKS, name, 'config'];
  if (fields['layer_types'] !== undefined) {
    report.add([...at, 'layer_types'], {
      code: 'stack-layers',
      message: '`stack` says what the layers are: delete `layer_types`.',
      part: 'key',
    });
  }
  report.noEffect([...at, 'vocab_size'], 'the vocabulary is the hybrid’s');
}

/** What its family makes of the sizes, and whether the run's sequences fit it. */
function checkSizes(
  report: Report,
  config: ResolvedConfig,
  { name, headers }: SubplanSource,
): void {
  const [component] = headers.components;
  const at = [...STACKS, name, 'config'];
  checkScratch(report, at, component!);
  const most = readable(component!)?.architecture.maxPositions;
  const { context } = config.data;
  if (most === undefined || most >= context) return;
  const key = [...at, 'max_seq_len'];
  report.add(report.isWritten(key) ? key : at, {
    code: 'context-above-positions',
    message: `The run’s sequences have ${context} positions, and the Hyena filters of \`${name}\` are made for ${most}: \`max_seq_len: ${context}\` is enough.`,
    ...report.replacing(key, `Change to ${context}`, String(context)),
  });
}
