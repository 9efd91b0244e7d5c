/**
 * Pathfinder (Linsley et al., arXiv 1805.08315; Kim et al., arXiv 1906.01558): do two discs mark the ends of one contour of
 * dashes, or of two? Scenes by the rules of the authors' generator, with the sizes that the Long Range Arena gave it for
 * 32, 64 and 128 pixels (Tay et al., arXiv 2011.04006, their code); drawn by `pathfinderImage.ts`.
 *
 * Two contours of equal length begin at a given distance and grow in turn, a dash at a time. A dash lies `margin` behind a
 * pivot, `margin` ahead of the dash before; its direction bends by Δ with density cos²(c·Δ) where c·|Δ| < π/2. Shorter
 * contours are strewn between them.
 *
 * Unlike there, positions aren't rounded to pixels, so that clearances are distances and not masks' overlaps; a long contour
 * that can't grow on takes its last dashes back, where they begin the whole scene anew; and all contours are equally
 * bright, where the release's 32 pixels draw distractors brighter than the two long ones.
 */
import type { LraSource } from '../../../contract/config';
import { pathfinderSide } from '../../../models/lraTasks';
import type { RandomStream } from '../../../models/random';
import type { LabelledExample } from '../labelled';
import { drawScene } from './pathfinderImage';

/** In pixels, x to the right, y down. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Dash {
  readonly tail: Point;
  readonly head: Point;
  /** From tail to head, radians. */
  readonly direction: number;
}

/** Dashes from its first to its last. */
export type Contour = readonly Dash[];

export interface Scene {
  readonly rule: PathfinderRule;
  /** The two long ones, then the distractors. */
  readonly contours: readonly Contour[];
  /** Centres of the discs: the beginning of a long contour, and the end of the same one or of the other. */
  readonly markers: readonly [Point, Point];
  readonly label: 0 | 1;
}

/** Lengths in pixels. */
export interface PathfinderRule {
  readonly side: number;
  readonly dash: number;
  readonly thickness: number;
  /** One is drawn for each image. */
  readonly margins: readonly number[];
  /** Between the beginnings of both long contours. */
  readonly seedDistance: number;
  readonly markerRadius: number;
  /** c: the larger, the straighter. */
  readonly continuity: number;
  /** Dashes of all distractors together, about. */
  readonly distractorDashes: number;
  /** Of a dash, the discs' being 1; what is above 1 is cut off. */
  readonly brightness: number;
}

const RULES: readonly PathfinderRule[] = [
  {
    side: 32,
    dash: 2,
    thickness: 0.5,
    margins: [1],
    seedDistance: 7,
    markerRadius: 1.5,
    continuity: 1,
    distractorDashes: 20,
    brightness: 1.5,
  },
  {
    side: 64,
    dash: 5,
    thickness: 1,
    margins: [1],
    seedDistance: 12,
    markerRadius: 2.5,
    continuity: 1.8,
    distractorDashes: 22,
    brightness: 0.8,
  },
  {
    side: 128,
    dash: 5,
    thickness: 1.5,
    margins: [2, 3],
    seedDistance: 20,
    markerRadius: 3,
    continuity: 1.8,
    distractorDashes: 35,
    brightness: 0.9,
  },
];

/** Free rim of an image. */
const PADDING = 1;
/** Directions that are tried for a dash, places for a distractor, and distractors for one that can't grow on. */
const DASH_TRIES = 8;
const PLACE_TRIES = 50;
const DISTRACTOR_TRIES = 5;
/** Dashes that a contour takes back when it can't grow on, and how often for each that it is to have. */
const TAKEN_BACK = 3;
const GROWTHS_A_DASH = 40;
/** Scenes that are begun for an image before it is given up. */
const SCENE_TRIES = 2000;

/** @returns `undefined` when contours of so many dashes find no room */
export function pathfinder(
  source: Pick<LraSource, 'length' | 'contour'>,
  stream: RandomStream,
): LabelledExample | undefined {
  const scene = pathfinderScene(pathfinderSide(source), source.contour, stream);
  return scene && { sequences: [drawScene(scene)], label: scene.label };
}

/** @param dashes of each long contour @returns as `pathfinder` */
export function pathfinderScene(
  side: number,
  dashes: number,
  stream: RandomStream,
): Scene | undefined {
  const rule = RULES.find((each) => each.side === side);
  if (!rule) throw new Error(`no images of ${side} pixels`);
  for (let tries = 0; tries < SCENE_TRIES; tries++) {
    const margin = rule.margins[stream.below(rule.margins.length)]!;
    const grower = new Grower(rule, margin, stream);
    const pair = grower.longContours(dashes);
    if (!pair) continue;
    const contours = [...pair, ...grower.distractors(dashes)];
    const label = stream.below(2) as 0 | 1;
    const from = stream.below(2);
    const to = label === 1 ? from : 1 - from;
    const markers = [pair[from]![0]!.tail, pair[to]!.at(-1)!.head] as const;
    return { rule, contours, markers, label };
  }
  return undefined;
}

/** Lays dashes, none nearer to one that isn't its neighbour in a contour than both their margins and a thickness. */
class Grower {
  private placed: readonly Dash[] = [];
  private readonly clearance: number;

  constructor(
    private readonly rule: PathfinderRule,
    private readonly margin: number,
    private readonly stream: RandomStream,
  ) {
    this.clearance = 2 * margin + rule.thickness;
  }

