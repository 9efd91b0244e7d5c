/** Checks of one written source of data: exactly one kind, and the keys that belong to it. */
import type { Report } from './report';
import type { Config } from './schema';

/** Kinds of a source by their keys. */
export const SOURCE_KINDS = ['text', 'jsonl', 'parquet', 'chat'] as const;

type WrittenSource = Omit<Config['data']['train'], 'mad' | 'lra'>;

const PAIR_KEYS = ['prompt', 'input', 'response'] as const;

/** @param path of the source; its last key names it in messages */
export function checkSource(report: Report, path: readonly string[], source: WrittenSource): void {
  const isTrain = path.join() === 'data,train';
  const name = path.at(-1)!;
  const kinds = SOURCE_KINDS.filter((kind) => source[kind] !== undefined);
  const [kind, second] = kinds;
  if (kind === undefined || second !== undefined) {
    report.add(second === undefined ? path : [...path, second], {
      code: 'data-source',
      message:
        second === undefined
          ? `\`${name}\` needs \`text: <file>\`, \`jsonl: <file>\`, \`parquet: <file>\` or \`chat: <file>\`${isTrain ? ', or a task: `mad: <task>`, `lra: <task>`' : ''}.`
          : `\`${name}\` has \`${kind!}\` and \`${second}\`: keep one.`,
      part: 'key',
    });
    return;
  }
  if (kind === 'text') {
    report.noEffect([...path, 'field'], 'plain text has no fields');
    for (const key of [...PAIR_KEYS, 'template']) {
      report.noEffect([...path, key], 'plain text has no prompts');
    }
  } else if (kind === 'chat') {
    for (const key of PAIR_KEYS) report.noEffect([...path, key], 'chat data have messages');
  } else {
    checkPair(report, path, source);
  }
}

function checkPair(report: Report, path: readonly string[], source: WrittenSource): void {
  const { prompt, response } = source;
  if (prompt === undefined && response === undefined) {
    for (const key of ['input', 'template']) {
      report.noEffect([...path, key], 'it belongs to `prompt` and `response`');
    }
    return;
  }
  const [there, missing] = prompt === undefined ? ['response', 'prompt'] : ['prompt', 'response'];
  if (prompt === undefined || response === undefined) {
    report.add([...path, there], {
      code: 'data-pair',
      message: `\`${there}\` needs \`${missing}\` beside it: the field of the ${missing}.`,
      part: 'key',
    });
    return;
  }
  report.noEffect([...path, 'field'], '`prompt` and `response` name the fields');
}
