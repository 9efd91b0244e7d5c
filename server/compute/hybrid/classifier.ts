/**
 * The head of a hybrid that classifies sequences: it reads the stream at the last position of each, which is given.
 * Symbols: n examples, s sequences of each (1, or 2 of which a pair is classified), l length, d width, c classes,
 * h the residual stream, e(x) its row at the last position of sequence x.
 *
 *     one sequence    logits = W e(x), without bias (the sequence classification of `transformers`)
 *     a pair          v = [e(x), e(y), e(x) ⊙ e(y), e(x) − e(y)];   v ← relu(W_i v + b_i), i = 0, 1;   logits = W_2 v + b_2
 *                     (Tay et al., arXiv 2011.04006, their code's head of two encodings with its NLI interaction)
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { classifierTensorName } from '../../models/classifier';
import { embedding } from '../engine/kernels/embedding';
import type { WeightLookup } from '../families/family';
import { activate, linearAt, logitsAt } from '../families/modules';
import { hiddenStates, type ForwardContext, type Hybrid } from './hybrid';
import type { MixtureRow } from './mixture';

/**
 * Logits of every example.
 * @param ids int32 [n·s, l]: the sequences of an example stand one after the other
 * @param lasts int32 [n·s]: position of each sequence's last token, below l; what follows it counts for nothing
 * @returns [n, c]
 * @throws Error for a hybrid that has no such head
 */
export function classify(
  hybrid: Hybrid,
  ids: Tensor2D,
  lasts: Int32Array,
  rows: readonly MixtureRow[],
  context: ForwardContext,
): Tensor2D {
  const { design } = hybrid;
  if (!design.classifier) throw new Error('a hybrid without a classifier');
  const h = hiddenStates(hybrid, ids, rows, context); // [n·s, l, d]
  return classLogits(hybrid, statesAt(h, lasts));
}

/** The stream at one position of each sequence: h [r, l, d] → [r, 1, d]. */
function statesAt(h: Tensor3D, lasts: Int32Array): Tensor3D {
  const [sequences, length, width] = h.shape;
  const rows = lasts.map((last, sequence) => sequence * length + last);
  const table = tf.reshape(h, [sequences * length, width]); // [r·l, d]
  return embedding(table, tf.tensor2d(rows, [sequences, 1], 'int32'));
}

/** States e [n·s, 1, d] → [n, c]. */
function classLogits({ design, parameters }: Hybrid, states: Tensor3D): Tensor2D {
  const { classes, sequences } = design.classifier!;
  const weights: WeightLookup = (name) => parameters.get(classifierTensorName(name)).variable;
  const examples = states.shape[0] / sequences;
  if (sequences === 1) {
    return tf.reshape(logitsAt(weights('weight'), states), [examples, classes]);
  }
  let v = interaction(states); // [n, 1, 4d]
  v = activate(linearAt(weights, 'layers.0', v), 'relu'); // [n, 1, 4d]
  v = activate(linearAt(weights, 'layers.1', v), 'relu'); // [n, 1, 2d]
  return tf.reshape(linearAt(weights, 'layers.2', v), [examples, classes]);
}

/** Both states of each pair, their product and their difference: [2n, 1, d] → [n, 1, 4d]. */
function interaction(states: Tensor3D): Tensor3D {
  const [count, , width] = states.shape;
  const pairs = tf.reshape(states, [count / 2, 2, width]); // [n, 2, d]
  const [x, y] = tf.split(pairs, 2, 1) as [Tensor3D, Tensor3D]; // [n, 1, d]
  return tf.concat([x, y, tf.mul<Tensor3D>(x, y), tf.sub<Tensor3D>(x, y)], 2);
}
