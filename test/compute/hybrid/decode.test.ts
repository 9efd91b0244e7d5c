import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { FAMILY_NAMES } from '../../../server/models/architecture';
import { RandomStream } from '../../../server/models/random';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { Decoder, positionLimit, type ConstantRows } from '../../../server/compute/hybrid/decode';
import { HybridError } from '../../../server/compute/hybrid/errors';
import {
  generateIds,
  generateText,
  promptIds,
  sample,
  type SamplingOptions,
  type TextTokenizer,
} from '../../../server/compute/hybrid/generate';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import { distance, softRows, tinyHybrid, VOCABULARY, type TinyComponent } from './tinyHybrid';

const mamba: TinyComponent = { name: 'narrow', family: 'mamba', layers: 3, width: 8 };
const greedy: SamplingOptions = { maxTokens: 6, temperature: 0, topP: 1, seed: 1, stop: [] };
const soft = (blocks: number) => softRows(blocks, 2) as ConstantRows;

/** Logits after the last id, by a full forward. */
function fullLogits(hybrid: Hybrid, rows: ConstantRows, ids: readonly number[]): Float32Array {
  return tf.tidy(() => {
    const input = tf.tensor2d([...ids], [1, ids.length], 'int32');
    const logits = forward(hybrid, input, rows, { training: false, dropoutKey: 0 });
    const last = tf.slice(logits, [0, ids.length - 1, 0], [1, 1, VOCABULARY]);
    return Float32Array.from(last.dataSync<'float32'>());
  });
}

async function collect(ids: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const id of ids) all.push(id);
  return all;
}

