/**
 * The selective scan's gradient. With G_t the gradient of h_t (all that comes after it included):
 *
 *     G_t = C_t · dy_t + exp(delta_{t+1} A) ∘ G_{t+1} ;   Q_t = exp(delta_t A) ∘ G_t
 *     dC_t = Σ_c dy_t h_t ;   dB_t = Σ_c G_t delta_t u_t ;   dA = Σ_{b,t} Q_t h_{t−1} delta_t ;   dD = Σ_{b,t} dy_t u_t
 *     du_t = delta_t Σ_n G_t B_t + dy_t D ;   ddelta_t = u_t Σ_n G_t B_t + Σ_n Q_t h_{t−1} A
 *
 * Chunks run at once from what `scanStates.ts` carries between them; a chunk's states are computed again, by each lane for itself. Sums
 * over channels go through workgroup memory and then over tiles of channels, always in the same order.
 */
import * as tf from '@tensorflow/tfjs-core';
import { SELECTIVE_SCAN_GRAD } from '../../kernels/selectiveScan';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { register, type Call } from '../register';
import { packParameters, sizesOf, type ScanSizes } from './scanPack';
import {
  CHANNELS_A_GROUP as CHANNELS,
  carryStates,
  ofBlocks,
  rowsCarried,
  SCAN_UNIFORMS,
  scanConstants,
  scanUniforms,
} from './scanStates';

/** Positions of a chunk, all of whose states a lane holds. */
const CHUNK = 16;

/** Sums of one position over the channels of the tile (into `sums`) and over the quads of each channel. */
const REDUCE = `
var<workgroup> forInput: array<vec4f, LANES>;
var<workgroup> forOutput: array<vec4f, LANES>;
var<workgroup> forDrive: array<f32, LANES>;
var<workgroup> forRate: array<f32, LANES>;
var<workgroup> sixteenths: array<vec4f, 128>;
var<workgroup> quarters: array<vec4f, 32>;

/** Every lane has written its part of the four arrays above. */
fn reduce(place: Place, t: u32, block: u32, lane: u32) {
  workgroupBarrier();
  if (lane < 128u) {
    let first = ((lane / 16u) % 4u) * ${CHANNELS}u + lane % 16u;
    var sum = vec4f();
    for (var i = 0u; i < ${CHANNELS}u; i += 16u) {
      if (lane < 64u) { sum += forInput[first + i]; } else { sum += forOutput[first + i]; }
    }
    sixteenths[lane] = sum;
  } else if (lane < 128u + ${CHANNELS}u) {
    finishChannel(place, t, block, lane - 128u);
  }
  workgroupBarrier();
  if (lane < 32u) {
    let first = (lane / 4u) * 16u + lane % 4u;
    quarters[lane] = sixteenths[first] + sixteenths[first + 4u] + sixteenths[first + 8u] + sixteenths[first + 12u];
  }
  workgroupBarrier();
  if (lane < 8u) {
    let first = 4u * lane;
    let sum = quarters[first] + quarters[first + 1u] + quarters[first + 2u] + quarters[first + 3u];
    let tiles = (uniforms.channels + ${CHANNELS - 1}u) / ${CHANNELS}u;
    let tokens = uniforms.sequences * uniforms.length;
    let row = ((lane / 4u) * tiles + place.tile) * tokens + place.token + t;
    sums[row * uniforms.quads + block + lane % 4u] = sum;
  }
}

fn finishChannel(place: Place, t: u32, block: u32, own: u32) {
  let channel = place.tile * ${CHANNELS}u + own;
  if (channel >= uniforms.channels) { return; }
  let at = (place.token + t) * uniforms.channels + channel;
  var drive = 0.0;
  var rate = 0.0;
  for (var i = own; i < LANES; i += ${CHANNELS}u) {
    drive += forDrive[i];
    rate += forRate[i];
  }
  if (block == 0u) {
    du[at] = delta[at] * drive + dy[at] * packed[skipAt(channel)].x;
    dDelta[at] = u[at] * drive + rate;
  } else {
    du[at] += delta[at] * drive;
    dDelta[at] += u[at] * drive + rate;
  }
}
`;

