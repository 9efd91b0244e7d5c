/** tfjs's gradients, with those of 4.22.0 that are wrong put right. */
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import * as tf from '@tensorflow/tfjs-core';

function replace(config: tf.GradConfig): void {
  tf.unregisterGradient(config.kernelName);
  tf.registerGradient(config);
}

/** With one output tfjs passes its gradient alone, not a list of one, and these two expect a list. */
const listed = (dy: tf.Tensor | tf.Tensor[]): tf.Tensor[] => (Array.isArray(dy) ? dy : [dy]);

replace({
  kernelName: 'Unpack',
  gradFunc: (dy, _saved, attributes) => ({
    value: () => tf.stack(listed(dy), attributes['axis'] as number),
  }),
});

replace({
  kernelName: 'SplitV',
  gradFunc: (dy, _saved, attributes) => ({
    x: () => tf.concat(listed(dy), attributes['axis'] as number),
  }),
});

/** tfjs's transposes the result where the axis is not the last one. */
replace({
  kernelName: 'Cumsum',
  gradFunc: (dy, _saved, attributes) => {
    const { axis, exclusive, reverse } = attributes as {
      axis: number;
      exclusive: boolean;
      reverse: boolean;
    };
    return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
  },
});
