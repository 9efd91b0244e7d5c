/** What the selective scan's kernels read besides u and delta, brought into one buffer: a program may have eight. */
import type * as tf from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';

export interface ScanSizes {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly states: number;
  /** Quads of states, whole blocks of four. */
  readonly quads: number;
}

/** Sizes of a scan over u [b, l, c] with A [c, n]. */
export function sizesOf(u: tf.TensorInfo, A: tf.TensorInfo): ScanSizes {
  const [batch, length, channels] = u.shape as [number, number, number];
  const states = A.shape[1]!;
  const quads = 4 * Math.max(1, Math.ceil(states / 16));
  return { batch, length, channels, states, quads };
}

const PACK_LANES = 128;

/** Four entries from `first` on, zeros after `count`. */
export const fourOf = (name: string): string => `
fn four${name}(first: u32, count: i32) -> vec4f {
  var four = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (i32(i) < count) { four[i] = ${name}[first + i]; }
  }
  return four;
}`;

/** A as [quads, c], B and C as [b·l, quads], D as [c] (in x): one buffer, all read along channels or quads. */
const pack = program({
  name: 'scanPack',
  inputs: { A: 'f32', B: 'f32', C: 'f32', D: 'f32' },
  outputs: { packed: 'vec4f' },
  uniforms: { channels: 'u32', states: 'u32', quads: 'u32', tokens: 'u32', size: 'u32' },
  lanes: PACK_LANES,
  code: `${['A', 'B', 'C'].map(fourOf).join('')}
fn main(group: u32, lane: u32) {
  let i = group * LANES + lane;
  if (i >= uniforms.size) { return; }
  let rates = uniforms.quads * uniforms.channels;
  if (i < rates) {
    let quad = i / uniforms.channels;
    let channel = i % uniforms.channels;
    packed[i] = fourA(channel * uniforms.states + 4u * quad, i32(uniforms.states) - i32(4u * quad));
    return;
  }
  let all = uniforms.quads * uniforms.tokens;
  if (i < rates + 2u * all) {
    let j = (i - rates) % all;
    let quad = j % uniforms.quads;
    let first = (j / uniforms.quads) * uniforms.states + 4u * quad;
    let count = i32(uniforms.states) - i32(4u * quad);
    if (i < rates + all) { packed[i] = fourB(first, count); } else { packed[i] = fourC(first, count); }
    return;
  }
  packed[i] = vec4f(D[i - rates - 2u * all], 0.0, 0.0, 0.0);
}`,
});

export interface ScanParameters {
  readonly A: tf.TensorInfo;
  readonly B: tf.TensorInfo;
  readonly C: tf.TensorInfo;
  readonly D: tf.TensorInfo;
}

/** The caller disposes it. */
export function packParameters(
  backend: WebgpuBackend,
  { A, B, C, D }: ScanParameters,
  { batch, length, channels, states, quads }: ScanSizes,
): tf.TensorInfo {
  const tokens = batch * length;
  const size = quads * channels + 2 * tokens * quads + channels;
  const { packed } = runProgram(backend, pack, {
    inputs: { A, B, C, D },
    outputs: { packed: { shape: [size, 4] } },
    uniforms: { channels, states, quads, tokens, size },
    groups: Math.ceil(size / PACK_LANES),
  });
  return packed;
}
