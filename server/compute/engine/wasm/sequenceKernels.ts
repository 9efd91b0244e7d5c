/** Attention, rotary positions, causal convolution and selective scan bound to the assembly. */
import type * as tf from '@tensorflow/tfjs-core';
import {
  ATTENTION,
  ATTENTION_APPEND,
  ATTENTION_GRAD,
  ATTENTION_QKV,
  ATTENTION_QKV_GRAD,
} from '../kernels/attention';
import { CAUSAL_CONV, CAUSAL_CONV_GRAD, CAUSAL_CONV_STEP } from '../kernels/causalConv';
import { dropThreshold } from '../kernels/dropout';
import { rowsOf, widthOf } from '../kernels/fused';
import { ROTARY, keptRotaryTable, type RotaryOptions } from '../kernels/rotary';
import { SELECTIVE_SCAN, SELECTIVE_SCAN_GRAD } from '../kernels/selectiveScan';
import {
  CHANNEL_CHUNK,
  CONV_CHUNK,
  Op,
  SCAN_GROUP,
  SCAN_PARTS,
  SCAN_TILE,
  SEGMENT_BYTES,
} from './assembly/opcodes';
import type { WasmBackend } from './backend';
import { register, type FusedCall } from './fusedKernels';
import { columnSums, copyStrided, rowChunks, sizeOf } from './jobs';

type Info = tf.TensorInfo;

/** Bytes of a thread's working memory that a job may fill with tables whose size is its own; some rows beside them fit. */
const FREE_SCRATCH = 2.9 * 2 ** 20;

export function registerSequenceKernels(): void {
  registerAttention();
  register(ROTARY, rotary);
  register(CAUSAL_CONV, causalConv);
  register(CAUSAL_CONV_GRAD, causalConvGrad);
  register(CAUSAL_CONV_STEP, causalConvStep);
  register(SELECTIVE_SCAN, scan);
  register(SELECTIVE_SCAN_GRAD, scanGrad);
}

/** A row of scores must fit its part of the thread's working memory (assembly/attention.ts). */
const MOST_KEYS = 2 ** 18 - 8;

interface AttentionPlaces {
  readonly q: number;
  readonly k: number;
  readonly v: number;
  /** Strides in elements. */
  readonly row: number;
  readonly head: number;
}

/** Where q, k and v of the first head lie in a fused projection. */
function fusedPlaces(qkv: Info, at: number, attrs: FusedCall['attrs']): AttentionPlaces {
  const row = widthOf(qkv);
  const headDim = row / 3 / (attrs['heads'] as number);
  const part = attrs['layout'] === 'interleaved' ? headDim : row / 3;
  const head = attrs['layout'] === 'interleaved' ? 3 * headDim : headDim;
  return { q: at, k: at + 4 * part, v: at + 8 * part, row, head };
}

function runAttention(
  { attrs, backend }: FusedCall,
  op: Op,
  shape: { batch: number; lq: number; lk: number; headDim: number },
  places: AttentionPlaces,
  y: number,
  grads?: AttentionPlaces,
): void {
  const { heads, window, offset, rate, key, scale } = attrs as Record<string, number>;
  const { batch, lq, lk, headDim } = shape;
  if (headDim === 0) return;
  if (lk > MOST_KEYS) throw new Error(`attention: ${lk} keys are more than ${MOST_KEYS}`);
  backend.kernels.run(
    op,
    batch * heads!,
    [
      ...[places.q, places.k, places.v, y, places.row, places.head, heads!, headDim, lq, lk],
      ...[window!, offset!, dropThreshold(rate!), key!],
      ...(grads ? [grads.q, grads.k, grads.v] : []),
    ],
    [scale!, 1 / (1 - rate!)],
  );
}

