/** Checks of a MAD task in `data.train`: its knobs among themselves, and what else of a config goes with it. */
import type { MadSource, ResolvedConfig } from '../contract/config';
import {
  madContext,
  madFaults,
  madTable,
  MAX_MAD_POSITIONS,
  tasksWithKnob,
  type MadKnob,
} from '../models/madTasks';
import type { Report } from './report';
import type { Config } from './schema';

export const MAD_PATH = ['data', 'train', 'mad'] as const;

export function checkMad(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  source: MadSource,
): void {
  checkKnobs(report, written, source);
  checkBesides(report, written, config, source);
  checkComponents(report, config);
  checkVocabulary(report, config, source);
}

function checkKnobs(report: Report, written: Config, source: MadSource): void {
  const { mad } = written.data.train;
  const { task } = source;
  const { knobs } = madTable(task);
  const given = typeof mad === 'object' ? (Object.keys(mad) as (keyof typeof mad)[]) : [];
  const isForeign = (key: string): boolean =>
    tasksWithKnob(key as MadKnob).length > 0 && !knobs.includes(key as MadKnob);
  for (const knob of given.filter(isForeign)) {
    const owners = tasksWithKnob(knob as MadKnob).map((owner) => `\`${owner}\``);
    report.add([...MAD_PATH, knob], {
      code: 'no-effect',
      severity: 'warning',
      message: `\`${knob}\` has no effect here: \`${task}\` has no such knob; it belongs to ${owners.join(', ')}.`,
      part: 'key',
    });
  }
  for (const { knob, message, possible } of madFaults(source)) {
    const at = [...MAD_PATH, knob];
    report.add(at, {
      code: 'impossible-task',
      message: `${message}. Take ${knob === 'noise' ? '' : 'at least '}${possible}, or change the other knobs.`,
      ...report.replacing(at, `Change to ${possible}`, String(possible)),
    });
  }
  const positions = (source.examples + 2 * source.testExamples) * madContext(source);
  if (positions <= MAX_MAD_POSITIONS) return;
  report.add([...MAD_PATH, 'examples'], {
    code: 'impossible-task',
    message: `${source.examples} training and twice ${source.testExamples} test examples of ${madContext(source)} positions don’t fit the memory that examples are given: take fewer or shorter ones.`,
  });
}

/** What beside the task says nothing, or something else. */
function checkBesides(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  source: MadSource,
): void {
  for (const other of ['text', 'jsonl'] as const) {
    if (written.data.train[other] === undefined) continue;
    report.add(['data', 'train', other], {
      code: 'data-source',
      message: `\`train\` has \`${other}\` and \`mad\`: keep one.`,
      part: 'key',
    });
  }
  for (const split of ['validation', 'test'] as const) {
    if (!report.isWritten(['data', split])) continue;
    report.add(['data', split], {
      code: 'task-splits',
      message: `A MAD task makes its own validation and test examples (\`testExamples: ${source.testExamples}\` of each): delete \`${split}\`.`,
      part: 'key',
    });
  }
  const context = madContext(source);
  if (written.data.context !== undefined && written.data.context !== context) {
    report.add(['data', 'context'], {
      code: 'task-context',
      message: `\`${source.task}\` with a length of ${source.length} has ${context} positions to predict at: delete \`context\`, or write ${context}.`,
      ...report.replacing(['data', 'context'], `Change to ${context}`, String(context)),
    });
  }
  const { schedule, heldOut } = config.search;
  const kept = Math.floor(source.examples * heldOut);
  if (schedule === 'bilevel' && (kept < 1 || kept >= source.examples)) {
    const isWritten = report.isWritten(['search', 'heldOut']);
    report.add(isWritten ? ['search', 'heldOut'] : ['search', 'schedule'], {
      code: 'too-few-examples',
      message: `\`bilevel\` keeps ${heldOut} of the ${source.examples} training examples for α, which leaves ${kept < 1 ? 'none for it' : 'none for the weights'}: take more \`examples\` or another \`heldOut\`.`,
    });
  }
  for (const key of ['tokenizer', 'embeddings']) {
    if (!report.isWritten(['hybrid', key])) continue;
    report.add(['hybrid', key], {
      code: 'no-effect',
      severity: 'warning',
      message: `\`${key}\` has no effect here: the tokens of a MAD task are no text, and embeddings start at random.`,
      part: 'key',
    });
  }
}

/** Pretrained models know texts; what a task asks for is learnt from nothing. */
function checkComponents(report: Report, config: ResolvedConfig): void {
  for (const [name, { source, tokenizer }] of Object.entries(config.components)) {
    if (source !== undefined) {
      report.add(['components', name, 'source'], {
        code: 'task-needs-scratch',
        message: `The tokens of a MAD task are no text, so a pretrained model knows none of them: build \`${name}\` from scratch with \`family\`, \`config\` and \`init: random\`.`,
        part: 'key',
      });
    } else if (tokenizer !== undefined) {
      report.add(['components', name, 'tokenizer'], {
        code: 'no-effect',
        severity: 'warning',
        message: '`tokenizer` has no effect here: the tokens of a MAD task are no text.',
        part: 'key',
      });
    }
  }
}

/** A component's `vocab_size`, where it is written, is the task's. */
function checkVocabulary(
  report: Report,
  config: ResolvedConfig,
  { task, vocabulary }: MadSource,
): void {
  for (const [name, { scratch }] of Object.entries(config.components)) {
    const own = scratch?.config;
    if (!own || !Object.hasOwn(own, 'vocab_size') || own['vocab_size'] === vocabulary) {
      continue;
    }
    const at = ['components', name, 'config', 'vocab_size'];
    report.add(at, {
      code: 'task-vocabulary',
      message: `\`${task}\` has ${vocabulary} tokens, and \`vocab_size\` is theirs: delete it, or write ${vocabulary}.`,
      ...report.replacing(at, `Change to ${vocabulary}`, String(vocabulary)),
    });
  }
}