/** Besides du and dDelta: dA of each chunk in place of the state before it, and dB and dC of each tile, [2, tiles, b·l, n]. */
const scanChunkGrad = program({
  name: 'scanChunkGrad',
  inputs: { u: 'f32', delta: 'f32', dy: 'f32', packed: 'vec4f' },
  outputs: { du: 'f32', dDelta: 'f32', carried: 'vec4f', sums: 'vec4f' },
  uniforms: SCAN_UNIFORMS,
  // Four lanes work on a channel, a quad of states each.
  lanes: 4 * CHANNELS,
  code: `${ofBlocks('gradBlock(place, block, lane);')}${REDUCE}
fn gradBlock(place: Place, block: u32, lane: u32) {
  let quad = lane / ${CHANNELS}u;
  let channel = place.tile * ${CHANNELS}u + lane % ${CHANNELS}u;
  let isOwn = channel < uniforms.channels;
  // Lanes beyond the last channel go along with it, and add nothing.
  let at = place.token * uniforms.channels + min(channel, uniforms.channels - 1u);
  let c = min(channel, uniforms.channels - 1u);
  let rate = packed[rateAt(block + quad, c)];
  // The state before each position and the one after the last.
  var before: array<vec4f, CHUNK + 1u>;
  var h = carried[carriedAt(place, block + quad) + c];
  for (var t = 0u; t < place.count; t++) {
    before[t] = h;
    let i = at + t * uniforms.channels;
    let d = delta[i];
    h = ofStates(block + quad, exp(d * rate)) * h + ofStates(block + quad, (d * u[i]) * inputs[4u * t + quad]);
  }
  var back = carried[carriedAt(place, uniforms.quads + block + quad) + c];
  var dRate = vec4f();
  for (var left = place.count; left > 0u; left--) {
    let t = left - 1u;
    let i = at + t * uniforms.channels;
    let d = delta[i];
    let g = dy[i];
    let grad = back + g * outputs[4u * t + quad];
    back = ofStates(block + quad, exp(d * rate)) * grad;
    let cross = back * before[t];
    dRate += d * cross;
    forInput[lane] = select(vec4f(), (d * u[i]) * grad, isOwn);
    forOutput[lane] = select(vec4f(), g * h, isOwn);
    forDrive[lane] = dot(grad, inputs[4u * t + quad]);
    forRate[lane] = dot(cross, rate);
    h = before[t];
    reduce(place, t, block, lane);
  }
  if (isOwn) { carried[carriedAt(place, block + quad) + c] = dRate; }
}`,
});

const LANES = 64;

