/** What pretraining the projectors came to: a stage of its own, on a text of its own, so never beside the other results. */
import { jobKey } from './curveReport';
import type { LossCurve, ReportModel, ReportProjectors, ResultRow } from './modelTypes';
import { estimate, mean } from './statistics';
import { formatCount, formatFixed, formatShort, listInWords } from './text';
import type { ReportPlan } from './wellFormed';

/** @returns null for a run without the stage */
export function buildProjectors(
  curves: readonly LossCurve[],
  rows: readonly ResultRow[],
  plan: ReportPlan | undefined,
): ReportProjectors | null {
  const own = curves.filter((curve) => curve.stage === 'projectors');
  if (own.length === 0) return null;
  const first = own.flatMap(({ evaluations }) => evaluations.find(({ step }) => step === 0) ?? []);
  const last = own.flatMap(({ evaluations }) =>
    evaluations.length > 1 ? [evaluations.at(-1)!] : [],
  );
  const losses = (points: typeof last) =>
    points.length > 0 ? estimate(points.map(({ loss }) => loss)) : null;
  const job = plan?.jobs.find((planned) => own.some((curve) => jobKey(curve) === jobKey(planned)));
  const [row] = rows;
  const tokens = rows.length > 0 ? mean(rows.map((each) => each.tokens ?? 0)) : null;
  const flops = rows.map((each) => each.trainingFlops).filter((value) => value !== null);
  const stage = {
    seeds: own.map(({ seed }) => seed),
    steps: Math.max(...own.map(({ lastStep }) => lastStep)),
    text: plan?.config?.hybrid?.projectors.pretrain?.data.path ?? null,
    before: losses(first),
    after: losses(last),
    trained: job?.parameters ?? null,
    parameters: row?.parameters ?? null,
    tokens,
    trainingFlops: flops.length > 0 ? mean(flops) : null,
    learns: learns(plan),
  };
  return { ...stage, sentence: sentenceOf(stage) };
}

function learns(plan: ReportPlan | undefined): string {
  const pretrain = plan?.config?.hybrid?.projectors.pretrain;
  return listInWords([
    'projectors',
    ...(pretrain?.embeddings ? ['embeddings'] : []),
    ...(pretrain?.alphas ? ['α'] : []),
  ]);
}

function sentenceOf(stage: Omit<ReportProjectors, 'sentence'>): string {
  const { seeds, steps, before, after, tokens, trained } = stage;
  const over = seeds.length > 1 ? ` (mean over ${seeds.length} seeds)` : '';
  const numbers = trained === null ? '' : `${formatShort(trained)} numbers of `;
  const read = tokens === null ? '' : ` and ${formatCount(tokens)} tokens`;
  const losses =
    before && after
      ? `: the loss on its held-out part went from ${formatFixed(before.mean)} to ${formatFixed(after.mean)}${over}`
      : '';
  return `Before the search, ${numbers}${stage.learns} were trained on general text for ${formatCount(steps)} steps${read}, the components frozen${losses}.`;
}

/** A run that did nothing else stands for this stage. */
export function projectorHeadline(
  headline: ReportModel['headline'],
  projectors: ReportProjectors | null,
  plan: ReportPlan | undefined,
): ReportModel['headline'] {
  const isAll = plan?.jobs.every(({ stage }) => stage === 'projectors') ?? false;
  const { before, after } = projectors ?? {};
  if (!isAll || !before || !after) return headline;
  const where = 'held-out general text';
  const sentence =
    after.mean < before.mean
      ? `The pretrained projectors bring the hybrid's loss on ${where} from ${formatFixed(before.mean)} to ${formatFixed(after.mean)}.`
      : `The pretrained projectors do not help: the hybrid's loss on ${where} went from ${formatFixed(before.mean)} to ${formatFixed(after.mean)}.`;
  const details = headline.details.filter((detail) => detail !== 'Nothing was evaluated.');
  return { sentence, details, outcome: 'unknown', certain: false };
}
