/**
 * Every op, forward and gradient of every input, on each engine, against the same op as a composite of tfjs ops on `cpu`.
 * Sizes are odd on purpose (1, 7, 33, 130), go beyond a tile or a workgroup (65, 257, 600), and reach 0.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../../server/compute/engine/engine';
import { mixtureCases } from './cases/mixture';
import { productCases } from './cases/products';
import { rowCases } from './cases/rows';
import { sequenceCases } from './cases/sequences';
import { standardCases } from './cases/standard';
import { assertClose, type Values } from './compare';
import { onEachEngine } from './engines';
import { evaluate } from './evaluate';

const cases = [...productCases, ...rowCases, ...sequenceCases, ...mixtureCases, ...standardCases];

describe('every op equals its composite on cpu', () => {
  const expected = new Map<string, Values[]>();
  describe('which computes', () => {
    before(() => openEngine('cpu'));
    for (const one of cases) {
      it(one.name, async () => void expected.set(one.name, await evaluate(one)));
    }
    it('each by a name of its own', () => assert.equal(expected.size, cases.length));
  });
  onEachEngine('compared', (engine) => {
    let atStart: number[];
    before(() => (atStart = [engine().memoryBytes(), tf.memory().numTensors]));
    for (const one of cases) {
      it(one.name, async () => {
        const actual = await evaluate(one);
        const wanted = expected.get(one.name);
        assert.ok(wanted, 'the oracle has computed it');
        wanted.forEach((values, i) => {
          const what = i === 0 ? 'y' : `gradient ${i - 1}`;
          assertClose(actual[i]!, values, what, one.tolerance);
        });
      });
    }
    it('frees all that it took', () => {
      assert.deepEqual([engine().memoryBytes(), tf.memory().numTensors], atStart);
    });
  });
});
