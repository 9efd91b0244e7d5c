import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { disposeStates, emptyStates } from '../../../server/compute/families/layerStates';
import { familyTable } from '../../../server/models/families';
import { RandomStream } from '../../../server/models/random';
import { onEachEngine } from '../engine/conformance/engines';
import { valuesIn } from '../engine/conformance/evaluate';
import { componentForward, EVALUATION } from './componentForward';
import {
  difference,
  goldenCases,
  idsOf,
  largest,
  loadVariables,
  lookupIn,
  type GoldenCase,
} from './goldenCase';

/** Logits [b, l, V] of the same tokens, given in pieces of these lengths with decoding states. */
async function decodedInPieces(
  golden: GoldenCase,
  pieces: readonly number[],
): Promise<Float32Array> {
  const { architecture } = golden;
  const variables = loadVariables(golden);
  const states = emptyStates(architecture);
  const ids = idsOf(golden);
  let offset = 0;
  const outputs = pieces.map((length) => {
    const context = { ...EVALUATION, offset, states };
    const logits = tf.tidy(() => {
      const piece = tf.slice(ids, [0, offset], [ids.shape[0], length]);
      return componentForward(architecture, lookupIn(variables), piece, context);
    });
    offset += length;
    return logits;
  });
  assert.equal(offset, ids.shape[1]);
  const joined = await valuesIn(() => tf.concat(outputs, 1));
  disposeStates(states);
  tf.dispose([ids, ...outputs, ...variables.values()]);
  return joined as Float32Array;
}

function assertSame(actual: Float32Array, expected: Float32Array): void {
  const error = largest(difference(actual, expected));
  assert.ok(error <= 1e-5 * Math.max(1, largest(expected)), `logits differ by ${error}`);
}

/** The same without states. */
async function inOnePass(golden: GoldenCase): Promise<Float32Array> {
  const variables = loadVariables(golden);
  const logits = await valuesIn(() =>
    componentForward(golden.architecture, lookupIn(variables), idsOf(golden)),
  );
  tf.dispose([...variables.values()]);
  return logits as Float32Array;
}

/** A model of one case with another config, its weights drawn at random. */
function altered(name: string, changes: Readonly<Record<string, unknown>>): GoldenCase {
  const base = goldenCases().find((golden) => golden.name === name)!;
  const config = { ...base.golden.config, ...changes };
  const table = familyTable(base.family);
  const { value: architecture, problems } = table.read(config);
  assert.deepEqual(problems, []);
  const { vocabulary } = base.golden;
  const specs = table.tensors(architecture!, vocabulary);
  const random = RandomStream.named(1, name);
  const weights = Object.fromEntries(
    specs.map(({ name: tensor, shape }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const values = Float32Array.from({ length: size }, () => random.uint32() / 2 ** 32 - 0.5);
      return [tensor, { shape, data: Buffer.from(values.buffer).toString('base64') }];
    }),
  );
  return { ...base, architecture: architecture!, specs, golden: { ...base.golden, weights } };
}

describe('decoding with states', () => {
  onEachEngine('each', () => {
    for (const golden of goldenCases()) {
      const length = golden.golden.ids[0]!.length;

      it(`${golden.name}: token by token equals the full pass`, async () => {
        const pieces = Array.from({ length }, () => 1);
        assertSame(await decodedInPieces(golden, pieces), await inOnePass(golden));
      });

      it(`${golden.name}: a prompt, then two tokens, then several at once`, async () => {
        const prompt = Math.ceil(length / 2);
        const pieces = [prompt, 1, 1, length - prompt - 2];
        assertSame(await decodedInPieces(golden, pieces), await inOnePass(golden));
      });
    }

    it('a convolution of one tap, which needs no earlier input', async () => {
      const golden = altered('mamba-plain', { conv_kernel: 1 });
      assertSame(await decodedInPieces(golden, [3, 1, 1, 11]), await inOnePass(golden));
    });

    it('heads of which nothing turns', async () => {
      const golden = altered('gptNeox-quarter', { rotary_pct: 0 });
      assertSame(await decodedInPieces(golden, [3, 1, 1, 14]), await inOnePass(golden));
    });

    it('a local layer forgets what no later token can see', () => {
      const golden = goldenCases().find(({ name }) => name === 'gptNeo-local')!;
      const variables = loadVariables(golden);
      const states = emptyStates(golden.architecture);
      const ids = idsOf(golden);
      tf.tidy(() => {
        const context = { ...EVALUATION, states };
        componentForward(golden.architecture, lookupIn(variables), ids, context);
      });
      const cached = states.map((state) => state.tensors.map((tensor) => tensor.shape[1]));
      assert.deepEqual(cached, [
        [13, 13], // global
        [2, 2], // local, window 3: two earlier positions and the query itself
        [2, 2],
      ]);
      disposeStates(states);
      tf.dispose([ids, ...variables.values()]);
    });

    it('states are the only tensors that a step leaves behind', async () => {
      const before = tf.memory().numTensors;
      for (const golden of goldenCases()) {
        await decodedInPieces(golden, [1, golden.golden.ids[0]!.length - 1]);
      }
      assert.equal(tf.memory().numTensors, before);
    });

    it('says so when learned positions run out', () => {
      const golden = goldenCases().find(({ name }) => name === 'gpt2-tied')!;
      const variables = loadVariables(golden);
      const ids = idsOf(golden);
      const context = { ...EVALUATION, offset: 3 };
      assert.throws(
        () =>
          tf.tidy(() => componentForward(golden.architecture, lookupIn(variables), ids, context)),
        /20 tokens, but the model knows 19 positions/,
      );
      tf.dispose([ids, ...variables.values()]);
    });
  });
});
