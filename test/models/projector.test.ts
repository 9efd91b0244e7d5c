import assert from 'node:assert/strict';
import {
  PROJECTOR_KINDS,
  projectorCost,
  projectorTensors,
  type ProjectorKind,
} from '../../server/models/projector';

const shapes = (kind: ProjectorKind) =>
  projectorTensors({ kind, init: 'identity', width: 6, componentWidth: 4 }).map(
    ({ name, shape }) => `${name} ${shape.join('×')}`,
  );

describe('projectors as data', () => {
  it('a linear pair is two maps, 6 → 4 and 4 → 6, as is one with a skip', () => {
    const pair = ['in.weight 4×6', 'in.bias 4', 'out.weight 6×4', 'out.bias 6'];
    assert.deepEqual(shapes('linear'), pair);
    assert.deepEqual(shapes('linear-skip'), pair);
  });

  it('an mlp has a hidden layer as wide as its input', () => {
    const pair = [
      'in.hidden.weight 6×6',
      'in.hidden.bias 6',
      'in.weight 4×6',
      'in.bias 4',
      'out.hidden.weight 4×4',
      'out.hidden.bias 4',
      'out.weight 6×4',
      'out.bias 6',
    ];
    assert.deepEqual(shapes('mlp'), pair);
    assert.deepEqual(shapes('mlp-skip'), pair);
  });

  it('none has no tensors and costs nothing', () => {
    assert.deepEqual(shapes('none'), []);
    assert.equal(projectorCost('none', 6, 4), 0);
  });

  it('decay is for matrices alone', () => {
    for (const kind of PROJECTOR_KINDS) {
      for (const tensor of projectorTensors({
        kind,
        init: 'default',
        width: 6,
        componentWidth: 4,
      })) {
        assert.equal(tensor.decay, tensor.shape.length === 2, tensor.name);
      }
    }
  });

  it('costs two operations an entry of its matrices', () => {
    assert.equal(projectorCost('linear', 6, 4), 2 * (24 + 24));
    assert.equal(projectorCost('mlp-skip', 6, 4), 2 * (36 + 24 + 16 + 24));
  });
});
