/** Lists of what has to be let go of. */
import assert from 'node:assert/strict';
import { DisposableList } from '../../client/disposables';

describe('a list of disposables', () => {
  it('disposes the last first, once', () => {
    const order: number[] = [];
    const list = new DisposableList();
    for (const number of [1, 2, 3]) list.add({ dispose: () => order.push(number) });
    list.dispose();
    list.dispose();
    assert.deepEqual(order, [3, 2, 1]);
  });

  it('disposes at once what comes too late', () => {
    const list = new DisposableList();
    list.dispose();
    let disposed = 0;
    list.add({ dispose: () => (disposed += 1) });
    assert.equal(disposed, 1);
  });
});
