/** α of a run: where it ended, how it got there, and what was pinned and pruned. */
import type { ControlEvent, FinishedEvent, RunEvent, Stage, StepEvent } from '../contract/events';
import { buildMeanPath, buildPaths, fits, groupBySeed, meanAlphas, type Shape } from './alphaPaths';
import type { BlockMarks, Extent, ReportAlphas, ReportSelection, SeedAlphas } from './modelTypes';
import { mean, standardDeviation } from './statistics';
import { formatFixed, listInWords } from './text';
import type { ReportPlan } from './wellFormed';

/**
 * Steps of the hybrid that carry α, of the stage that says most about the search. Of a programmed hybrid those of its
 * fine-tuning, which stand still: a search beside it found others.
 */
function stepsWithAlphas(
  shape: Shape,
  events: readonly RunEvent[],
  programmed: boolean,
): StepEvent[] {
  const byStage = new Map<Stage, StepEvent[]>();
  for (const event of events) {
    if (event.type !== 'step' || !event.alphas || event.subject !== 'hybrid') continue;
    if (!fits(shape, event.alphas)) continue;
    const steps = byStage.get(event.stage);
    if (steps) steps.push(event);
    else byStage.set(event.stage, [event]);
  }
  const order = programmed
    ? (['finetune'] as const)
    : (['search', 'projectors', 'finetune'] as const);
  for (const stage of order) {
    const steps = byStage.get(stage);
    if (steps) return steps;
  }
  return [];
}

interface Held {
  pinned: boolean;
  readonly pruned: Set<number>;
}

function applyControl(held: Held[], event: ControlEvent, components: readonly string[]): void {
  const block = event.block === undefined ? undefined : held[event.block - 1];
  if (!block) return;
  const component = event.component === undefined ? -1 : components.indexOf(event.component);
  switch (event.action) {
    case 'pin':
      block.pinned = true;
      break;
    case 'unpin':
      block.pinned = false;
      break;
    case 'prune':
      if (component >= 0) block.pruned.add(component);
      break;
    case 'restore':
      block.pruned.delete(component);
      break;
    case 'pause':
    case 'resume':
      break;
  }
}

/** The state of every block at the end of each seed: the config's, then what was done to the run, in order. */
function buildMarks(
  shape: Shape,
  events: readonly RunEvent[],
  plan: ReportPlan | undefined,
  seeds: readonly number[],
  shown: Stage | undefined,
): BlockMarks[] {
  // A search begins with what the config says, whatever was done while projectors were pretrained.
  const counts = ({ stage }: ControlEvent) =>
    shown === undefined || (stage === 'projectors') === (shown === 'projectors');
  const K = shape.components.length;
  const perSeed = (seeds.length > 0 ? seeds : [0]).map((seed) => {
    const held = Array.from({ length: shape.blocks }, (_, i): Held => {
      const block = plan?.blocks[i];
      const dead = block
        ? Array.from({ length: K }, (_, m) => m).filter((m) => !block.live.includes(m))
        : [];
      return { pinned: block?.pinned !== undefined, pruned: new Set(dead) };
    });
    for (const event of events) {
      if (event.type === 'control' && event.seed === seed && counts(event)) {
        applyControl(held, event, shape.components);
      }
    }
    return held;
  });
  const extent = (flags: readonly boolean[]): Extent =>
    flags.every(Boolean) ? 'all' : flags.some(Boolean) ? 'some' : 'none';
  return Array.from({ length: shape.blocks }, (_, i) => ({
    block: i + 1,
    pinned: extent(perSeed.map((held) => held[i]!.pinned)),
    pruned: Array.from({ length: K }, (_, m) =>
      extent(perSeed.map((held) => held[i]!.pruned.has(m))),
    ),
  }));
}

function lastAlphas(
  shape: Shape,
  seeds: Map<number, StepEvent[]>,
  finished: FinishedEvent | undefined,
  allSeeds: readonly number[],
): { source: 'finished' | 'log' | 'none'; perSeed: SeedAlphas[] } {
  const usable = finished?.perSeed.filter((alphas) => fits(shape, alphas)) ?? [];
  if (finished && usable.length > 0 && usable.length === finished.perSeed.length) {
    const known = seeds.size === usable.length ? [...seeds.keys()] : allSeeds;
    const perSeed = usable.map((alphas, index) => ({
      seed: known[index] ?? index,
      step: null,
      alphas,
    }));
    return { source: 'finished', perSeed };
  }
  const perSeed = [...seeds].map(([seed, steps]) => {
    const last = steps.at(-1)!;
    return { seed, step: last.step, alphas: last.alphas! };
  });
  return { source: perSeed.length > 0 ? 'log' : 'none', perSeed };
}

