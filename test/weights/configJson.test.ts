import assert from 'node:assert/strict';
import { parseConfigJson } from '../../server/weights/configJson';

describe('config.json', () => {
  it('is JSON', () => {
    assert.deepEqual(parseConfigJson('{ "a": [1, "Infinity"] }'), { a: [1, 'Infinity'] });
  });

  it('may have the words of Python’s json, which become what transformers 5 writes', () => {
    const text =
      '{ "time_step_limit": [0.0, Infinity], "say": "\\"NaN, Infinity", "x": -Infinity }';
    assert.deepEqual(parseConfigJson(text), {
      time_step_limit: [0, { __float__: 'Infinity' }],
      say: '"NaN, Infinity',
      x: { __float__: '-Infinity' },
    });
  });

  for (const text of ['', '{', '[Infinity', '{ a: 1 }', '{ "a": Infinite }', '{ "a": NaN1 }']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseConfigJson(text), SyntaxError);
    });
  }

  it('takes time in proportion to a hostile text', () => {
    assert.throws(() => parseConfigJson(`["${'\\'.repeat(4_000_001)}`), SyntaxError);
  });
});
