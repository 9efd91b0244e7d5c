/**
 * What the selective scan's kernels share (`kernels/selectiveScan.ts` has the equation): the sequence is cut into chunks. The
 * recurrence is linear in the state, so a chunk's end is exp(A · Σ delta) ∘ (its start) + (its end from a start of zero): all
 * chunks run at once for the latter, then the starts follow chunk by chunk (Martin & Cundy, arXiv 1709.04057). The gradient
 * runs the other way in the same manner: what arrives before a chunk is exp(A · Σ delta) ∘ (what arrives after it) + its own.
 *
 * Four states stand in one `vec4f`, a quad; a block of 16 states is what one pass over the positions works on. States are
 * padded with zeros to whole blocks, with A, B and C zero there as well, so that they stay zero.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { fourOf, type ScanSizes } from './scanPack';

const PADDING = `
/** Zeros where a state is padding: an infinite delta would make it NaN, and with that the channel. */
fn ofStates(quad: u32, x: vec4f) -> vec4f {
  if (!PADDED) { return x; }
  return select(vec4f(), x, 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(uniforms.states));
}
`;

/** Where the pieces of `packed` begin (`scanPack.ts`). */
const PACKED = `${PADDING}
fn rateAt(quad: u32, channel: u32) -> u32 { return quad * uniforms.channels + channel; }

fn inputAt(token: u32, quad: u32) -> u32 {
  return uniforms.quads * (uniforms.channels + token) + quad;
}

fn outputAt(token: u32, quad: u32) -> u32 {
  return inputAt(token + uniforms.sequences * uniforms.length, quad);
}

fn skipAt(channel: u32) -> u32 {
  return inputAt(2u * uniforms.sequences * uniforms.length, 0u) + channel;
}
`;

/** Channels of a workgroup. */
export const CHANNELS_A_GROUP = 64;

/** Which part of the work a workgroup has: a tile of the channels of a chunk of a sequence. */
const PLACE = `
struct Place { tile: u32, chunk: u32, sequence: u32, token: u32, count: u32 }

/** token: the first position among all of the batch; count: positions of the chunk. */
fn placeOf(group: u32) -> Place {
  let tiles = (uniforms.channels + ${CHANNELS_A_GROUP - 1}u) / ${CHANNELS_A_GROUP}u;
  let chunk = (group / tiles) % uniforms.chunks;
  let sequence = group / tiles / uniforms.chunks;
  let first = chunk * CHUNK;
  let count = min(CHUNK, uniforms.length - first);
  return Place(group % tiles, chunk, sequence, sequence * uniforms.length + first, count);
}

/** Row \`row\` of a chunk's states, at channel 0. */
fn carriedAt(place: Place, row: u32) -> u32 {
  return ((place.sequence * uniforms.chunks + place.chunk) * uniforms.rows + row) * uniforms.channels;
}
`;

/** Constants of every kernel of the scan that goes over positions. */
export const scanConstants = ({ states }: ScanSizes) => ({ PADDED: states % 16 > 0 });

/** Uniforms of every kernel of the scan that goes over positions. */
export const SCAN_UNIFORMS = {
  rows: 'u32',
  states: 'u32',
  sequences: 'u32',
  length: 'u32',
  chunks: 'u32',
  channels: 'u32',
  quads: 'u32',
} as const;

export const scanUniforms = (sizes: ScanSizes, chunks: number, backward: boolean) => {
  const { batch, length, channels, quads, states } = sizes;
  const rows = rowsCarried(sizes, backward);
  return { rows, states, sequences: batch, length, chunks, channels, quads };
};

/** The four quads of a block, each with its own name instead of an array: what is named stays in registers. */
export const ofQuads = (line: (quad: number) => string): string =>
  [0, 1, 2, 3].map(line).join('\n');

/**
 * `body` for each block of 16 states, the quads `block` … `block + 3`, whose B and C of the chunk lie in `inputs` and `outputs`,
 * four quads a position, in workgroup memory.
 */
export const ofBlocks = (body: string): string => `${PACKED}${PLACE}
var<workgroup> inputs: array<vec4f, 4u * CHUNK>;
var<workgroup> outputs: array<vec4f, 4u * CHUNK>;

fn main(group: u32, lane: u32) {
  let place = placeOf(group);
  for (var block = 0u; block < uniforms.quads; block += 4u) {
    workgroupBarrier();
    for (var i = lane; i < 4u * place.count; i += LANES) {
      inputs[i] = packed[inputAt(place.token + i / 4u, block + i % 4u)];
      outputs[i] = packed[outputAt(place.token + i / 4u, block + i % 4u)];
    }
    workgroupBarrier();
    ${body}
  }
}
`;

/** As `ofBlocks`, where a lane has one channel and calls `name(place, block, channel)` for it. */
export const ofChannels = (name: string): string =>
  ofBlocks(`let channel = place.tile * LANES + lane;
    if (channel < uniforms.channels) { ${name}(place, block, channel); }`);

/**
 * What a chunk adds by itself. `carried` is [b, chunks, rows, c] of quads: rows 0 … quads − 1 the state at its end from a start
 * of zero; with BACKWARD as many rows with the gradient that reaches the state before the chunk from within it; in the last
 * row x = Σ delta and, with BACKWARD, y = Σ dy · u.
 */
const chunkSums = program({
  name: 'scanChunkSums',
  inputs: { u: 'f32', delta: 'f32', dy: 'f32', packed: 'vec4f' },
  outputs: { carried: 'vec4f' },
  uniforms: SCAN_UNIFORMS,
  lanes: CHANNELS_A_GROUP,
  code: `${ofChannels('sumBlock')}