function registerAttention(): void {
  const sizes = (qkv: Info, heads: number) => {
    const [batch, l, width] = qkv.shape as [number, number, number];
    return { batch, lq: l, lk: l, headDim: width / 3 / heads };
  };
  register(ATTENTION_QKV, (call) => {
    const { inputs, attrs, backend } = call;
    const qkv = inputs['qkv']!;
    const shape = sizes(qkv, attrs['heads'] as number);
    const out = backend.output([shape.batch, shape.lq, widthOf(qkv) / 3]);
    const places = fusedPlaces(qkv, backend.address(qkv), attrs);
    runAttention(call, Op.Attention, shape, places, backend.address(out));
    return out;
  });
  register(ATTENTION_QKV_GRAD, (call) => {
    const { inputs, attrs, backend } = call;
    const { qkv, dy } = inputs as { qkv: Info; dy: Info };
    const out = backend.output(qkv.shape);
    const places = fusedPlaces(qkv, backend.address(qkv), attrs);
    const grads = fusedPlaces(qkv, backend.address(out), attrs);
    const shape = sizes(qkv, attrs['heads'] as number);
    runAttention(call, Op.AttentionGrad, shape, places, backend.address(dy), grads);
    return out;
  });
  register(ATTENTION_APPEND, (call) => {
    const { inputs, attrs, backend } = call;
    const { qkv, cache } = inputs as { qkv: Info; cache: Info };
    const [, l, row] = qkv.shape as [number, number, number];
    const length = attrs['offset'] as number;
    const at = backend.address(cache);
    copyStrided(backend, backend.address(qkv), at + 4 * length * row, [
      { size: l * row, from: 1, to: 1 },
    ]);
    const { headDim } = sizes(qkv, attrs['heads'] as number);
    const out = backend.output([1, l, row / 3]);
    const places = fusedPlaces(cache, at, attrs);
    const own = { ...places, q: places.q + 4 * length * row };
    const shape = { batch: 1, lq: l, lk: length + l, headDim };
    runAttention(call, Op.Attention, shape, own, backend.address(out));
    return out;
  });
  const separate = (call: FusedCall, outputs?: Info[]) => {
    const { inputs, attrs, backend } = call;
    const { q, k, v } = inputs as { q: Info; k: Info; v: Info };
    const row = widthOf(q);
    const headDim = row / (attrs['heads'] as number);
    const shape = { batch: q.shape[0]!, lq: q.shape[1]!, lk: k.shape[1]!, headDim };
    const placesOf = (infos: Info[]): AttentionPlaces => {
      const [atQ, atK, atV] = infos.map((info) => backend.address(info)) as [
        number,
        number,
        number,
      ];
      return { q: atQ, k: atK, v: atV, row, head: headDim };
    };
    return { shape, places: placesOf([q, k, v]), grads: outputs && placesOf(outputs) };
  };
  register(ATTENTION, (call) => {
    const out = call.backend.output(call.inputs['q']!.shape);
    const { shape, places } = separate(call);
    runAttention(call, Op.Attention, shape, places, call.backend.address(out));
    return out;
  });
  register(ATTENTION_GRAD, (call) => {
    const { inputs, backend } = call;
    const outputs = ['q', 'k', 'v'].map((name) => backend.output(inputs[name]!.shape));
    const { shape, places, grads } = separate(call, outputs);
    runAttention(call, Op.AttentionGrad, shape, places, backend.address(inputs['dy']!), grads);
    return outputs;
  });
}

function rotary({ inputs, attrs, backend }: FusedCall): Info {
  const x = inputs['x']!;
  const options = attrs as unknown as RotaryOptions & { parts: number; inverse: boolean };
  const { layout, heads, headDim, dims, parts, inverse } = options;
  const l = x.shape[1]!;
  // Turned back is what the gradient comes as.
  const out = inverse ? backend.outputOver(x) : backend.output(x.shape);
  if (sizeOf(x.shape) === 0) return out;
  const interleaved = layout === 'interleaved';
  const half = dims / 2;
  const table = keptRotaryTable(l, options);
  backend.withScratch(8 * l * half, (at) => {
    const floats = new Float32Array(backend.heap.memory.buffer, at, 2 * l * half);
    floats.set(table.cos);
    floats.set(table.sin, l * half);
    backend.kernels.run(
      Op.Rotary,
      rowChunks(rowsOf(x)),
      [
        ...[backend.address(x), backend.address(out), rowsOf(x), widthOf(x), l, heads],
        ...[interleaved ? parts * headDim : headDim, interleaved ? headDim : heads * headDim],
        ...[Math.min(2, parts), half, at, at + 4 * l * half],
      ],
      [inverse ? -1 : 1],
    );
  });
  return out;
}

