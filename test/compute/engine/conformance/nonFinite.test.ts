/**
 * NaN and infinities: one such entry in an input reaches the outputs and gradients that it reaches in the oracle, and no
 * others. A NaN that gets lost would train on garbage; one that spreads would hide where it came from.
 *
 * No engine is excepted. WGSL lets a driver assume that there are neither NaN nor infinities; Mesa's, on which these tests
 * run, does not. On a driver that does, the loss alone, which is read and tested in every step, would show them.
 */
import assert from 'node:assert/strict';
import { openEngine } from '../../../../server/compute/engine/engine';
import type { Case } from './cases/case';
import { mixtureCases } from './cases/mixture';
import { productCases } from './cases/products';
import { rowCases } from './cases/rows';
import { sequenceCases } from './cases/sequences';
import { standardCases } from './cases/standard';
import { allowedFor, isClose, TOLERANCE, type Values } from './compare';
import { onEachEngine } from './engines';
import { evaluate, evaluateLoop, type Change } from './evaluate';

const all = [...productCases, ...rowCases, ...sequenceCases, ...mixtureCases, ...standardCases];

/** Each kernel, and each way through it that treats entries differently. */
const names = [
  ...['linear 33×130×7 transposed=true', 'linear 7×1×130 transposed=false'],
  ...['linear 1×7×33 transposed=true', 'linear without bias, three axes'],
  ...['matMul of 3 7×33×13, turned false false', 'matMul of 3 7×33×13, turned true true'],
  ...['embedding', 'layerNorm 33', 'rmsNorm 33', 'softmax 7 rows of 33'],
  ...['gelu erf 33', 'gelu tanh 33', 'silu 33', 'softplus 33'],
  ...['crossEntropy 33 rows of 33', 'crossEntropy 33 rows of 7'],
  ...['rotary interleaved', 'rotary blocks'],
  ...[
    'attention interleaved b=2 l=7 headDim=8 plain',
    'attention blocks b=1 l=65 headDim=33 plain',
  ],
  ...['attention blocks b=2 l=33 headDim=16 window 4', 'attention with offset'],
  ...['attention interleaved b=2 l=33 headDim=16 dropout 0.3'],
  ...['causalConv b=2 l=7 c=33 k=4 silu=true', 'causalConv b=2 l=7 c=33 k=4 silu=false no bias'],
  ...['selectiveScan b=2 l=7 c=33 n=7', 'swiglu [7,33]', 'mixture l=7 33 7 → 33'],
  ...['blend l=7 33 7 → 33', 'blend l=7 33 33 → 7', 'weightedSum l=7 33', 'dropout [7,33]'],
  ...['add [7,33] [33]', 'mul [2,7,33] [2,7,1]', 'div [7,33] [7,33]', 'sum over 1', 'sum over 0'],
  ...['mean over 2, kept', 'transpose 2,0,1', 'pad', 'split and concat', 'exp, neg, square'],
];
const cases = names.map((name) => {
  const found = all.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
});

const POISONS = [NaN, Infinity, -Infinity];

interface Place {
  readonly input: number;
  readonly at: number;
}

/** One entry in the middle of each input, and one near its start. */
function placesOf({ shapes }: Case): Place[] {
  return shapes.flatMap((shape, input) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const places = [Math.floor(size * 0.6), Math.floor(size * 0.13)];
    return [...new Set(places)].map((at) => ({ input, at }));
  });
}

const changeAt =
  ({ input, at }: Place, change: (x: number) => number): Change =>
  (values, i) => {
    if (i === input) values[at] = change(values[at]!);
  };

/** What the oracle says of one place: results by poison, and which entries depend on the place at all. */
interface Expected {
  readonly place: Place;
  readonly depends: readonly Uint8Array[];
  readonly poisoned: readonly Poisoned[];
}

interface Poisoned {
  readonly composite: readonly Values[];
  readonly loop: readonly Values[] | undefined;
}

async function expectedAt(one: Case, place: Place, clean: readonly Values[]): Promise<Expected> {
  const moved = await evaluate(
    one,
    changeAt(place, (x) => 1.3 * x + 0.7),
  );
  const depends = moved.map((values, t) =>
    Uint8Array.from(values, (x, i) => (Object.is(x, clean[t]![i]) ? 0 : 1)),
  );
  const poisoned: Poisoned[] = [];
  for (const poison of POISONS) {
    const change = changeAt(place, () => poison);
    const composite = await evaluate(one, change);
    poisoned.push({ composite, loop: evaluateLoop(one, composite[0]!.length, change) });
  }
  return { place, depends, poisoned };
}

/** A NaN and an infinity. */
const isOneNaN = (x: number, y: number) =>
  !Number.isFinite(x) && !Number.isFinite(y) && (Number.isNaN(x) || Number.isNaN(y));

const tensorName = (t: number) => (t === 0 ? 'y' : `gradient ${t - 1}`);

/**
 * An entry must be what the oracle has: close where that is finite, NaN where NaN, the same infinity. Two exceptions.
 *
 * In a product a masked factor of 0 spoils the composite's entry, for 0 · NaN is NaN. A kernel that leaves out what is masked
 * may have there what the loop over the rest has, or, where the entry does not depend on the place at all, its clean value.
 *
 * An infinity that meets another of the other sign, or a 0, becomes NaN (∞ − ∞, 0 · ∞). Whether it does can depend on the
 * order of the operations: what counts is that the entry is not finite.
 */
function differences(
  actual: readonly Values[],
  { composite, loop }: Poisoned,
  clean: readonly Values[],
  depends: readonly Uint8Array[],
  poison: number,
): string[] {
  return composite.flatMap((values, t) => {
    const allowed = allowedFor(values, TOLERANCE);
    const wrong: string[] = [];
    values.forEach((y, i) => {
      const x = actual[t]![i]!;
      const right =
        isClose(x, y, allowed) ||
        (loop !== undefined && isClose(x, loop[t]![i]!, allowed)) ||
        (depends[t]![i] === 0 && isClose(x, clean[t]![i]!, allowed)) ||
        (!Number.isNaN(poison) && isOneNaN(x, y));
      if (!right) wrong.push(`${tensorName(t)}[${i}]: ${x}, not ${y}`);
    });
    return wrong.length === 0 ? [] : [`${wrong.length} × ${wrong[0]!}`];
  });
}

describe('NaN and infinities reach what they reach in the oracle', () => {
  const clean = new Map<string, Values[]>();
  const expected = new Map<string, Expected[]>();
  describe('which computes', () => {
    before(() => openEngine('cpu'));
    for (const one of cases) {
      it(one.name, async () => {
        const values = await evaluate(one);
        const places: Expected[] = [];
        for (const place of placesOf(one)) places.push(await expectedAt(one, place, values));
        clean.set(one.name, values);
        expected.set(one.name, places);
      });
    }
  });

  onEachEngine('compared', () => {
    for (const one of cases) {
      it(one.name, async () => {
        const wrong: string[] = [];
        for (const { place, depends, poisoned } of expected.get(one.name)!) {
          for (const [p, poison] of POISONS.entries()) {
            const actual = await evaluate(
              one,
              changeAt(place, () => poison),
            );
            const own = clean.get(one.name)!;
            const found = differences(actual, poisoned[p]!, own, depends, poison);
            const where = `${poison} in input ${place.input}[${place.at}]`;
            wrong.push(...found.map((text) => `${where}: ${text}`));
          }
        }
        assert.deepEqual(wrong, []);
      });
    }
  });
});
