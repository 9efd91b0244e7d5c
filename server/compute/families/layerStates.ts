/** What each layer of a component remembers between two tokens of decoding: keys and values, or a scan's state. */
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import type { LayerState } from './family';

/** Empty decoding states, one a layer. */
export function emptyStates(architecture: Architecture): LayerState[] {
  return Array.from({ length: architecture.layers }, () => ({ tensors: [] }));
}

/** Frees what decoding states hold; they are empty after. */
export function disposeStates(states: readonly LayerState[]): void {
  for (const state of states) {
    tf.dispose(state.tensors);
    state.tensors = [];
    delete state.length;
  }
}