/** The arguments that all jobs of the convolution share, and how many sequences there are. */
function convArguments(
  backend: WasmBackend,
  x: Info,
  w: Info,
  bias: Info | undefined,
  silu: boolean,
) {
  const [batch, l, c] = x.shape as [number, number, number];
  const k = w.shape[2]!;
  if (4 * (k + 1) * CONV_CHUNK > FREE_SCRATCH)
    throw new Error(`causalConv: ${k} taps are too many`);
  const addresses = [backend.address(x), backend.address(w), bias ? backend.address(bias) : 0];
  return (out: number, given: number, weightGrads: number[] = [0, 0], before = 0) => [
    ...addresses,
    ...[out, l, c, k, silu ? 1 : 0, batch, given],
    ...[...weightGrads, before],
  ];
}

const convChunks = (x: Info): number => x.shape[0]! * Math.ceil(widthOf(x) / CONV_CHUNK);

function causalConv({ inputs, attrs, backend }: FusedCall): Info {
  const [x, w, bias] = Object.values(inputs) as [Info, Info, Info | undefined];
  const out = backend.output(x.shape);
  const given = convArguments(backend, x, w, bias, attrs['silu'] === true);
  backend.kernels.run(Op.Conv, convChunks(x), given(backend.address(out), 0));
  return out;
}

/** The convolution behind inputs that were there before, and the last k − 1 inputs for the next one. */
function causalConvStep({ inputs, attrs, backend }: FusedCall): Info[] {
  const [x, w, previous, bias] = Object.values(inputs) as [Info, Info, Info, Info | undefined];
  const [batch, l, c] = x.shape as [number, number, number];
  const reach = w.shape[2]! - 1;
  const [out, recent] = [backend.output(x.shape), backend.output(previous.shape)];
  const given = convArguments(backend, x, w, bias, attrs['silu'] === true);
  const before = backend.address(previous);
  backend.kernels.run(
    Op.Conv,
    convChunks(x),
    given(backend.address(out), 0, [0, 0], reach > 0 ? before : 0),
  );
  const stays = Math.max(0, reach - l);
  const rows = (from: number, to: number, count: number, strides: readonly [number, number]) => {
    copyStrided(backend, from, to, [
      { size: batch, from: strides[0] * c, to: strides[1] * c },
      { size: count * c, from: 1, to: 1 },
    ]);
  };
  const to = backend.address(recent);
  rows(before + 4 * (reach - stays) * c, to, stays, [reach, reach]);
  const taken = reach - stays;
  rows(backend.address(x) + 4 * (l - taken) * c, to + 4 * stays * c, taken, [l, reach]);
  return [out, recent];
}

function causalConvGrad({ inputs, attrs, backend }: FusedCall): Info[] {
  const [dy, x, w, bias] = Object.values(inputs) as [Info, Info, Info, Info | undefined];
  const c = widthOf(x);
  const chunks = convChunks(x);
  const silu = attrs['silu'] === true;
  const given = convArguments(backend, x, w, bias, silu);
  const before = silu ? backend.outputOver(dy) : dy;
  if (silu)
    backend.kernels.run(Op.Conv, chunks, given(backend.address(before), backend.address(dy)));
  const g = backend.address(before);
  const dx = backend.output(x.shape);
  const dw = backend.output(w.shape);
  const dBias = bias && backend.output(bias.shape);
  backend.kernels.run(Op.ConvGradInput, chunks, given(backend.address(dx), g));
  const weightGrads = [backend.address(dw), dBias ? backend.address(dBias) : 0];
  backend.kernels.run(Op.ConvGradWeight, Math.ceil(c / CHANNEL_CHUNK), given(0, g, weightGrads));
  if (silu) backend.disposeIntermediateTensorInfo(before);
  return dBias ? [dx, dw, dBias] : [dx, dw];
}