export function buildAlphas(
  shape: Shape,
  events: readonly RunEvent[],
  plan: ReportPlan | undefined,
  allSeeds: readonly number[],
  programmed = false,
): ReportAlphas {
  const seeds = groupBySeed(stepsWithAlphas(shape, events, programmed));
  const finished = events.findLast((event) => event.type === 'finished');
  const found = lastAlphas(shape, seeds, finished, allSeeds);
  const initial = plan?.blocks.map((block) => block.initial) ?? [];
  const fromPlan = found.source === 'none' && shape.blocks > 0 && fits(shape, initial);
  const matrices = found.perSeed.map((entry) => entry.alphas);
  // What doesn't move has no path.
  const paths = programmed ? [] : buildPaths(shape, seeds);
  return {
    source: fromPlan ? 'plan' : found.source,
    mean: matrices.length > 0 ? meanAlphas(matrices) : fromPlan ? initial : null,
    spread:
      matrices.length > 1
        ? matrices[0]!.map((row, i) =>
            row.map((_, m) => standardDeviation(matrices.map((alphas) => alphas[i]![m]!))),
          )
        : null,
    perSeed: found.perSeed,
    // What was done to a task's supernet, or to the search beside a program, isn't how the hybrid was held.
    marks: buildMarks(shape, programmed ? [] : events, plan, allSeeds, paths[0]?.stage),
    paths,
    meanPath: buildMeanPath(paths, seeds),
  };
}

/** Selection: the component with the largest mean α, and how far the seeds agree. */
export function buildSelection(
  shape: Shape,
  alphas: ReportAlphas,
  plan?: ReportPlan,
  programmed = false,
): ReportSelection | null {
  const searches = plan === undefined || plan.jobs.some(({ stage }) => stage !== 'projectors');
  if (
    !searches ||
    alphas.perSeed.length === 0 ||
    shape.blocks === 0 ||
    shape.components.length < 2
  ) {
    return null;
  }
  const perSeed = alphas.perSeed.map((entry) =>
    shape.components.map((_, m) => mean(entry.alphas.map((row) => row[m]!))),
  );
  const means = shape.components.map((_, m) => mean(perSeed.map((values) => values[m]!)));
  if (!means.every(Number.isFinite)) return null;
  const winner = largest(means);
  const agreeing = perSeed.filter((values) => largest(values) === winner).length;
  const record = (values: readonly number[]): Record<string, number> =>
    Object.fromEntries(shape.components.map((component, m) => [component, values[m]!]));
  const spread =
    perSeed.length > 1
      ? shape.components.map((_, m) => standardDeviation(perSeed.map((values) => values[m]!)))
      : null;
  const component = shape.components[winner]!;
  return {
    component,
    meanAlpha: record(means),
    spread: spread && record(spread),
    agreeing,
    seeds: perSeed.length,
    sentence: [
      selectionSentence(shape.components, means, spread, winner, agreeing, perSeed.length).replace(
        'the search picks',
        programmed ? 'the program picks' : 'the search picks',
      ),
      ...caveats(means, winner, alphas.marks),
    ].join(' '),
  };
}

const largest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

function selectionSentence(
  components: readonly string[],
  means: readonly number[],
  spread: readonly number[] | null,
  winner: number,
  agreeing: number,
  seeds: number,
): string {
  const shares = components.map((component, m) => {
    const deviation = spread ? ` ± ${formatFixed(spread[m]!, 3)}` : '';
    return `${component} ${formatFixed(means[m]!, 3)}${deviation}`;
  });
  const head = `If only one component were kept, the search picks ${components[winner]!}: mean α ${listInWords(shares)}.`;
  return seeds === 1
    ? `${head} One seed: no spread is known.`
    : `${head} ${agreeing} of ${seeds} seeds agree.`;
}

/** What would make the pick say less than it seems to. */
function caveats(means: readonly number[], winner: number, marks: readonly BlockMarks[]): string[] {
  const lead = means[winner]! - Math.max(...means.filter((_, m) => m !== winner));
  const held = marks.filter(
    (mark) => mark.pinned !== 'none' || mark.pruned.some((extent) => extent !== 'none'),
  ).length;
  return [
    ...(lead < 0.02 ? ['The means are close to even: a weak preference.'] : []),
    ...(held > 0
      ? [
          `${held} of ${marks.length} blocks were pinned or pruned by hand and count in these means.`,
        ]
      : []),
  ];
}
