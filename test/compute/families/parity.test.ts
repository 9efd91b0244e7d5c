import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { gradients } from '../../../server/compute/engine/gradients';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import type { LayerContext } from '../../../server/compute/families/family';
import { unknownTensors } from '../../../server/models/families';
import { onEachEngine } from '../engine/conformance/engines';
import { valuesIn } from '../engine/conformance/evaluate';
import { componentForward, EVALUATION } from './componentForward';

import {
  decoded,
  difference,
  goldenCases,
  idsOf,
  largest,
  loadVariables,
  lookupIn,
  norm,
  storedFor,
  type GoldenCase,
} from './goldenCase';

async function logitsOf(golden: GoldenCase, context: LayerContext): Promise<Float32Array> {
  const variables = loadVariables(golden);
  const logits = await valuesIn(() =>
    componentForward(golden.architecture, lookupIn(variables), idsOf(golden), context),
  );
  tf.dispose([...variables.values()]);
  return logits as Float32Array;
}

function assertLogits(actual: Float32Array, expected: Float32Array): void {
  const error = largest(difference(actual, expected));
  const allowed = 1e-4 * Math.max(1, largest(expected));
  assert.ok(error <= allowed, `logits differ by ${error}, allowed ${allowed}`);
}

/** Mean next-token loss, as the reference computes it. */
function meanLoss(golden: GoldenCase, variables: ReadonlyMap<string, tf.Variable>): tf.Scalar {
  const ids = idsOf(golden);
  const [b, l] = ids.shape;
  const logits = componentForward(golden.architecture, lookupIn(variables), ids); // [b, l, V]
  const V = logits.shape[2];
  const predictions = tf.reshape(tf.slice(logits, [0, 0, 0], [b, l - 1, V]), [b * (l - 1), V]);
  const targets = tf.reshape(tf.slice(ids, [0, 1], [b, l - 1]), [b * (l - 1)]);
  const { loss } = crossEntropy(predictions, targets, { ignore: -100 });
  return tf.div(loss, b * (l - 1));
}

describe('families against transformers', () => {
  onEachEngine('each', () => {
    for (const golden of goldenCases()) {
      it(`${golden.name}: logits to 1e-4`, async () => {
        assertLogits(await logitsOf(golden, EVALUATION), decoded(golden.golden.logits));
      });

      it(`${golden.name}: loss, and the gradient of every parameter to 1e-3`, async () => {
        const variables = loadVariables(golden);
        const { value, grads } = gradients(
          () => meanLoss(golden, variables),
          [...variables.values()],
        );
        const loss = (await value.data())[0]!;
        assert.ok(Math.abs(loss - golden.golden.loss) < 1e-5 * golden.golden.loss, `loss ${loss}`);
        const expected = golden.specs.map((spec) =>
          decoded(storedFor(spec, golden.golden.gradients)),
        );
        const whole = norm(expected.map(norm));
        for (const [index, spec] of golden.specs.entries()) {
          const gradient = grads[index];
          assert.ok(gradient, `${spec.name} has a gradient`);
          const error = norm(difference(await gradient.data(), expected[index]!));
          // One that is 0 (a window of one key has nothing to choose) may be what float32 leaves of the terms that cancel.
          const allowed = Math.max(1e-3 * norm(expected[index]!), 1e-7 * whole);
          assert.ok(error <= allowed, `${spec.name}: ${error} > ${allowed}`);
        }
        tf.dispose([value, ...grads.map((gradient) => gradient!), ...variables.values()]);
      });

      const { training } = golden.golden;
      if (training) {
        it(`${golden.name}: logits in training, with dropout where transformers drops`, async () => {
          const context = { ...EVALUATION, training: true, dropoutKey: training.dropoutKey };
          assertLogits(await logitsOf(golden, context), decoded(training.logits));
        });
      }
    }

    it('every case leaves as many tensors as it found', async () => {
      const before = tf.memory().numTensors;
      for (const golden of goldenCases()) await logitsOf(golden, EVALUATION);
      assert.equal(tf.memory().numTensors, before);
    });
  });

  it('covers every tensor of the files: each is trainable or known and ignored', () => {
    for (const { name, architecture, golden } of goldenCases()) {
      assert.deepEqual(unknownTensors(architecture, Object.keys(golden.weights)), [], name);
    }
  });
});