for (const engineName of ['cpu', 'wasm'] as const) {
  describe(`decoding token by token, on ${engineName}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await openEngine(engineName, { threads: 1 });
    });
    after(() => engine.dispose());
    const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];

    for (const family of FAMILY_NAMES) {
      for (const gate of ['paper', 'transition'] as const) {
        it(`equals the full forward: ${family} and Mamba mixed, gate ${gate}`, async () => {
          const other: TinyComponent = { name: 'wide', family, layers: 4, width: 12 };
          const hybrid = await tinyHybrid({ components: [mamba, other], blocks: 2, gate });
          const decoder = new Decoder(hybrid, soft(2));
          let length = 0;
          // A prompt of several tokens, then one token at a time.
          for (const count of [3, 1, 1, 1, 1, 1, 1, 1]) {
            const logits = await decoder.append(ids.slice(length, length + count));
            length += count;
            const full = fullLogits(hybrid, soft(2), ids.slice(0, length));
            assert.ok(distance(logits, full) < 1e-5, `after ${length} tokens`);
          }
          assert.equal(decoder.length, ids.length);
          decoder.dispose();
          hybrid.parameters.dispose();
        });
      }
    }

    it('does so where a component is left out of blocks', async () => {
      const other: TinyComponent = { name: 'wide', family: 'gptNeox', layers: 4, width: 12 };
      const hybrid = await tinyHybrid({ components: [mamba, other], blocks: 3 });
      const rows = [
        [0, 1],
        [1, 0],
        [0.5, 0.5],
      ];
      const decoder = new Decoder(hybrid, rows);
      for (let length = 1; length <= 5; length++) {
        const logits = await decoder.append([ids[length - 1]!]);
        assert.ok(distance(logits, fullLogits(hybrid, rows, ids.slice(0, length))) < 1e-5);
      }
      decoder.dispose();
      hybrid.parameters.dispose();
    });

    it('holds no tensor after dispose', async () => {
      const other: TinyComponent = { name: 'wide', family: 'gpt2', layers: 4, width: 12 };
      const hybrid = await tinyHybrid({ components: [mamba, other], blocks: 2 });
      const { numTensors } = tf.memory();
      const decoder = new Decoder(hybrid, soft(2));
      await decoder.append([1, 2, 3]);
      const held = tf.memory().numTensors;
      await decoder.append([4]);
      assert.equal(tf.memory().numTensors, held, 'as many states after every token');
      decoder.dispose();
      assert.equal(tf.memory().numTensors, numTensors);
      hybrid.parameters.dispose();
    });
  });
}

describe('generating', () => {
  let hybrid: Hybrid;
  before(async () => {
    await openEngine('cpu');
    const other: TinyComponent = { name: 'wide', family: 'gpt2', layers: 4, width: 12 };
    hybrid = await tinyHybrid({ components: [mamba, other], blocks: 2 });
  });
  after(() => hybrid.parameters.dispose());

  it('at temperature 0 takes the likeliest token every time', async () => {
    const ids = await collect(generateIds(hybrid, soft(2), [1, 2], greedy));
    assert.equal(ids.length, 6);
    const sequence = [1, 2];
    for (const id of ids) {
      const logits = fullLogits(hybrid, soft(2), sequence);
      assert.equal(logits[id], Math.max(...logits));
      sequence.push(id);
    }
  });

  it('with one seed gives one text, with another another', async () => {
    const options = { ...greedy, temperature: 1.5, maxTokens: 10 };
    const once = await collect(generateIds(hybrid, soft(2), [1], options));
    assert.deepEqual(await collect(generateIds(hybrid, soft(2), [1], options)), once);
    const other = await collect(generateIds(hybrid, soft(2), [1], { ...options, seed: 2 }));
    assert.notDeepEqual(other, once);
  });

  it('stops at a stop id, which is no part of the text', async () => {
    const ids = await collect(generateIds(hybrid, soft(2), [1, 2], greedy));
    const stop = ids[ids.length - 1]!;
    const stopped = await collect(
      generateIds(hybrid, soft(2), [1, 2], { ...greedy, stop: [stop] }),
    );
    assert.deepEqual(stopped, ids.slice(0, ids.indexOf(stop)));
  });

  it('ends with the positions, and refuses a prompt beyond them', async () => {
    assert.equal(positionLimit(hybrid, soft(2)), 16);
    const before = tf.memory().numTensors;
    const options = { ...greedy, maxTokens: 40 };
    const ids = await collect(generateIds(hybrid, soft(2), [1, 2, 3, 4], options));
    // The last token is drawn after position 16 and needs no position of its own.
    assert.equal(ids.length, 13);
    const long = Array.from({ length: 17 }, () => 1);
    await assert.rejects(
      collect(generateIds(hybrid, soft(2), long, options)),
      (error) => error instanceof HybridError && error.code === 'prompt-too-long',
    );
    assert.equal(tf.memory().numTensors, before);
    const withoutPositions = [
      [1, 0],
      [0.5, 0.5],
    ];
    assert.equal(positionLimit(hybrid, withoutPositions), Infinity);
  });

  it('ends with a Hyena filter, in whichever block it stands', async () => {
    const config = { layer_types: ['mlp', 'hyena'], max_seq_len: 9, emb_dim: 3, filter_order: 4 };
    const former: TinyComponent = { name: 'former', family: 'stack', layers: 2, width: 8, config };
    const filtered = await tinyHybrid({ components: [mamba, former], blocks: 2 });
    const later = [
      [1, 0],
      [0.5, 0.5],
    ];
    assert.equal(positionLimit(filtered, later), 9);
    const ids = await collect(generateIds(filtered, later, [1, 2], { ...greedy, maxTokens: 20 }));
    assert.equal(ids.length, 8);
    const decoder = new Decoder(filtered, later);
    await assert.rejects(
      decoder.append(Array.from({ length: 10 }, () => 1)),
      /10 tokens, but the model’s Hyena filters are made for 9 positions/,
    );
    decoder.dispose();
    const without = [
      [1, 0],
      [1, 0],
    ];
    assert.equal(positionLimit(filtered, without), Infinity);
    filtered.parameters.dispose();
  });

  it('gives text in whole characters', async () => {
    // Even ids are the first byte of "é", odd ids its second.
    const bytes = new TextEncoder().encode('é');
    const tokenizer: TextTokenizer = {
      special: {},
      encode: () => [0, 1],
      decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids, (id) => bytes[id % 2]!)),
    };
    const options = { ...greedy, temperature: 1.5, maxTokens: 10 };
    const ids = await collect(generateIds(hybrid, soft(2), [0, 1], options));
    const pieces = generateText(hybrid, soft(2), tokenizer, 'é', options);
    let text = '';
    for (;;) {
      const { value, done } = await pieces.next();
      if (!done) assert.ok(!value.text.endsWith('\ufffd'));
      text += done ? value : value.text;
      if (done) break;
    }
    assert.ok(new Set(ids.map((id) => id % 2)).size === 2, 'both bytes were drawn');
    assert.equal(text, tokenizer.decode([0, 1, ...ids]).slice(1));
  });

  it('starts an empty prompt from BOS, else EOS, else refuses', () => {
    const empty = (special: TextTokenizer['special']) =>
      promptIds({ special, encode: () => [], decode: () => '' }, '');
    assert.deepEqual(empty({ bos: 5, eos: 6 }), [5]);
    assert.deepEqual(empty({ eos: 6 }), [6]);
    assert.throws(() => empty({}), HybridError);
  });
});

describe('sampling', () => {
  const logits = Float32Array.from([1, 3, 2, -1]);
  const counts = (temperature: number, topP: number) => {
    const stream = RandomStream.named(1, 'test');
    const drawn = [0, 0, 0, 0];
    for (let count = 0; count < 4000; count++) {
      drawn[sample(logits, { temperature, topP }, stream)]! += 1 / 4000;
    }
    return drawn;
  };

  it('follows softmax(logits / temperature)', () => {
    for (const temperature of [0.5, 1, 2]) {
      const powers = [...logits].map((logit) => Math.exp(logit / temperature));
      const total = powers.reduce((sum, power) => sum + power, 0);
      counts(temperature, 1).forEach((share, id) => {
        assert.ok(Math.abs(share - powers[id]! / total) < 0.03);
      });
    }
  });

  it('draws from the smallest set that holds topP', () => {
    // Probabilities: 0.090, 0.664, 0.244, 0.012 (rounded up).
    counts(1, 0.5).forEach((share, id) => {
      assert.equal(share > 0, id === 1);
    });
    const nucleus = counts(1, 0.8);
    assert.ok(nucleus[1]! > 0 && nucleus[2]! > 0 && nucleus[0] === 0 && nucleus[3] === 0);
  });

  it('draws the likeliest alone at topP 0, and any of many alike at topP 0.999', () => {
    counts(1, 0).forEach((share, id) => {
      assert.equal(share > 0, id === 1);
    });
    const alike = new Float32Array(300);
    const stream = RandomStream.named(1, 'test');
    const drawn = new Set(
      Array.from({ length: 4000 }, () => sample(alike, { temperature: 1, topP: 0.999 }, stream)),
    );
    assert.ok(drawn.size > 290);
  });

  it('takes the largest logit at temperature 0, the lowest id among equals', () => {
    const stream = RandomStream.named(1, 'test');
    const state = stream.state;
    assert.equal(sample(logits, { temperature: 0, topP: 1 }, stream), 1);
    assert.equal(sample(Float32Array.from([2, 2]), { temperature: 0, topP: 1 }, stream), 0);
    assert.deepEqual(stream.state, state, 'nothing is drawn');
  });
});
