/** Pathfinder: what its markers mark, how far its dashes lie apart, what is drawn. */
import assert from 'node:assert/strict';
import { lraSplits } from '../../../../server/compute/tasks/lra/dataset';
import {
  distanceOf,
  pathfinderScene,
  type Contour,
  type Dash,
  type Scene,
} from '../../../../server/compute/tasks/lra/pathfinder';
import { drawScene } from '../../../../server/compute/tasks/lra/pathfinderImage';
import { lraSource, streamOf } from './scene';

const SIDES = [32, 64, 128] as const;

function scenes(side: number, dashes: number, count: number): readonly Scene[] {
  const stream = streamOf(side + dashes);
  return Array.from({ length: count }, () => pathfinderScene(side, dashes, stream)!);
}

const endsOf = (contour: Contour) => [contour[0]!.tail, contour.at(-1)!.head];

/** Distance of two dashes by stepping along both: an upper bound that comes close. */
function steppedDistance(one: Dash, other: Dash): number {
  const at = ({ tail, head }: Dash, share: number) => ({
    x: tail.x + share * (head.x - tail.x),
    y: tail.y + share * (head.y - tail.y),
  });
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= 20; i++) {
    for (let j = 0; j <= 20; j++) {
      const [a, b] = [at(one, i / 20), at(other, j / 20)];
      least = Math.min(least, Math.hypot(a.x - b.x, a.y - b.y));
    }
  }
  return least;
}

describe('a Pathfinder scene', () => {
  for (const side of SIDES) {
    it(`${side} pixels: a positive’s discs mark one contour’s ends, a negative’s two contours’`, () => {
      for (const scene of [...scenes(side, 6, 12), ...scenes(side, 14, 6)]) {
        const { contours, markers, label } = scene;
        const holders = markers.map((marker) =>
          contours.findIndex((contour) =>
            endsOf(contour).some(({ x, y }) => x === marker.x && y === marker.y),
          ),
        );
        assert.ok(holders.every((holder) => holder === 0 || holder === 1));
        assert.equal(holders[0] === holders[1], label === 1);
        if (label === 1) assert.notDeepEqual(markers[0], markers[1]);
      }
    });

    it(`${side} pixels: no contours touch, and each goes on without a kink`, () => {
      for (const { rule, contours } of scenes(side, 14, 2)) {
        assert.deepEqual([contours[0]!.length, contours[1]!.length], [14, 14]);
        assert.ok(contours.slice(2).every((contour) => contour.length === 4));
        const margins = rule.margins.map((margin) => 2 * margin + rule.thickness);
        const clearance = Math.min(...margins);
        contours.forEach((contour, c) => {
          for (const other of contours.slice(c + 1).flat()) {
            for (const dash of contour) {
              assert.ok(steppedDistance(dash, other) >= clearance - 1e-9);
              assert.ok(distanceOf(dash, other) <= steppedDistance(dash, other) + 1e-9);
            }
          }
          contour.slice(1).forEach((dash, index) => {
            const before = contour[index]!;
            const bend = Math.abs(dash.direction - before.direction);
            assert.ok(bend <= Math.PI / 2 / rule.continuity + 1e-9);
            const gap = Math.hypot(dash.tail.x - before.head.x, dash.tail.y - before.head.y);
            assert.ok(gap <= 2 * Math.max(...rule.margins) + 1e-9);
          });
          for (const { tail, head } of contour) {
            for (const at of [tail.x, tail.y, head.x, head.y]) {
              assert.ok(at >= 1 && at <= side - 1);
            }
          }
        });
      }
    });
  }

  it('has both classes alike often', () => {
    const labels = scenes(32, 6, 200).map(({ label }) => label as number);
    const positives = labels.reduce((sum, label) => sum + label, 0);
    // Four standard deviations.
    assert.ok(Math.abs(positives - 100) < 28, `${positives} of 200`);
  });

  it('is drawn white where its discs are, black where nothing is', () => {
    for (const scene of scenes(64, 9, 3)) {
      const image = drawScene(scene);
      assert.equal(image.length, 64 * 64);
      for (const { x, y } of scene.markers) {
        const [column, row] = [Math.min(Math.floor(x), 63), Math.min(Math.floor(y), 63)];
        assert.equal(image[row * 64 + column], 255);
      }
      const dashes = scene.contours.flat();
      image.forEach((level, at) => {
        const centre = { x: (at % 64) + 0.5, y: Math.floor(at / 64) + 0.5 };
        const point: Dash = {
          tail: centre,
          head: { x: centre.x + 1e-9, y: centre.y },
          direction: 0,
        };
        const isNearDisc = scene.markers.some(
          ({ x, y }) => Math.hypot(x - centre.x, y - centre.y) < scene.rule.markerRadius + 1,
        );
        const nearest = Math.min(...dashes.map((dash) => distanceOf(point, dash)));
        if (!isNearDisc && nearest > scene.rule.thickness / 2 + 0.75) assert.equal(level, 0);
        if (nearest < 0.1) assert.ok(level > 50);
      });
    }
  });

  it('is of the same bits from the same seed, and of no split twice', async () => {
    const source = lraSource('pathfinder32', { examples: 12, testExamples: 6, contour: 6 });
    const one = await lraSplits(source, '/');
    assert.deepEqual(await lraSplits(source, '/'), one);
    const rows = [one.train, one.validation, one.test].flatMap(({ ids, count }) =>
      Array.from({ length: count }, (_, row) => ids.slice(row * 1024, (row + 1) * 1024).join()),
    );
    assert.equal(new Set(rows).size, 24);
    assert.ok([...one.train.starts].every((start, row) => start === 1024 * row));
  });
});
