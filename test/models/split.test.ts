import assert from 'node:assert/strict';
import { splitLayers } from '../../server/models/split';

describe('split', () => {
  it('gives the first groups the extra layers', () => {
    assert.deepEqual(splitLayers(5, 3), [
      { first: 0, end: 2 },
      { first: 2, end: 4 },
      { first: 4, end: 5 },
    ]);
  });
});
