/** Text of a config and a reader of headers → every problem, and the plan where one can be made. */
import type { ResolvedConfig } from '../contract/config';
import type { Plan } from '../contract/plan';
import type { Problem } from '../contract/problem';
import type { ModelReader } from '../models/modelReader';
import { checkConfigAlone, RESERVED_SUBJECTS } from './configChecks';
import { checkSweep, type PlannedSweep } from './checkSweep';
import { readDocument, type ConfigDocument } from './configDocument';
import { checkFiles } from './headerChecks';
import { readHeaders } from './headers';
import { checkHybridOf } from './hybridChecks';
import { checkMemory } from './memoryCheck';
import { inTextOrder, parseDocument } from './parseConfig';
import { checkSupernets } from './programChecks';
import { buildPlan, type PlanPlace } from './plan';
import { Report } from './report';
import { resolveConfig } from './resolve';
import { checkStackBaselines } from './stackBaselines';
import { hasSweep } from './sweep';
import { checkProjectorSource } from './tensorChecks';

export interface CheckedConfig {
  /** In the order of the text. */
  readonly problems: readonly Problem[];
  readonly document: ConfigDocument;
  /** `undefined` when the text is too broken to be understood. */
  readonly config: ResolvedConfig | undefined;
  /**
   * `undefined` when something that it rests on is wrong or not on this machine. A plan beside an error is one that the
   * engine's memory can't hold.
   */
  readonly plan: Plan | undefined;
  /** The grid of a config that has a `sweep`: `config` and `plan` are then those of its first cell. */
  readonly sweep?: PlannedSweep;
}

export interface CheckPlace extends PlanPlace {
  readonly reader: ModelReader;
  /** Checks every cell of a sweep, however many; while a user types a large one is checked in part. */
  readonly everyCell?: boolean;
}

/** Never throws for what a text or a file can hold. */
export async function checkConfig(text: string, place: CheckPlace): Promise<CheckedConfig> {
  const document = readDocument(text);
  return hasSweep(document)
    ? checkSweep(document, place, checkDocument)
    : checkDocument(document, place);
}

async function checkDocument(document: ConfigDocument, place: CheckPlace): Promise<CheckedConfig> {
  const parsed = parseDocument(document);
  const { value } = parsed;
  if (!value) return { problems: parsed.problems, document, config: undefined, plan: undefined };

  const report = new Report(parsed);
  const config = resolveConfig(value);
  checkConfigAlone(report, value, config);
  const headers = await readHeaders(config, place.reader, place.base);
  checkFiles(report, config, headers);
  checkHybridOf(report, config, headers);
  checkSupernets(report, config, headers);
  checkStackBaselines(report, value, config, headers, RESERVED_SUBJECTS);

  const isSound = ![...parsed.problems, ...report.problems].some(isError);
  const { name, base } = place;
  const built = isSound ? buildPlan(config, headers, { name, base }) : undefined;
  checkProjectorSource(report, config, headers, built);
  const plan = report.problems.some(isError) ? undefined : built;
  if (plan) checkMemory(report, plan);
  return {
    problems: inTextOrder([...parsed.problems, ...report.problems]),
    document,
    config,
    plan,
  };
}

export function isError(problem: Problem): boolean {
  return problem.severity === 'error';
}
