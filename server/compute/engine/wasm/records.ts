/** What a backend knows of its tensors, by their ids. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * tfjs's `DataStorage` over a map that holds its entries. tfjs's own is weak, for tensors that nobody disposes; ours are all
 * disposed, and a weak map of short-lived entries is most of what the garbage collector does in a training step.
 */
export class Records<T> extends tf.DataStorage<T> {
  private readonly entries = new Map<object, T>();

  constructor(private readonly owner: tf.KernelBackend) {
    super(owner, tf.engine());
  }

  override get(dataId: object): T {
    const entry = this.entries.get(dataId);
    if (entry !== undefined) return entry;
    // Those of another backend come over.
    tf.engine().moveData(this.owner, dataId);
    return this.entries.get(dataId)!;
  }

  override set(dataId: object, value: T): void {
    this.entries.set(dataId, value);
  }

  override has(dataId: object): boolean {
    return this.entries.has(dataId);
  }

  override delete(dataId: object): boolean {
    return this.entries.delete(dataId);
  }

  override numDataIds(): number {
    return this.entries.size;
  }
}
