/** The head that classifies sequences, and pairs of them: loss and every gradient against the oracle's. */
import assert from 'node:assert/strict';
import { openEngine } from '../../../../server/compute/engine/engine';
import { gradients } from '../../../../server/compute/engine/gradients';
import { readScalars } from '../../../../server/compute/engine/read';
import { constantRows } from '../../../../server/compute/search/alphaTensors';
import { buildClassifier, classifierPlan, half, labelledBatch } from '../../hybrid/classifierScene';
import { assertClose, TOLERANCE } from './compare';
import { onEachEngine } from './engines';

interface Classified {
  readonly loss: number;
  readonly correct: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

async function classified(sequences: 1 | 2): Promise<Classified> {
  const model = await buildClassifier(classifierPlan(sequences));
  const batch = labelledBatch(sequences);
  const parameters = model.parameters();
  const { value, grads } = gradients(
    () => model.lossSum(batch, constantRows(half), { training: true, dropoutKey: 0 }),
    parameters.map(({ variable }) => variable),
  );
  const [loss] = (await readScalars([value])) as [number];
  value.dispose();
  const found = new Map<string, Float32Array>();
  for (const [index, { name }] of parameters.entries()) {
    const gradient = grads[index];
    if (!gradient) continue;
    found.set(name, Float32Array.from(await gradient.data<'float32'>()));
    gradient.dispose();
  }
  const { correct } = await model.score(batch, half);
  model.dispose();
  return { loss, correct, gradients: found };
}

const largest = (values: Float32Array) =>
  values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

describe('a classifier', () => {
  const expected = new Map<1 | 2, Classified>();
  before(async () => {
    await openEngine('cpu');
    for (const sequences of [1, 2] as const) expected.set(sequences, await classified(sequences));
  });

  onEachEngine('compared', () => {
    for (const sequences of [1, 2] as const) {
      it(`of ${sequences === 1 ? 'a sequence' : 'a pair'} is the oracle’s`, async () => {
        const wanted = expected.get(sequences)!;
        const found = await classified(sequences);
        assert.ok(Math.abs(found.loss / wanted.loss - 1) < 1e-5, `${found.loss} ${wanted.loss}`);
        assert.equal(found.correct, wanted.correct);
        assert.deepEqual([...found.gradients.keys()], [...wanted.gradients.keys()]);
        const whole = Math.max(...[...wanted.gradients.values()].map(largest));
        for (const [name, values] of wanted.gradients) {
          const scale = Math.max(largest(values), 1e-5 * whole);
          const scaled = (x: Float32Array) => x.map((entry) => entry / scale);
          assertClose(scaled(found.gradients.get(name)!), scaled(values), name, TOLERANCE);
        }
      });
    }
  });
});