/** dA [c, n] and dD [c]: sums over the chunks of all sequences, a lane a quad of a channel. */
const sumRates = program({
  name: 'scanGradRates',
  inputs: { carried: 'vec4f' },
  outputs: { dA: 'f32', dD: 'f32' },
  uniforms: { rows: 'u32', chunks: 'u32', channels: 'u32', states: 'u32', quads: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let i = group * LANES + lane;
  if (i >= uniforms.quads * uniforms.channels) { return; }
  let quad = i / uniforms.channels;
  let channel = i % uniforms.channels;
  let stride = uniforms.rows * uniforms.channels;
  var sum = vec4f();
  for (var chunk = 0u; chunk < uniforms.chunks; chunk++) { sum += carried[chunk * stride + i]; }
  for (var k = 0u; k < 4u; k++) {
    let n = 4u * quad + k;
    if (n < uniforms.states) { dA[channel * uniforms.states + n] = sum[k]; }
  }
  if (quad == 0u) {
    var skip = 0.0;
    let last = (uniforms.rows - 1u) * uniforms.channels + channel;
    for (var chunk = 0u; chunk < uniforms.chunks; chunk++) { skip += carried[chunk * stride + last].y; }
    dD[channel] = skip;
  }
}`,
});

/** dB and dC [b, l, n]: sums over the tiles of channels, a lane an entry. */
const sumTokens = program({
  name: 'scanGradTokens',
  inputs: { sums: 'vec4f' },
  outputs: { dB: 'f32', dC: 'f32' },
  uniforms: { tiles: 'u32', tokens: 'u32', states: 'u32', quads: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let i = group * LANES + lane;
  if (i >= uniforms.tokens * uniforms.states) { return; }
  let n = i % uniforms.states;
  let at = (i / uniforms.states) * uniforms.quads + n / 4u;
  let stride = uniforms.tokens * uniforms.quads;
  var input = 0.0;
  var output = 0.0;
  for (var tile = 0u; tile < uniforms.tiles; tile++) {
    input += sums[tile * stride + at][n % 4u];
    output += sums[(uniforms.tiles + tile) * stride + at][n % 4u];
  }
  dB[i] = input;
  dC[i] = output;
}`,
});

export function registerScanGrad(): void {
  register(SELECTIVE_SCAN_GRAD, scanGrad);
}

function scanGrad({ inputs, backend }: Call): tf.TensorInfo[] {
  const [dy, u, delta, A, B, C, D, initial] = Object.values(inputs) as [
    ...[tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo],
    ...[tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo | undefined],
  ];
  const sizes = sizesOf(u, A);
  const { batch, length, channels, quads } = sizes;
  const packed = packParameters(backend, { A, B, C, D }, sizes);
  const { carried, chunks } = carryStates(backend, { u, delta, dy, initial, packed }, sizes, CHUNK);
  const tiles = Math.ceil(channels / CHANNELS);
  const { du, dDelta, sums } = runProgram(backend, scanChunkGrad, {
    inputs: { u, delta, dy, packed },
    outputs: {
      ...{ du: { shape: u.shape }, dDelta: { shape: u.shape } },
      ...{ carried, sums: { shape: [2, tiles, batch * length, quads, 4] } },
    },
    uniforms: scanUniforms(sizes, chunks, true),
    constants: { ...scanConstants(sizes), CHUNK },
    groups: batch * chunks * tiles,
  });
  const [dA, dD] = rateGrads(backend, carried, sizes, batch * chunks);
  const [dB, dC] = tokenGrads(backend, sums, sizes, tiles);
  for (const { dataId } of [packed, carried, sums]) backend.disposeData(dataId);
  return [du, dDelta, dA, dB, dC, dD];
}

function rateGrads(
  backend: WebgpuBackend,
  carried: tf.TensorInfo,
  sizes: ScanSizes,
  chunks: number,
): [tf.TensorInfo, tf.TensorInfo] {
  const { channels, states, quads } = sizes;
  const { dA, dD } = runProgram(backend, sumRates, {
    inputs: { carried },
    outputs: { dA: { shape: [channels, states] }, dD: { shape: [channels] } },
    uniforms: { rows: rowsCarried(sizes, true), chunks, channels, states, quads },
    groups: Math.ceil((quads * channels) / LANES),
  });
  return [dA, dD];
}

function tokenGrads(
  backend: WebgpuBackend,
  sums: tf.TensorInfo,
  { batch, length, states, quads }: ScanSizes,
  tiles: number,
): [tf.TensorInfo, tf.TensorInfo] {
  const shape = [batch, length, states];
  const { dB, dC } = runProgram(backend, sumTokens, {
    inputs: { sums },
    outputs: { dB: { shape }, dC: { shape } },
    uniforms: { tiles, tokens: batch * length, states, quads },
    groups: Math.ceil(tf.util.sizeFromShape(shape) / LANES),
  });
  return [dB, dC];
}
