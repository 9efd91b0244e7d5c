/** A Pathfinder scene as grey pixels, row by row: each is the mean of its samples, so that edges are soft. */
import type { Dash, Point, Scene } from './pathfinder';

/** Samples along each edge of a pixel. */
const SAMPLES = 4;

/** [side · side], 0 black, 255 white. */
export function drawScene({ rule, contours, markers }: Scene): Uint8Array {
  const { side, thickness, brightness, markerRadius } = rule;
  const image = new Float64Array(side * side);
  for (const dash of contours.flat()) {
    const box = boxOf([dash.tail, dash.head], thickness);
    paint(image, side, box, brightness, dashSamples(dash, thickness));
  }
  for (const centre of markers) {
    const isInside = (x: number, y: number) =>
      (x - centre.x) ** 2 + (y - centre.y) ** 2 <= markerRadius ** 2;
    paint(image, side, boxOf([centre], markerRadius), 1, isInside);
  }
  return Uint8Array.from(image, (level) => Math.round(255 * level));
}

/** First and last column, first and last row. */
type Box = readonly [left: number, right: number, top: number, bottom: number];

function boxOf(points: readonly Point[], around: number): Box {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  return [
    Math.floor(Math.min(...xs) - around),
    Math.floor(Math.max(...xs) + around),
    Math.floor(Math.min(...ys) - around),
    Math.floor(Math.max(...ys) + around),
  ];
}

/** Lifts each pixel to `brightness` times the share of its samples that are inside. */
function paint(
  image: Float64Array,
  side: number,
  [left, right, top, bottom]: Box,
  brightness: number,
  isInside: (x: number, y: number) => boolean,
): void {
  for (let row = Math.max(top, 0); row <= Math.min(bottom, side - 1); row++) {
    for (let column = Math.max(left, 0); column <= Math.min(right, side - 1); column++) {
      let inside = 0;
      for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
        const x = column + ((sample % SAMPLES) + 0.5) / SAMPLES;
        const y = row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES;
        if (isInside(x, y)) inside += 1;
      }
      const level = Math.min(1, (brightness * inside) / (SAMPLES * SAMPLES));
      const at = row * side + column;
      image[at] = Math.max(image[at]!, level);
    }
  }
}

/** A dash is a rectangle. */
function dashSamples({ tail, head }: Dash, thickness: number): (x: number, y: number) => boolean {
  const length = Math.hypot(head.x - tail.x, head.y - tail.y);
  const [ux, uy] = [(head.x - tail.x) / length, (head.y - tail.y) / length];
  return (x, y) => {
    const along = (x - tail.x) * ux + (y - tail.y) * uy;
    const aside = (y - tail.y) * ux - (x - tail.x) * uy;
    return along >= 0 && along <= length && Math.abs(aside) <= thickness / 2;
  };
}
