/** Causal attention from a fused projection or from q, k and v, bound to its programs (`attentionPrograms.ts`). */
import * as tf from '@tensorflow/tfjs-core';
import {
  ATTENTION,
  ATTENTION_APPEND,
  ATTENTION_GRAD,
  ATTENTION_QKV,
  ATTENTION_QKV_GRAD,
} from '../../kernels/attention';
import { dropThreshold } from '../../kernels/dropout';
import { widthOf } from '../../kernels/fused';
import { program, runProgram, type AnyProgram, type NewTensor } from '../program';
import { register, type Call } from '../register';
import {
  forwardProgram,
  keyGradProgram,
  queryGradProgram,
  rowsProgram,
  type AttentionUniforms,
} from './attentionPrograms';
import { rowProgram } from './attentionRow';
import { TILE } from './attentionTiles';
import { FLAT_LANES, flatGroups, flatMain } from './flat';

export function registerAttention(): void {
  register(ATTENTION_QKV, (call) => forward(call, fusedJob(call)));
  register(ATTENTION, (call) => forward(call, separateJob(call)));
  register(ATTENTION_APPEND, (call) => forward(call, appendJob(call)));
  register(ATTENTION_QKV_GRAD, (call) => {
    const qkv = call.inputs['qkv']!;
    return gradients(call, fusedJob(call), { dqkv: { shape: qkv.shape } })['dqkv']!;
  });
  register(ATTENTION_GRAD, (call) => {
    const { q, k, v } = call.inputs as Record<'q' | 'k' | 'v', tf.TensorInfo>;
    const shapes = { dq: { shape: q.shape }, dk: { shape: k.shape }, dv: { shape: v.shape } };
    const { dq, dk, dv } = gradients(call, separateJob(call), shapes);
    return [dq!, dk!, dv!];
  });
}

/** What all programs of one call get. */
interface Job {
  readonly inputs: Record<'q' | 'k' | 'v', tf.TensorInfo>;
  readonly batch: number;
  readonly uniforms: AttentionUniforms;
}

function fusedJob({ inputs, attrs }: Call): Job {
  const qkv = inputs['qkv']!;
  const [batch, l, width] = qkv.shape as [number, number, number];
  const headDim = width / 3 / (attrs['heads'] as number);
  const interleaved = attrs['layout'] === 'interleaved';
  const part = interleaved ? headDim : width / 3;
  return {
    inputs: { q: qkv, k: qkv, v: qkv },
    batch,
    uniforms: {
      ...{ ...common(attrs), ...slicesOf(headDim), lq: l, lk: l, qAt: 0, kAt: part, vAt: 2 * part },
      ...{ stride: width, headStride: interleaved ? 3 * headDim : headDim },
    },
  };
}

/** Writes its entries into another tensor, from `first` on. */
const append = program({
  name: 'attentionAppend',
  inputs: { x: 'f32' },
  outputs: { cache: 'f32' },
  uniforms: { size: 'u32', first: 'u32' },
  lanes: FLAT_LANES,
  code: flatMain('cache[uniforms.first + i] = x[i];'),
});

/** After the new rows are in the cache. */
function appendJob(call: Call): Job {
  const { qkv, cache } = call.inputs as Record<'qkv' | 'cache', tf.TensorInfo>;
  const { batch, uniforms } = fusedJob(call);
  const size = tf.util.sizeFromShape(qkv.shape);
  runProgram(call.backend, append, {
    inputs: { x: qkv },
    outputs: { cache },
    uniforms: { size, first: uniforms.offset * uniforms.stride },
    groups: flatGroups(size),
  });
  return {
    inputs: { q: qkv, k: cache, v: cache },
    batch,
    uniforms: { ...uniforms, lk: uniforms.offset + uniforms.lq },
  };
}