  /** Both, grown in turn; `undefined` when that doesn't come to an end. */
  longContours(dashes: number): readonly [Contour, Contour] | undefined {
    const { side, seedDistance } = this.rule;
    // The first begins far from the rim.
    const within = Math.max(0, side - 4 * seedDistance);
    const corner = (side - within) / 2;
    const start = {
      x: corner + within * this.stream.uniform(),
      y: corner + within * this.stream.uniform(),
    };
    const first = this.begun(start);
    const second = first && this.begun(moved(start, this.angle(), seedDistance));
    if (!first || !second) return undefined;
    const [one, other]: [Dash[], Dash[]] = [[first], [second]];
    for (let growths = 0; growths < GROWTHS_A_DASH * dashes; growths++) {
      const shorter = one.length <= other.length ? one : other;
      if (shorter.length >= dashes) return [one, other];
      if (!this.extend(shorter)) this.takeBack(shorter);
    }
    return undefined;
  }

  /** All but the first. */
  private takeBack(contour: Dash[]): void {
    const gone = contour.splice(Math.max(1, contour.length - TAKEN_BACK));
    this.placed = this.placed.filter((dash) => !gone.includes(dash));
  }

  /** Of a third of the long contours' dashes; fewer of them where there is no room. */
  distractors(dashes: number): readonly Contour[] {
    const length = Math.max(1, Math.floor(dashes / 3));
    const wanted = Math.floor(this.rule.distractorDashes / length);
    return Array.from({ length: wanted }, () => this.distractor(length)).filter(
      (contour) => contour !== undefined,
    );
  }

  private distractor(dashes: number): Contour | undefined {
    for (let tries = 0; tries < DISTRACTOR_TRIES; tries++) {
      const before = this.placed;
      const first = this.somewhere();
      if (!first) return undefined;
      const contour = [first];
      while (contour.length < dashes && this.extend(contour));
      if (contour.length === dashes) return contour;
      this.placed = before;
    }
    return undefined;
  }

  private somewhere(): Dash | undefined {
    const { side } = this.rule;
    for (let tries = 0; tries < PLACE_TRIES; tries++) {
      const point = { x: side * this.stream.uniform(), y: side * this.stream.uniform() };
      const dash = this.begun(point);
      if (dash) return dash;
    }
    return undefined;
  }

  /** A first dash from `tail` in any direction, if it has room. */
  private begun(tail: Point): Dash | undefined {
    return this.lay(this.dashFrom(tail, this.angle()), undefined);
  }

  private extend(contour: Dash[]): boolean {
    const last = contour.at(-1)!;
    const pivot = moved(last.head, last.direction, this.margin);
    for (let tries = 0; tries < DASH_TRIES; tries++) {
      const direction = last.direction + this.bend();
      const dash = this.dashFrom(moved(pivot, direction, this.margin), direction);
      if (!this.lay(dash, last)) continue;
      contour.push(dash);
      return true;
    }
    return false;
  }

  private dashFrom(tail: Point, direction: number): Dash {
    return { tail, head: moved(tail, direction, this.rule.dash), direction };
  }

  /** Keeps the dash unless it comes too near to the rim or to one that isn't `neighbour`. */
  private lay(dash: Dash, neighbour: Dash | undefined): Dash | undefined {
    const { side } = this.rule;
    const isInside = ({ x, y }: Point) =>
      Math.min(x, y) >= PADDING && Math.max(x, y) <= side - PADDING;
    const isFree =
      isInside(dash.tail) &&
      isInside(dash.head) &&
      this.placed.every(
        (other) =>
          other === neighbour ||
          this.isFar(dash, other) ||
          distanceOf(dash, other) >= this.clearance,
      );
    if (!isFree) return undefined;
    this.placed = [...this.placed, dash];
    return dash;
  }

  /** Cheaply. */
  private isFar({ tail: { x, y } }: Dash, { tail }: Dash): boolean {
    const reach = 2 * this.rule.dash + this.clearance;
    return (x - tail.x) ** 2 + (y - tail.y) ** 2 > reach * reach;
  }

  private angle(): number {
    return 2 * Math.PI * this.stream.uniform();
  }

  /** Δ, by rejection. */
  private bend(): number {
    const { continuity } = this.rule;
    for (;;) {
      const scaled = Math.PI * (this.stream.uniform() - 0.5);
      if (this.stream.uniform() < Math.cos(scaled) ** 2) return scaled / continuity;
    }
  }
}

function moved({ x, y }: Point, direction: number, by: number): Point {
  return { x: x + by * Math.cos(direction), y: y + by * Math.sin(direction) };
}

/** Smallest distance of two dashes' middle lines. */
export function distanceOf(one: Dash, other: Dash): number {
  if (cross(one, other)) return 0;
  return Math.min(
    pointToDash(one.tail, other),
    pointToDash(one.head, other),
    pointToDash(other.tail, one),
    pointToDash(other.head, one),
  );
}

function pointToDash(point: Point, { tail, head }: Dash): number {
  const [dx, dy] = [head.x - tail.x, head.y - tail.y];
  const along = ((point.x - tail.x) * dx + (point.y - tail.y) * dy) / (dx * dx + dy * dy);
  const share = Math.min(Math.max(along, 0), 1);
  return Math.sqrt((point.x - tail.x - share * dx) ** 2 + (point.y - tail.y - share * dy) ** 2);
}

function cross(one: Dash, other: Dash): boolean {
  const turns = (from: Dash, to: Point): number =>
    Math.sign(
      (from.head.x - from.tail.x) * (to.y - from.tail.y) -
        (from.head.y - from.tail.y) * (to.x - from.tail.x),
    );
  return (
    turns(one, other.tail) !== turns(one, other.head) &&
    turns(other, one.tail) !== turns(other, one.head)
  );
}
