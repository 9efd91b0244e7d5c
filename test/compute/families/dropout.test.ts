import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { dropoutAt } from '../../../server/compute/families/modules';
import { dropoutRates } from '../../../server/models/families';
import { onEachEngine } from '../engine/conformance/engines';
import { valuesIn } from '../engine/conformance/evaluate';
import { componentForward, EVALUATION } from './componentForward';

import { goldenCases, idsOf, loadVariables, lookupIn, type GoldenCase } from './goldenCase';

async function logits(
  golden: GoldenCase,
  training: boolean,
  dropoutKey: number,
): Promise<number[]> {
  const variables = loadVariables(golden);
  const values = await valuesIn(() => {
    const context = { ...EVALUATION, training, dropoutKey };
    return componentForward(golden.architecture, lookupIn(variables), idsOf(golden), context);
  });
  tf.dispose([...variables.values()]);
  return [...values];
}

const caseNamed = (name: string) => goldenCases().find((golden) => golden.name === name)!;

describe('dropout of the families', () => {
  it('has the rates of the config, by its own keys', () => {
    assert.deepEqual(dropoutRates(caseNamed('gpt2-tied').architecture), {
      embd_pdrop: 0.2,
      attn_pdrop: 0.3,
      resid_pdrop: 0.15,
    });
    assert.deepEqual(dropoutRates(caseNamed('gptNeo-local').architecture), {
      embed_dropout: 0.1,
      attention_dropout: 0.25,
      resid_dropout: 0.2,
    });
    assert.deepEqual(dropoutRates(caseNamed('gptNeox-quarter').architecture), {
      hidden_dropout: 0.1,
      attention_dropout: 0.2,
    });
    assert.deepEqual(dropoutRates(caseNamed('mamba-plain').architecture), {});
  });

  it('has a mask of its own for every layer and place in it, none in evaluation or at rate 0', () => {
    const training = { ...EVALUATION, training: true, dropoutKey: 77 };
    const sites = ['embedding', 'attention', 'residual', 'feedForward'] as const;
    const keys = sites.flatMap((site) =>
      Array.from({ length: 50 }, (_, layer) => dropoutAt(training, 0.1, site, layer)!.key),
    );
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(dropoutAt(EVALUATION, 0.1, 'residual'), undefined);
    assert.equal(dropoutAt(training, 0, 'residual'), undefined);
  });

  onEachEngine('each', () => {
    for (const name of ['gpt2-tied', 'gptNeo-local', 'gptNeox-quarter']) {
      it(`${name}: the key alone decides the masks, and evaluation has none`, async () => {
        const golden = caseNamed(name);
        assert.deepEqual(await logits(golden, true, 5), await logits(golden, true, 5));
        assert.notDeepEqual(await logits(golden, true, 5), await logits(golden, true, 6));
        assert.deepEqual(await logits(golden, false, 5), await logits(golden, false, 6));
      });
    }

    it('Mamba never drops anything', async () => {
      const golden = caseNamed('mamba-plain');
      assert.deepEqual(await logits(golden, true, 5), await logits(golden, false, 6));
    });
  });
});
