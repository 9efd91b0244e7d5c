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
import type { Path } from './configDocument';
import type { Report } from './report';
import type { Config } from './schema';
import { checkBesidesTask } from './taskChecks';

export const MAD_PATH = ['data', 'train', 'mad'] as const;

export function checkMad(
  report: Report,
  written: Config,
  config: ResolvedConfig,
  source: MadSource,
): void {
  checkKnobs(report, MAD_PATH, written.data.train.mad, source);
  checkBesidesTask(report, written, config, {
    key: 'mad',
    source,
    name: 'a MAD task',
    splits: `makes its own validation and test examples (\`testExamples: ${source.testExamples}\` of each)`,
  });
}

/** @param at where the task is written, as a name or with its knobs */
export function checkKnobs(
  report: Report,
  at: Path,
  mad: Config['data']['train']['mad'],
  source: MadSource,
): void {
  const { task } = source;
  const { knobs } = madTable(task);
  const given = typeof mad === 'object' ? (Object.keys(mad) as (keyof typeof mad)[]) : [];
  const isForeign = (key: string): boolean =>
    tasksWithKnob(key as MadKnob).length > 0 && !knobs.includes(key as MadKnob);
  for (const knob of given.filter(isForeign)) {
    const owners = tasksWithKnob(knob as MadKnob).map((owner) => `\`${owner}\``);
    report.add([...at, knob], {
      code: 'no-effect',
      severity: 'warning',
      message: `\`${knob}\` has no effect here: \`${task}\` has no such knob; it belongs to ${owners.join(', ')}.`,
      part: 'key',
    });
  }
  for (const { knob, message, possible } of madFaults(source)) {
    const place = [...at, knob];
    report.add(place, {
      code: 'impossible-task',
      message: `${message}. Take ${knob === 'noise' ? '' : 'at least '}${possible}, or change the other knobs.`,
      ...report.replacing(place, `Change to ${possible}`, String(possible)),
    });
  }
  const positions = (source.examples + 2 * source.testExamples) * madContext(source);
  if (positions <= MAX_MAD_POSITIONS) return;
  report.add([...at, 'examples'], {
    code: 'impossible-task',
    message: `${source.examples} training and twice ${source.testExamples} test examples of ${madContext(source)} positions don’t fit the memory that examples are given: take fewer or shorter ones.`,
  });
}
