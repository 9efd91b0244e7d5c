/** Completion at every word of a config, as it is typed. */
import assert from 'node:assert/strict';
import { quickConfig } from '../marked';
import { labels } from './scene';

describe('completion while a config is typed', () => {
  const config = quickConfig({
    components:
      '  neox: { source: ./neox }\n  own:\n    family: gptNeox\n    config:\n      hidden_size: 8\n    init: random\n    tokenizer: ./neox',
    hybrid:
      '  blocks: 3\n  tokenizer: neox\n  gate: transition\n  projectors:\n    kind: mlp\n    init: default\n  mixture:\n    1: { pin: own, prune: [neox] }\n    2:\n      pin:\n        own: 0.5\n        neox: 0.5\n      prune:\n        - own\n    3: { init: { own: 0.5 } }',
    search: '  steps: 30\n  algorithm: gaea\n  schedule: bilevel\n  decay: cosine\n  heldOut: 0.2',
    rest: 'finetune:\n  steps: 3\n  alphas: argmax\n  weights: keep\nbaselines: { match: flops, uniform: true }\nengine: { name: wasm }\n',
  });
  const words = [...config.matchAll(/[A-Za-z][\w]*(?=:)|(?<=: |\[|- )[A-Za-z]\w*(?=\n|,| \}|\])/g)];
  // Names that the config itself defines, and paths.
  const own = (word: string, index: number) =>
    /^(neox|own)$/.test(word) &&
    config.startsWith(':', index + word.length) &&
    config.lastIndexOf('hybrid:', index) < 0;

  for (const eol of ['\n', '\r\n']) {
    it(`offers each key, value and component after its first letter (${JSON.stringify(eol)})`, async () => {
      let count = 0;
      for (const { index, 0: word } of words) {
        if (own(word, index)) continue;
        const before = config.slice(0, index + 1);
        const line = config.slice(index + word.length);
        const rest = line.slice(line.search(/\n|$/));
        const behind = line.replace(/^: ?/, '');
        for (const after of ['', rest, behind]) {
          const marked = `${before}|${after}`.replaceAll('\n', eol);
          const offered = await labels(marked);
          assert.ok(
            offered.includes(word),
            `${word} in ${JSON.stringify(marked)}: ${offered.join()}`,
          );
          count++;
        }
      }
      assert.ok(count > 150);
    });
  }
});
