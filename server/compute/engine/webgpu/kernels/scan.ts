/** The selective scan forward (`kernels/selectiveScan.ts`): chunks of the sequence at once; see `scanStates.ts`. */
import type * as tf from '@tensorflow/tfjs-core';
import { SELECTIVE_SCAN } from '../../kernels/selectiveScan';
import { program, runProgram } from '../program';
import { register, type Call } from '../register';
import { packParameters, sizesOf } from './scanPack';
import {
  CHANNELS_A_GROUP,
  carryStates,
  ofChannels,
  ofQuads,
  rowsCarried,
  SCAN_UNIFORMS,
  scanConstants,
  scanUniforms,
} from './scanStates';

/** Positions of a chunk. More make less work twice, fewer let more run at once. */
const CHUNK = 64;

/**
 * y of a chunk from the state before it, and in the place of that the state at its end. A lane has one channel and 16 states
 * of it at a time.
 */
const scanChunk = program({
  name: 'scanChunk',
  inputs: { u: 'f32', delta: 'f32', packed: 'vec4f' },
  outputs: { y: 'f32', carried: 'vec4f' },
  uniforms: SCAN_UNIFORMS,
  lanes: CHANNELS_A_GROUP,
  code: `${ofChannels('scanBlock')}
fn scanBlock(place: Place, block: u32, channel: u32) {
  let skip = packed[skipAt(channel)].x;
  ${ofQuads(
    (q) => `let rate${q} = packed[rateAt(block + ${q}u, channel)];
  var h${q} = carried[carriedAt(place, block + ${q}u) + channel];`,
  )}
  for (var t = 0u; t < place.count; t++) {
    let at = (place.token + t) * uniforms.channels + channel;
    let d = delta[at];
    let x = u[at];
    var sum = 0.0;
    if (block == 0u) { sum = skip * x; } else { sum = y[at]; }
    ${ofQuads(
      (
        q,
      ) => `h${q} = ofStates(block + ${q}u, exp(d * rate${q})) * h${q} + ofStates(block + ${q}u, (d * x) * inputs[4u * t + ${q}u]);
    sum += dot(h${q}, outputs[4u * t + ${q}u]);`,
    )}
    y[at] = sum;
  }
  ${ofQuads((q) => `carried[carriedAt(place, block + ${q}u) + channel] = h${q};`)}
}`,
});

const STATE_LANES = 64;

/** The last chunk's state, [b, c, n]. */
const lastState = program({
  name: 'scanLastState',
  inputs: { carried: 'vec4f' },
  outputs: { state: 'f32' },
  uniforms: { rows: 'u32', chunks: 'u32', channels: 'u32', states: 'u32', size: 'u32' },
  lanes: STATE_LANES,
  code: `
fn main(group: u32, lane: u32) {
  let i = group * LANES + lane;
  if (i >= uniforms.size) { return; }
  let n = i % uniforms.states;
  let channel = (i / uniforms.states) % uniforms.channels;
  let sequence = i / uniforms.states / uniforms.channels;
  let row = ((sequence + 1u) * uniforms.chunks - 1u) * uniforms.rows + n / 4u;
  state[i] = carried[row * uniforms.channels + channel][n % 4u];
}`,
});

export function registerScan(): void {
  register(SELECTIVE_SCAN, scan);
}

function scan({ inputs, backend }: Call): tf.TensorInfo[] {
  const [u, delta, A, B, C, D, initial] = Object.values(inputs) as [
    ...[tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo],
    tf.TensorInfo | undefined,
  ];
  const sizes = sizesOf(u, A);
  const { batch, channels, states } = sizes;
  const packed = packParameters(backend, { A, B, C, D }, sizes);
  const { carried, chunks } = carryStates(backend, { u, delta, initial, packed }, sizes, CHUNK);
  const { y } = runProgram(backend, scanChunk, {
    inputs: { u, delta, packed },
    outputs: { y: { shape: u.shape }, carried },
    uniforms: scanUniforms(sizes, chunks, false),
    constants: { ...scanConstants(sizes), CHUNK },
    groups: batch * chunks * Math.ceil(channels / CHANNELS_A_GROUP),
  });
  const size = batch * channels * states;
  const { state } = runProgram(backend, lastState, {
    inputs: { carried },
    outputs: { state: { shape: [batch, channels, states] } },
    uniforms: { rows: rowsCarried(sizes, false), chunks, channels, states, size },
    groups: Math.ceil(size / STATE_LANES),
  });
  backend.disposeData(packed.dataId);
  backend.disposeData(carried.dataId);
  return [y, state];
}
