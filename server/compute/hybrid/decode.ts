/**
 * Incremental decoding of a hybrid whose mixture weights are constants: each component keeps the keys and values, or the
 * state, of its own layers in each block, so that a token costs one step.
 */
import * as tf from '@tensorflow/tfjs-core';
import { disposeStates, emptyStates } from '../families/layerStates';
import type { LayerState } from '../families/family';
import { headLogits, hiddenStates, type Hybrid } from './hybrid';

/** α as plain numbers: [N][K]. */
export type ConstantRows = readonly (readonly number[])[];

/** One sequence being decoded. Owns its states until `dispose`. */
export class Decoder {
  private readonly states: LayerState[][];
  private position = 0;

  constructor(
    private readonly hybrid: Hybrid,
    private readonly rows: ConstantRows,
  ) {
    this.states = hybrid.design.components.map(({ architecture }) => emptyStates(architecture));
  }

  /** Positions so far. */
  get length(): number {
    return this.position;
  }

  /**
   * Adds the next ids (at least one) and computes the logits after the last of them, equal to those of a full forward
   * over the whole sequence. @returns [V]
   * @throws RangeError when a component's positions run out (`positionLimit`)
   */
  async append(ids: readonly number[]): Promise<Float32Array> {
    if (ids.length === 0) throw new Error('decoding needs at least one id');
    const logits = tf.tidy(() => {
      const input = tf.tensor2d(Int32Array.from(ids), [1, ids.length], 'int32');
      const h = hiddenStates(this.hybrid, input, this.rows, {
        training: false,
        dropoutKey: 0,
        offset: this.position,
        states: this.states,
      }); // [1, l, d]
      const last = tf.slice(h, [0, ids.length - 1, 0], [1, 1, this.hybrid.design.width]); // [1, 1, d]
      return headLogits(this.hybrid, last, this.rows); // [1, 1, V]
    });
    this.position += ids.length;
    const values = await logits.data<'float32'>();
    logits.dispose();
    return Float32Array.from(values);
  }

  dispose(): void {
    for (const states of this.states) disposeStates(states);
  }
}

/**
 * Longest sequence that the components know positions for; `Infinity` where none is limited. Absolute positions enter with
 * block 1; a Hyena filter of a stack stands in any.
 */
export function positionLimit({ design }: Hybrid, rows: ConstantRows): number {
  return design.components.reduce((limit, { architecture }, component) => {
    const { family, maxPositions = Number.POSITIVE_INFINITY } = architecture;
    const asked = family === 'stack' ? rows : rows.slice(0, 1);
    return asked.every((row) => row[component] === 0) ? limit : Math.min(limit, maxPositions);
  }, Number.POSITIVE_INFINITY);
}
