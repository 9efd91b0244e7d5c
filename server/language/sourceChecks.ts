/** Checks of one written source of data: exactly one kind, and nothing that another kind needs. */
import type { Report } from './report';
import type { Config } from './schema';

type WrittenSource = Config['data']['train'] | NonNullable<Config['data']['test']>;

/** @param path of the source; its last key names it in messages */
export function checkSource(report: Report, path: readonly string[], source: WrittenSource): void {
  const isTrain = path.join() === 'data,train';
  const name = path.at(-1)!;
  if ((source.text === undefined) === (source.jsonl === undefined)) {
    const both = source.text !== undefined;
    report.add(both ? [...path, 'jsonl'] : path, {
      code: 'data-source',
      message: both
        ? `\`${name}\` has \`text\` and \`jsonl\`: keep one.`
        : `\`${name}\` needs \`text: <file>\` or \`jsonl: <file>\`${isTrain ? ', or a task: `mad: <task>`, `lra: <task>`' : ''}.`,
      part: 'key',
    });
  } else if (source.text !== undefined) {
    report.noEffect([...path, 'field'], 'plain text has no fields');
  }
}
