/** Checks that all tasks share whose examples are no text: what else of a config goes with one. */
import type { ResolvedConfig, TaskSource } from '../contract/config';
import { taskVocabulary } from '../models/tasks';
import type { Report } from './report';
import type { Config } from './schema';
import { SOURCE_KINDS } from './sourceChecks';

/** A task as its checks name it. */
export interface CheckedTask {
  /** The key in `data.train` that names it. */
  readonly key: TaskSource['kind'];
  readonly source: TaskSource;
  /** With its article, in a sentence: `a MAD task`. */
  readonly name: string;
  /** Where its validation and test examples come from, as the end of a sentence. */
  readonly splits: string;
}

/** What beside the task says nothing, or something else. */
export function checkBesidesTask(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  task: CheckedTask,
): void {
  checkData(report, written, config, task);
  checkHeldOut(report, config, task);
  for (const key of ['tokenizer', 'embeddings']) {
    if (!report.isWritten(['hybrid', key])) continue;
    report.add(['hybrid', key], {
      code: 'no-effect',
      severity: 'warning',
      message: `\`${key}\` has no effect here: the tokens of ${task.name} are no text, and embeddings start at random.`,
      part: 'key',
    });
  }
  checkComponents(report, config, task);
  checkVocabulary(report, config, task);
}

function checkData(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  { key, source, name, splits }: CheckedTask,
): void {
  const { data } = written;
  const others = ([...SOURCE_KINDS, 'mad', 'lra'] as const).filter(
    (other) => other !== key && data.train[other] !== undefined,
  );
  // Of two tasks the first one counts, and says so.
  for (const other of others) {
    report.add(['data', 'train', other], {
      code: 'data-source',
      message: `\`train\` has \`${other}\` and \`${key}\`: keep one.`,
      part: 'key',
    });
  }
  for (const split of ['validation', 'test'] as const) {
    if (!report.isWritten(['data', split])) continue;
    report.add(['data', split], {
      code: 'task-splits',
      message: `${name[0]!.toUpperCase()}${name.slice(1)} ${splits}: delete \`${split}\`.`,
      part: 'key',
    });
  }
  const { context } = config.data;
  if (data.context !== undefined && data.context !== context) {
    report.add(['data', 'context'], {
      code: 'task-context',
      message: `\`${source.task}\` with a length of ${source.length} has ${context} positions: delete \`context\`, or write ${context}.`,
      ...report.replacing(['data', 'context'], `Change to ${context}`, String(context)),
    });
  }
}

function checkHeldOut(report: Report, config: ResolvedConfig, { source }: CheckedTask): void {
  const { schedule, heldOut } = config.search;
  const { examples } = source;
  // Of files it isn't known yet how many there are.
  if (schedule !== 'bilevel' || examples === undefined) return;
  const kept = Math.floor(examples * heldOut);
  if (kept >= 1 && kept < examples) return;
  const isWritten = report.isWritten(['search', 'heldOut']);
  report.add(isWritten ? ['search', 'heldOut'] : ['search', 'schedule'], {
    code: 'too-few-examples',
    message: `\`bilevel\` keeps ${heldOut} of the ${examples} training examples for α, which leaves ${kept < 1 ? 'none for it' : 'none for the weights'}: take more \`examples\` or another \`heldOut\`.`,
  });
}

/** Tokens of a task are no text: what knows them starts from nothing. */
function checkComponents(report: Report, config: ResolvedConfig, task: CheckedTask): void {
  for (const [name, { source, tokenizer }] of Object.entries(config.components)) {
    if (source !== undefined) {
      report.add(['components', name, 'source'], {
        code: 'task-needs-scratch',
        message: `The tokens of ${task.name} are no text, so a pretrained model knows none of them: build \`${name}\` from scratch with \`family\`, \`config\` and \`init: random\`.`,
        part: 'key',
      });
    } else if (tokenizer !== undefined) {
      report.add(['components', name, 'tokenizer'], {
        code: 'no-effect',
        severity: 'warning',
        message: `\`tokenizer\` has no effect here: the tokens of ${task.name} are no text.`,
        part: 'key',
      });
    }
  }
}

/** A component's `vocab_size`, where it is written, is the task's. */
function checkVocabulary(report: Report, config: ResolvedConfig, { source }: CheckedTask): void {
  const vocabulary = taskVocabulary(source);
  for (const [name, { scratch }] of Object.entries(config.components)) {
    const own = scratch?.config;
    if (!own || !Object.hasOwn(own, 'vocab_size') || own['vocab_size'] === vocabulary) {
      continue;
    }
    const at = ['components', name, 'config', 'vocab_size'];
    report.add(at, {
      code: 'task-vocabulary',
      message: `\`${source.task}\` has ${vocabulary} tokens, and \`vocab_size\` is theirs: delete it, or write ${vocabulary}.`,
      ...report.replacing(at, `Change to ${vocabulary}`, String(vocabulary)),
    });
  }
}
