import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resizedVocabulary } from './scene';

describe('bench: a vocabulary of another size', () => {
  it('is whole: every id once, every merge of two tokens that come before it', async () => {
    const file = 'examples/models/tiny-neox/tokenizer.json';
    const { model } = JSON.parse(await readFile(file, 'utf8')) as {
      model: Parameters<typeof resizedVocabulary>[0];
    };
    for (const size of [512, 1024, 8192]) {
      const { vocab, merges } = resizedVocabulary(model, size);
      const ids = Object.values(vocab).sort((left, right) => left - right);
      assert.deepEqual(
        ids,
        Array.from({ length: size }, (_, id) => id),
      );
      for (const [left, right] of merges) {
        const made = vocab[left + right];
        assert.ok(made !== undefined && vocab[left]! < made && vocab[right]! < made);
      }
      // The special token and the 256 bytes are no merges.
      assert.equal(merges.length, size - 257);
    }
  });
});