fn sumBlock(place: Place, block: u32, channel: u32) {
  ${ofQuads(
    (q) => `let rate${q} = packed[rateAt(block + ${q}u, channel)];
  var h${q} = vec4f();
  var decay${q} = vec4f(1.0);
  var back${q} = vec4f();`,
  )}
  var deltas = 0.0;
  var skips = 0.0;
  for (var t = 0u; t < place.count; t++) {
    let at = (place.token + t) * uniforms.channels + channel;
    let d = delta[at];
    let x = u[at];
    deltas += d;
    var g = 0.0;
    if (BACKWARD) {
      g = dy[at];
      skips += g * x;
    }
    ${ofQuads(
      (q) => `let a${q} = ofStates(block + ${q}u, exp(d * rate${q}));
    h${q} = a${q} * h${q} + ofStates(block + ${q}u, (d * x) * inputs[4u * t + ${q}u]);
    if (BACKWARD) {
      decay${q} *= a${q};
      back${q} += decay${q} * (g * outputs[4u * t + ${q}u]);
    }`,
    )}
  }
  ${ofQuads(
    (q) => `carried[carriedAt(place, block + ${q}u) + channel] = h${q};
  if (BACKWARD) { carried[carriedAt(place, uniforms.quads + block + ${q}u) + channel] = back${q}; }`,
  )}
  if (block == 0u) {
    carried[carriedAt(place, uniforms.rows - 1u) + channel] = vec4f(deltas, skips, 0.0, 0.0);
  }
}`,
});

const CARRY_LANES = 64;

/** In place of what a chunk adds: the state before it and, with BACKWARD, the gradient that reaches its end from behind it. */
const carry = program({
  name: 'scanCarry',
  inputs: { packed: 'vec4f', initial: 'f32' },
  outputs: { carried: 'vec4f' },
  uniforms: SCAN_UNIFORMS,
  lanes: CARRY_LANES,
  code: `${PADDING}${fourOf('initial')}
fn main(group: u32, lane: u32) {
  let i = group * LANES + lane;
  let width = uniforms.quads * uniforms.channels;
  if (i >= uniforms.sequences * width) { return; }
  let sequence = i / width;
  let quad = (i % width) / uniforms.channels;
  let channel = i % uniforms.channels;
  let rate = packed[i % width];
  let stride = uniforms.rows * uniforms.channels;
  let first = sequence * uniforms.chunks * stride + channel;
  let sums = (uniforms.rows - 1u) * uniforms.channels;
  var h = vec4f();
  if (HAS_INITIAL) {
    let row = sequence * uniforms.channels + channel;
    h = fourinitial(row * uniforms.states + 4u * quad, i32(uniforms.states) - i32(4u * quad));
  }
  for (var chunk = 0u; chunk < uniforms.chunks; chunk++) {
    let at = first + chunk * stride;
    let own = carried[at + quad * uniforms.channels];
    carried[at + quad * uniforms.channels] = h;
    // With one chunk alone nobody has summed it.
    if (chunk + 1u < uniforms.chunks) { h = ofStates(quad, exp(carried[at + sums].x * rate)) * h + own; }
  }
  if (BACKWARD) {
    let row = (uniforms.quads + quad) * uniforms.channels;
    var g = vec4f();
    for (var chunk = uniforms.chunks; chunk > 0u; chunk--) {
      let at = first + (chunk - 1u) * stride;
      let own = carried[at + row];
      carried[at + row] = g;
      g = ofStates(quad, exp(carried[at + sums].x * rate)) * g + own;
    }
  }
}`,
});

export interface CarryInput {
  readonly u: tf.TensorInfo;
  readonly delta: tf.TensorInfo;
  /** For the gradient. */
  readonly dy?: tf.TensorInfo | undefined;
  readonly initial?: tf.TensorInfo | undefined;
  readonly packed: tf.TensorInfo;
}

/** Rows of quads that `carried` has for each chunk. */
export const rowsCarried = ({ quads }: ScanSizes, backward: boolean): number =>
  (backward ? 2 * quads : quads) + 1;

/** The state before each chunk and, with dy, the gradient behind it: `carried`, as `carry` leaves it. The caller disposes it. */
export function carryStates(
  backend: WebgpuBackend,
  { u, delta, dy, initial, packed }: CarryInput,
  sizes: ScanSizes,
  chunkLength: number,
): { readonly carried: tf.TensorInfo; readonly chunks: number } {
  const { batch, length, channels, quads } = sizes;
  const chunks = Math.max(1, Math.ceil(length / chunkLength));
  const backward = dy !== undefined;
  const rows = rowsCarried(sizes, backward);
  const constants = { ...scanConstants(sizes), CHUNK: chunkLength, BACKWARD: backward };
  const uniforms = scanUniforms(sizes, chunks, backward);
  let carried = backend.makeTensorInfo([batch, chunks, rows, channels, 4], 'float32');
  if (batch * channels === 0) return { carried, chunks };
  if (chunks > 1 || backward) {
    ({ carried } = runProgram(backend, chunkSums, {
      // Without a gradient nothing reads dy.
      inputs: { u, delta, dy: dy ?? u, packed },
      outputs: { carried },
      uniforms,
      constants,
      groups: batch * chunks * Math.ceil(channels / CHANNELS_A_GROUP),
    }));
  }
  runProgram(backend, carry, {
    inputs: { packed, initial: initial ?? u },
    outputs: { carried },
    uniforms,
    constants: { ...scanConstants(sizes), BACKWARD: backward, HAS_INITIAL: initial !== undefined },
    groups: Math.ceil((batch * quads * channels) / CARRY_LANES),
  });
  return { carried, chunks };
}