function separateJob({ inputs, attrs }: Call): Job {
  const { q, k, v } = inputs as Record<'q' | 'k' | 'v', tf.TensorInfo>;
  const stride = widthOf(q);
  const headDim = stride / (attrs['heads'] as number);
  return {
    inputs: { q, k, v },
    batch: q.shape[0]!,
    uniforms: {
      ...{
        ...common(attrs),
        ...slicesOf(headDim),
        lq: q.shape[1]!,
        lk: k.shape[1]!,
        qAt: 0,
        kAt: 0,
        vAt: 0,
      },
      ...{ stride, headStride: headDim },
    },
  };
}

function common(attrs: Call['attrs']) {
  const { heads, window, offset, rate, key, scale } = attrs as Record<
    'heads' | 'window' | 'offset' | 'rate' | 'key' | 'scale',
    number
  >;
  const dropped = { threshold: dropThreshold(rate), key: key >>> 0, factor: 1 / (1 - rate) };
  return { heads, window, offset, scale, ...dropped };
}

/** How a head is cut for the tiles. */
const slicesOf = (headDim: number) => ({
  ...{ headDim, parts: 8, slices: Math.max(1, Math.ceil(headDim / 32)) },
  quads: Math.min(8, Math.ceil(headDim / 4)),
});

const isWhole = ({ uniforms: { headDim } }: Job): boolean => headDim % 4 === 0;

const programs = new Map<string, AnyProgram>();

/** A program for heads of whole quads, and one for others. */
function programFor(
  name: string,
  whole: boolean,
  make: (whole: boolean) => AnyProgram,
): AnyProgram {
  const key = `${name} ${String(whole)}`;
  const known = programs.get(key) ?? make(whole);
  programs.set(key, known);
  return known;
}

const constantsOf = ({ uniforms: { slices } }: Job) => ({ SLICES: slices });

/** Workgroups for tiles of `length` rows of every head. */
const groupsOf = ({ batch, uniforms }: Job, length: number): number =>
  batch * uniforms.heads * Math.ceil(length / TILE);

function forward({ backend }: Call, job: Job): tf.TensorInfo {
  const { batch, uniforms } = job;
  const shape = [batch, uniforms.lq, uniforms.heads * uniforms.headDim];
  const written =
    uniforms.lq === 1
      ? programFor('row', isWhole(job), rowProgram)
      : programFor('forward', isWhole(job), forwardProgram);
  const { y } = runProgram(backend, written, {
    inputs: job.inputs,
    outputs: { y: { shape } },
    uniforms,
    constants: constantsOf(job),
    groups: groupsOf(job, uniforms.lq),
  });
  return y!;
}

/** @param outputs `dq`, `dk` and `dv`, or `dqkv` alone */
function gradients(
  { inputs, backend }: Call,
  job: Job,
  outputs: Record<string, NewTensor>,
): Record<string, tf.TensorInfo> {
  const { batch, uniforms } = job;
  const whole = isWhole(job);
  const fused = outputs['dqkv'] !== undefined;
  const given = { ...job.inputs, dy: inputs['dy']! };
  const { stats } = runProgram(backend, programFor('rows', whole, rowsProgram), {
    inputs: given,
    outputs: { stats: { shape: [batch, uniforms.heads, uniforms.lq, 4] } },
    uniforms,
    constants: constantsOf(job),
    groups: groupsOf(job, uniforms.lq),
  });
  const { dq } = runProgram(backend, programFor('queries', whole, queryGradProgram), {
    inputs: { ...given, stats: stats! },
    outputs: { dq: (outputs['dqkv'] ?? outputs['dq'])! },
    uniforms,
    constants: constantsOf(job),
    groups: groupsOf(job, uniforms.lq),
  });
  const make = (isOfQuads: boolean) => keyGradProgram(isOfQuads, fused);
  const keys = runProgram(backend, programFor(`keys ${String(fused)}`, whole, make), {
    inputs: { ...given, stats: stats! },
    outputs: fused ? { dqkv: dq! } : { dk: outputs['dk']!, dv: outputs['dv']! },
    uniforms,
    constants: constantsOf(job),
    groups: groupsOf(job, uniforms.lk),
  });
  backend.disposeData(stats!.dataId);
  return { dq: dq!, ...keys };
}
