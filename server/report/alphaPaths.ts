/** How α moved over the steps of a job, seed by seed. */
import type { Alphas, RunEvent, StepEvent } from '../contract/events';
import { spreadPositions } from './decimate';
import type { AlphaMovement, AlphaPath, PathPoint } from './modelTypes';
import { mean } from './statistics';

/** Points of a path that are drawn, at most. */
export const maxPathPoints = 400;

export interface Shape {
  readonly components: readonly string[];
  readonly blocks: number;
}

export const fits = (shape: Shape, alphas: readonly (readonly number[])[]): boolean =>
  alphas.length === shape.blocks && alphas.every((row) => row.length === shape.components.length);

const rounded = (alphas: Alphas): number[][] =>
  alphas.map((row) => row.map((alpha) => Math.round(alpha * 1e5) / 1e5));

export function groupBySeed(steps: readonly StepEvent[]): Map<number, StepEvent[]> {
  const seeds = new Map<number, StepEvent[]>();
  for (const step of steps) {
    const group = seeds.get(step.seed);
    if (group) group.push(step);
    else seeds.set(step.seed, [step]);
  }
  return seeds;
}

export function buildPaths(shape: Shape, seeds: Map<number, StepEvent[]>): AlphaPath[] {
  const cells = Math.max(1, shape.blocks * shape.components.length * seeds.size);
  const limit = Math.min(maxPathPoints, Math.max(50, Math.floor(60_000 / cells)));
  return [...seeds].map(([seed, steps]) => ({
    stage: steps[0]!.stage,
    seed,
    recorded: steps.length,
    points: spreadPositions(steps.length, limit).map((position) => ({
      step: steps[position]!.step,
      alphas: rounded(steps[position]!.alphas!),
    })),
  }));
}

/** Mean over matrices of one shape. */
export function meanAlphas(all: readonly (readonly (readonly number[])[])[]): number[][] {
  return all[0]!.map((row, i) => row.map((_, m) => mean(all.map((alphas) => alphas[i]![m]!))));
}

export function buildMeanPath(
  paths: readonly AlphaPath[],
  seeds: Map<number, StepEvent[]>,
): (PathPoint & { seeds: number })[] {
  const first = paths[0];
  if (!first) return [];
  const byStep = [...seeds.values()].map(
    (steps) => new Map(steps.map((step) => [step.step, step.alphas!])),
  );
  return first.points.map(({ step }) => {
    const all = byStep.map((steps) => steps.get(step)).filter((alphas) => alphas !== undefined);
    return { step, alphas: rounded(meanAlphas(all)), seeds: all.length };
  });
}

/** Of the jobs of one stage and subject; no path where no step has fitting α. */
export function buildMovement(
  shape: Shape,
  events: readonly RunEvent[],
  where: Pick<AlphaMovement, 'stage' | 'subject'>,
): AlphaMovement {
  const steps = events.flatMap((event): StepEvent[] => {
    if (event.type !== 'step' || !event.alphas || !fits(shape, event.alphas)) return [];
    return event.stage === where.stage && event.subject === where.subject ? [event] : [];
  });
  const seeds = groupBySeed(steps);
  const paths = buildPaths(shape, seeds);
  return { ...where, paths, meanPath: buildMeanPath(paths, seeds) };
}
