/** Checks of `program`: its tasks and weights, and what else of a config goes with it. */
import type { ProgramSettings, ResolvedConfig } from '../contract/config';
import { SMALL_HEAD } from '../models/smallModels';
import type { Headers } from './headers';
import { checkKnobs } from './madChecks';
import { openBlocks } from './mixtureChecks';
import { supernet } from './programPlan';
import type { Report } from './report';
import type { Config } from './schema';

const PROGRAM = ['program'] as const;
const path = (...rest: string[]): string[] => [...PROGRAM, ...rest];

/** What needs no file. @param program as it was written */
export function checkProgram(
  report: Report,
  written: NonNullable<Config['program']>,
  config: ResolvedConfig,
  program: ProgramSettings,
): void {
  checkWeights(report, written);
  checkTasks(report, written, config, program);
  checkWidth(report, written);
  checkSearched(report, config);
  checkFinetune(report, config);
}

/** Families whose small models can't be had. */
export function checkSupernets(report: Report, config: ResolvedConfig, headers: Headers): void {
  const { program } = config;
  const task = program?.tasks[0];
  if (!task || program.width % SMALL_HEAD !== 0) return;
  for (const { name, table, architecture } of supernet(config, headers, program, task).headers
    .components) {
    const problem = architecture?.problems[0];
    if (problem === undefined) continue;
    report.add(PROGRAM, {
      code: 'program-family',
      message: `No small \`${table!.name}\` can be built for \`${name}\`: ${problem.message}`,
      part: 'key',
    });
  }
}

function checkWeights(
  report: Report,
  { tasks, weights }: Pick<NonNullable<Config['program']>, 'tasks' | 'weights'>,
): void {
  if (weights === undefined) return;
  const at = path('weights');
  const alike = `[${tasks.map(() => '1').join(', ')}]`;
  if (weights.length !== tasks.length) {
    const counts = `${tasks.length} task${tasks.length === 1 ? '' : 's'}`;
    report.add(at, {
      code: 'program-weights',
      message: `\`weights\` has ${weights.length} number${weights.length === 1 ? '' : 's'} for ${counts}: give one a task.`,
      ...report.replacing(at, `Change to ${alike}`, alike),
    });
  } else if (!weights.some((weight) => weight > 0)) {
    report.add(at, {
      code: 'program-weights',
      message: 'Every weight is 0, which leaves no task: give at least one of them more.',
      ...report.replacing(at, `Change to ${alike}`, alike),
    });
  }
}

function checkTasks(
  report: Report,
  written: NonNullable<Config['program']>,
  { search }: ResolvedConfig,
  program: ProgramSettings,
): void {
  const { tasks, weights } = written;
  const isCounted = (index: number): boolean =>
    weights?.length !== tasks.length || weights.every((weight) => weight === 0)
      ? true
      : weights[index]! > 0;
  const places = [...tasks.keys()].filter(isCounted);
  program.tasks.forEach((source, counted) => {
    const place = places[counted]!;
    const at = path('tasks', String(place));
    checkKnobs(report, at, tasks[place], source);
    if (search.schedule !== 'bilevel') return;
    const kept = Math.floor(source.examples * search.heldOut);
    if (kept >= 1 && kept < source.examples) return;
    report.add(at, {
      code: 'too-few-examples',
      message: `\`bilevel\` keeps ${search.heldOut} of the ${source.examples} training examples for α, which leaves ${kept < 1 ? 'none for it' : 'none for the weights'}: take more \`examples\` or another \`search.heldOut\`.`,
    });
  });
}

function checkWidth(report: Report, { width }: NonNullable<Config['program']>): void {
  if (width % SMALL_HEAD === 0) return;
  const nearest = Math.max(1, Math.round(width / SMALL_HEAD)) * SMALL_HEAD;
  const at = path('width');
  report.add(at, {
    code: 'program-width',
    message: `The small models have heads of ${SMALL_HEAD}, and ${width} is no multiple of that: take ${nearest}.`,
    ...report.replacing(at, `Change to ${nearest}`, String(nearest)),
  });
}

function checkSearched(report: Report, config: ResolvedConfig): void {
  if (config.search.algorithm === 'fixed') {
    const at = ['search', 'algorithm'];
    report.add(at, {
      code: 'program-fixed',
      message:
        '`program` searches α on its tasks, as `search.algorithm` says, and `fixed` searches none: take another, or delete `program`.',
      ...report.replacing(at, 'Change to darts', 'darts'),
    });
  }
  if (openBlocks(config).length > 0) return;
  const isOne = Object.keys(config.components).length === 1;
  report.add(PROGRAM, {
    code: 'program-nothing',
    message: `${isOne ? 'With a single component' : 'Every block is pinned or has one component:'} there is nothing for \`program\` to choose: delete it.`,
    part: 'key',
  });
}

/** The supernets' weights are no beginning for the pretrained hybrid, which has to be trained with its α. */
function checkFinetune(report: Report, { finetune }: ResolvedConfig): void {
  if (finetune === false) {
    report.add(PROGRAM, {
      code: 'program-needs-finetune',
      message:
        '`program` gives the pretrained hybrid its α, and nothing trains it with them: add `finetune: { steps: … }`.',
      part: 'key',
      ...finetuneFix(report),
    });
    return;
  }
  if (finetune.weights !== 'keep') return;
  const at = ['finetune', 'weights'];
  report.add(at, {
    code: 'program-keeps',
    message:
      'With a `program` no searched weights belong to its α: the fine-tuning starts from the pretrained ones. Take `rewind`.',
    ...report.replacing(at, 'Change to rewind', 'rewind'),
  });
}

/** A line of its own before `program`, where nothing else says what the fine-tuning is. */
function finetuneFix(report: Report) {
  const { start } = report.span(PROGRAM, 'key');
  const { text } = report.parsed.document;
  const isLine = start === 0 || text[start - 1] === '\n';
  if (report.isWritten(['finetune']) || !isLine) return {};
  const edits = [{ span: { start, end: start }, text: 'finetune: { steps: 300 }\n' }];
  return { fixes: [{ title: 'Add finetune: { steps: 300 }', edits }] };
}
