/** Checks of a Long Range Arena task in `data.train`: its knobs among themselves, and what else of a config goes with it. */
import type { LraSource, ResolvedConfig } from '../contract/config';
import {
  lraFaults,
  lraTable,
  lraTasksWithKnob,
  MAX_LRA_TOKENS,
  RELEASED_CONTOURS,
  type LraKnob,
} from '../models/lraTasks';
import type { Report } from './report';
import type { Config } from './schema';
import { checkBesidesTask } from './taskChecks';

export const LRA_PATH = ['data', 'train', 'lra'] as const;

export function checkLra(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  source: LraSource,
): void {
  checkKnobs(report, written, source);
  checkExamples(report, source);
  checkBesidesTask(report, written, config, {
    key: 'lra',
    source,
    name: 'a task of the Long Range Arena',
    splits: 'has its own validation and test examples',
  });
  if (config.hybrid.gate !== 'transition' && report.isWritten(['hybrid', 'head'])) {
    report.add(['hybrid', 'head'], {
      code: 'no-effect',
      severity: 'warning',
      message:
        '`head` has no effect here: the class is told from the residual stream, which no component’s head reads.',
      part: 'key',
    });
  }
}

function checkKnobs(report: Report, written: Config, source: LraSource): void {
  const { lra } = written.data.train;
  const { task, folder } = source;
  const given = typeof lra === 'object' ? (Object.keys(lra) as (keyof typeof lra)[]) : [];
  for (const knob of given) {
    const reason = noEffectOf(knob, source);
    if (reason === undefined) continue;
    report.add([...LRA_PATH, knob], {
      code: 'no-effect',
      severity: 'warning',
      message: `\`${knob}\` has no effect here: ${reason}.`,
      part: 'key',
    });
  }
  if (!lraTable(task).isGenerated && folder === undefined) {
    report.add(LRA_PATH, {
      code: 'task-needs-folder',
      message: `\`${task}\` is made of files: name their folder, \`lra: { task: ${task}, folder: … }\`.`,
    });
  }
  if (folder !== undefined) {
    checkReleased(report, source);
    return;
  }
  for (const { knob, message, possible } of lraFaults(source)) {
    const at = [...LRA_PATH, knob];
    report.add(at, {
      code: 'impossible-task',
      message: `${message}. Take ${possible} or less, or change the other knobs.`,
      ...report.replacing(at, `Change to ${possible}`, String(possible)),
    });
  }
}

/** The release has images of three difficulties. */
function checkReleased(report: Report, { task, contour }: LraSource): void {
  if (!lraTable(task).knobs.includes('contour') || RELEASED_CONTOURS.has(contour)) return;
  const known = [...RELEASED_CONTOURS.keys()];
  const nearest = known.reduce((a, b) => (Math.abs(b - contour) < Math.abs(a - contour) ? b : a));
  const at = [...LRA_PATH, 'contour'];
  report.add(at, {
    code: 'impossible-task',
    message: `The release’s files have contours of ${known.join(', ')} dashes: take one of these, or leave \`folder\` out to generate others.`,
    ...report.replacing(at, `Change to ${nearest}`, String(nearest)),
  });
}

function noEffectOf(knob: string, { task, folder }: LraSource): string | undefined {
  const owners = lraTasksWithKnob(knob as LraKnob);
  if (owners.length > 0 && !owners.includes(task)) {
    const names = owners.map((owner) => `\`${owner}\``).join(', ');
    return `\`${task}\` has no such knob; it belongs to ${names}`;
  }
  const isOfGenerator = ['minLength', 'depth', 'arguments'].includes(knob);
  return folder !== undefined && isOfGenerator
    ? 'the files’ examples are what they are'
    : undefined;
}

function checkExamples(
  report: Report,
  { folder, length, examples = 0, testExamples = 0 }: LraSource,
) {
  if (folder !== undefined || (examples + 2 * testExamples) * length <= MAX_LRA_TOKENS) return;
  report.add([...LRA_PATH, 'examples'], {
    code: 'impossible-task',
    message: `${examples} training and twice ${testExamples} test examples of ${length} tokens don’t fit the memory that examples are given: take fewer or shorter ones.`,
  });
}