/** Fewest and most positions of a segment, where the cache would hold other numbers of them. */
const SEGMENT_POSITIONS = [64, 256] as const;

/**
 * Positions whose states and decays the gradient keeps at a time, from the state before them, which the scan has kept.
 * @throws Error for more states than a thread's working memory holds
 */
function scanSegment(l: number, n: number): number {
  const row = 4 * SCAN_TILE;
  const tables = row * n;
  // assembly/scan.ts: tables and two rows a tile, five operands' rows and the states' beside them.
  const fixed = SCAN_GROUP * (3 * tables + 2 * row) + 2 * tables;
  const fitting = Math.floor((FREE_SCRATCH - fixed) / (SCAN_GROUP * 5 * row + 2 * tables));
  if (fitting < 1) throw new Error(`selectiveScan: ${n} states are too many`);
  const [fewest, most] = SEGMENT_POSITIONS;
  const cached = Math.floor(SEGMENT_BYTES / Math.max(1, 2 * tables));
  return Math.max(1, Math.min(l, fitting, most, Math.max(fewest, cached)));
}

/** y, the last state, and the states between segments [b, ends, c, n] for the gradient. */
export function scan({ inputs, backend }: FusedCall): Info[] {
  const given = Object.values(inputs);
  const [batch, l, c] = given[0]!.shape as [number, number, number];
  const n = given[2]!.shape[1]!;
  const segment = scanSegment(l, n);
  const y = backend.output([batch, l, c]);
  const state = backend.output([batch, c, n]);
  const ends = backend.output([batch, Math.max(0, Math.ceil(l / segment) - 1), c, n]);
  const [u, delta, A, B, C, D, initial] = given.map((input) => backend.address(input));
  backend.kernels.run(Op.Scan, batch * Math.ceil(c / CHANNEL_CHUNK), [
    ...[u!, delta!, A!, B!, C!, D!, initial ?? 0, backend.address(y), backend.address(state)],
    ...[l, c, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, backend.address(ends), segment],
  ]);
  return [y, state, ends];
}

/** Of dy, the scan's inputs, and the states between segments. */
export function scanGrad({ inputs, backend }: FusedCall): Info[] {
  const all = Object.values(inputs);
  const [dy, ...given] = all.slice(0, -1) as [Info, ...Info[]];
  const [batch, l, c] = given[0]!.shape as [number, number, number];
  const n = given[2]!.shape[1]!;
  const outputs = given.slice(0, 6).map((input) => backend.output(input.shape));
  const [du, dDelta, dA, dB, dC, dD] = outputs.map((output) => backend.address(output)) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  const [u, delta, A, B, C, D, initial] = given.map((input) => backend.address(input));
  const lines = Math.ceil(c / CHANNEL_CHUNK);
  const each = CHANNEL_CHUNK * Math.max(1, Math.ceil(lines / SCAN_PARTS));
  const parts = Math.ceil(c / each);
  const positions = batch * l * n;
  backend.withScratch(4 * (batch * c * (n + 1) + 2 * parts * positions), (partial) => {
    const partialD = partial + 4 * batch * c * n;
    const partialB = partialD + 4 * batch * c;
    const partialC = partialB + 4 * parts * positions;
    backend.kernels.run(Op.ScanGrad, batch * parts, [
      ...[u!, delta!, A!, B!, C!, D!, initial ?? 0, backend.address(dy), 0, l, c, n, du, dDelta],
      ...[partial, partialB, partialC, partialD, parts, each, batch],
      ...[backend.address(all.at(-1)!), scanSegment(l, n)],
    ]);
    columnSums(backend, partial, dA, batch, c * n);
    columnSums(backend, partialD, dD, batch, c);
    columnSums(backend, partialB, dB, parts, positions);
    columnSums(backend, partialC, dC, parts, positions);
  });
  return outputs;
}
