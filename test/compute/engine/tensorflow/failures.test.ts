/** What TensorFlow says when an op fails, as a user is told it; and limits, on a stand-in for its native module. */
import assert from 'node:assert/strict';
import { EngineError } from '../../../../server/compute/engine/errors';
import { TensorflowBackend } from '../../../../server/compute/engine/tensorflow/backend';
import type { TensorflowBinding } from '../../../../server/compute/engine/tensorflow/binding';
import { opFailed } from '../../../../server/compute/engine/tensorflow/failures';

describe('what TensorFlow says', () => {
  it('of memory becomes a sentence with a way out', () => {
    const told =
      'Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[1048576,1048576] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc';
    const error = opFailed('Fill', new Error(told), 3 * 2 ** 20);
    assert.ok(error instanceof EngineError);
    assert.equal(error.code, 'out-of-memory');
    assert.match(error.message, /3\.0 MiB in use: OOM .*type float on GPU:0$/);
    assert.match(error.hint, /search\.batch.*search\.checkpointing/);
  });

  it('of anything unknown becomes one line that names the op', () => {
    const told = 'Invalid TF_Status: 13\nMessage: Blas GEMM launch failed\n\tmore\n\tand more';
    const error = opFailed('MatMul', new Error(told), 0);
    assert.ok(error instanceof EngineError);
    assert.equal(error.code, 'kernel-failed');
    assert.match(error.message, /MatMul: Blas GEMM launch failed$/);
  });

  it("of shapes that don't fit is the caller's fault, as on any engine", () => {
    const told = 'Invalid TF_Status: 3\nMessage: Incompatible shapes: [2] vs. [3]';
    const error = opFailed('AddV2', new Error(told), 0);
    assert.ok(!(error instanceof EngineError));
    assert.equal(error.message, 'AddV2: Incompatible shapes: [2] vs. [3]');
  });
});

describe('the memory of the tensorflow engine', () => {
  /** Each op gives ten float32, as often as it is asked for outputs. */
  function standIn() {
    const live = new Set<number>();
    const calls: string[] = [];
    let next = 0;
    const made = () => {
      live.add(next);
      return next++;
    };
    const binding: Partial<TensorflowBinding> = {
      ...{ TF_FLOAT: 1, TF_INT32: 3, TF_BOOL: 10 },
      createTensor: made,
      deleteTensor: (id) => {
        assert.ok(live.delete(id), 'a tensor is freed once');
      },
      executeOp: (name, _attributes, _inputs, outputs) => {
        calls.push(name);
        const dtype = name === 'Odd' ? 99 : 1;
        return Array.from({ length: outputs }, () => ({ id: made(), shape: [10], dtype }));
      },
    };
    return { live, calls, binding: binding as TensorflowBinding };
  }

  it('counts what a reshape shares once, keeps the limit, and leaves nothing', () => {
    const { live, binding } = standIn();
    const backend = new TensorflowBackend(binding, 100);
    const x = backend.run('Exp', [1]);
    assert.equal(backend.inUse, 40);
    const shared = backend.reshape(x, [5, 2]);
    assert.equal(backend.inUse, 40);
    backend.disposeData(x.dataId);
    assert.equal(backend.inUse, 40);
    const other = backend.run('Exp', [shared]);
    assert.equal(backend.peak, 80);
    assert.throws(() => backend.run('Exp', [other]), {
      name: 'EngineError',
      code: 'out-of-memory',
      message: /beyond engine\.memoryLimit/,
    });
    assert.equal(backend.inUse, 80);
    const kept = backend.scope(() => {
      backend.disposeData(shared.dataId);
      backend.reshape(other, [5, 2]);
      return backend.reshape(other, [5, 2]);
    });
    backend.disposeData(other.dataId);
    backend.disposeData(kept.dataId);
    assert.deepEqual([backend.inUse, backend.peak], [0, 80]);
    backend.dispose();
    assert.equal(live.size, 0);
  });

  it('keeps none of the outputs of an op that goes beyond the limit, or of a type that it does not have', () => {
    const { live, binding } = standIn();
    const backend = new TensorflowBackend(binding, 100);
    assert.throws(() => backend.runMany('Unpack', [[1]], {}, 3), { code: 'out-of-memory' });
    assert.throws(() => backend.runMany('Odd', [[1]], {}, 2), /Odd: .*type 99/);
    assert.deepEqual([backend.inUse, live.size], [0, 1], 'the constant alone');
    backend.dispose();
    assert.equal(live.size, 0);
  });

  it('asks TensorFlow for another shape once, and only where an op takes it', () => {
    const { calls, binding } = standIn();
    const backend = new TensorflowBackend(binding);
    const x = backend.run('Exp', [1]);
    const there = backend.reshape(x, [5, 2]);
    const back = backend.reshape(there, [10]);
    backend.run('Exp', [back]);
    assert.deepEqual(calls, ['Exp', 'Exp']);
    backend.run('Exp', [there]);
    backend.run('Exp', [there]);
    assert.deepEqual(calls.slice(2), ['Reshape', 'Exp', 'Exp']);
    assert.equal(backend.refCount(x.dataId), 3);
  });

  it('counts tables, and keeps none beside nothing else', () => {
    const { live, binding } = standIn();
    const backend = new TensorflowBackend(binding);
    const x = backend.run('Exp', [1]);
    const table = () =>
      backend.cached('mask', () => ({ values: new Uint8Array(7), shape: [7], dtype: 'bool' }));
    assert.equal(table(), table());
    backend.run('Exp', [table()]);
    assert.equal(backend.inUse, 87);
    backend.dispose();
    assert.equal(live.size, 0);
    const other = new TensorflowBackend(binding);
    const y = other.run('Exp', [1]);
    other.cached('mask', () => ({ values: new Uint8Array(7), shape: [7], dtype: 'bool' }));
    other.disposeData(y.dataId);
    assert.equal(other.inUse, 0);
    assert.ok(x);
  });
});
