/**
 * What the tape keeps for gradients. The output of a kernel that costs next to nothing (an activation, a norm) need not be
 * kept for those that take it, where the gradient of that kernel keeps its inputs anyway: it is computed again when the
 * backward pass first asks for it, and freed once the last of them has been passed. The bits are those of the first time.
 */
import * as tf from '@tensorflow/tfjs-core';
import { secondHandle } from './internals';

/** What a node of the tape keeps, until the node and all that compute something again from it have let go. */
export class Holding {
  private users = 1;

  constructor(
    private readonly tensors: readonly tf.Tensor[],
    private readonly remade: readonly Remade[],
  ) {}

  get isThere(): boolean {
    return this.users > 0;
  }

  take(): void {
    this.users += 1;
  }

  release(): void {
    this.users -= 1;
    if (this.users > 0) return;
    for (const tensor of this.tensors) tensor.dispose();
    for (const each of this.remade) each.release();
  }
}

/** By the output as it was made first. */
const known = new WeakMap<tf.Tensor, Remade>();
/** By the values that were made again. */
const owners = new WeakMap<tf.Tensor, Remade>();

/** Frees what a gradient was given and has no more need of, where it was made again and nobody else needs it. */
export function letGo(value: tf.Tensor): void {
  owners.get(value)?.letGo();
}

/** An output that is computed again for the gradients of those that take it. */
export class Remade {
  private users = 0;
  private tensor: tf.Tensor | undefined;
  /** While others need the values too: a gradient must not be written over them. */
  private guard: tf.Tensor | undefined;

  /**
   * @param holding of the node that made it first
   * @param make computes it from what `holding` keeps
   */
  constructor(
    output: tf.Tensor,
    private readonly holding: Holding,
    private readonly make: () => tf.Tensor,
  ) {
    known.set(output, this);
  }

  /** Of a tensor whose values can still be had so; whoever gets it has to release it. */
  static take(output: tf.Tensor): Remade | undefined {
    const found = known.get(output);
    if (!found?.holding.isThere) return undefined;
    found.users += 1;
    found.holding.take();
    return found;
  }

  /** The values: this object's, not to be disposed. */
  value(): tf.Tensor {
    if (!this.tensor) {
      this.tensor = tf.keep(this.make());
      owners.set(this.tensor, this);
    }
    if (this.users > 1) this.guard ??= secondHandle(this.tensor);
    return this.tensor;
  }

  release(): void {
    this.users -= 1;
    if (this.users <= 1) {
      this.guard?.dispose();
      this.guard = undefined;
    }
    if (this.users === 0) this.free();
    this.holding.release();
  }

  letGo(): void {
    if (this.users === 1) this.free();
  }

  private free(): void {
    this.tensor?.dispose();
    this.tensor = undefined;
  }
}
