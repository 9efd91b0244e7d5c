/**
 * Gates and mixtures of a Manticore block (`kernels/blend.ts`): a dispatch a term, as each has up to four tensors and a program
 * but eight buffers. The weights stay on the GPU.
 */
import * as tf from '@tensorflow/tfjs-core';
import { MIXTURE, MIXTURE_GRAD, mixturePlaces } from '../../kernels/blend';
import { widthOf } from '../../kernels/fused';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { register } from '../register';
import { WORKGROUP_SUM } from '../wgsl';
import { FLAT_CHUNK, FLAT_LANES, flatGroups, flatMain } from './flat';

/** `fitted_<name>(row, column)`: an entry of the padded or cut tensor. */
const fitted = (name: string): string => `
fn fitted_${name}(row: u32, column: u32) -> f32 {
  if (column >= uniforms.width_${name}) { return 0.0; }
  return ${name}[row * uniforms.width_${name} + column];
}`;

/** Whether a term has a weight and a gate, known to the compiler: what stands for those it lacks is never read. */
const FACTORS = `
fn weightOf() -> f32 {
  if (HAS_WEIGHT) { return weight[0]; }
  return 1.0;
}

fn skipOf() -> f32 {
  if (HAS_GATE) { return skip[0]; }
  return 1.0;
}`;

/** sum (+)= weight · ((1 − skip) · fit(p) + skip · fit(x)). */
const addTerm = program({
  name: 'mixtureTerm',
  inputs: { x: 'f32', p: 'f32', weight: 'f32', skip: 'f32' },
  outputs: { sum: 'f32' },
  uniforms: { size: 'u32', width: 'u32', width_x: 'u32', width_p: 'u32' },
  lanes: FLAT_LANES,
  code: `${FACTORS}${fitted('x')}${fitted('p')}${flatMain(`let row = i / uniforms.width;
    let column = i % uniforms.width;
    var value = skipOf() * fitted_x(row, column);
    if (HAS_GATE) { value += (1.0 - skipOf()) * fitted_p(row, column); }
    value *= weightOf();
    if (IS_MORE) { value += sum[i]; }
    sum[i] = value;`)}`,
});

/** dx = weight · skip · fit(dy), or weight · (1 − skip) · fit(dy). */
const tensorGrad = program({
  name: 'mixtureGradTensor',
  inputs: { dy: 'f32', weight: 'f32', skip: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { size: 'u32', width: 'u32', width_dy: 'u32', complement: 'u32' },
  lanes: FLAT_LANES,
  code: `${FACTORS}${flatMain(`let share = select(skipOf(), 1.0 - skipOf(), uniforms.complement > 0u);
    let column = i % uniforms.width;
    var grad = 0.0;
    // What was cut has none, whatever the weights are.
    if (column < uniforms.width_dy) { grad = weightOf() * share * dy[i / uniforms.width * uniforms.width_dy + column]; }
    dx[i] = grad;`)}`,
});

/** Of each chunk Σ dy · ((1 − skip) · fit(p) + skip · fit(x)), and behind those Σ dy · (fit(x) − fit(p)). */
const scalarSums = program({
  name: 'mixtureGradSums',
  inputs: { dy: 'f32', x: 'f32', p: 'f32', skip: 'f32' },
  outputs: { sums: 'f32' },
  uniforms: { size: 'u32', width: 'u32', width_x: 'u32', width_p: 'u32', chunks: 'u32' },
  lanes: FLAT_LANES,
  code: `${WORKGROUP_SUM}${fitted('x')}${fitted('p')}
fn main(group: u32, lane: u32) {
  let end = min((group + 1u) * ${FLAT_CHUNK}u, uniforms.size);
  var whole = 0.0;
  var change = 0.0;
  for (var i = group * ${FLAT_CHUNK}u + lane; i < end; i += LANES) {
    let row = i / uniforms.width;
    let column = i % uniforms.width;
    let own = fitted_x(row, column);
    if (HAS_GATE) {
      let other = fitted_p(row, column);
      whole += dy[i] * ((1.0 - skip[0]) * other + skip[0] * own);
      change += dy[i] * (own - other);
    } else {
      whole += dy[i] * own;
    }
  }
  let ofWhole = workgroupSum(whole, lane);
  let ofChange = workgroupSum(change, lane);
  if (lane == 0u) {
    sums[group] = ofWhole;
    sums[uniforms.chunks + group] = ofChange;
  }
}`,
});

/** dWeight and dSkip from the chunks' sums: one workgroup. */
const scalarGrads = program({
  name: 'mixtureGradScalars',
  inputs: { sums: 'f32', weight: 'f32' },
  outputs: { dWeight: 'f32', dSkip: 'f32' },
  uniforms: { chunks: 'u32' },
  lanes: FLAT_LANES,
  code: `${WORKGROUP_SUM}
fn main(group: u32, lane: u32) {
  var whole = 0.0;
  var change = 0.0;
  for (var i = lane; i < uniforms.chunks; i += LANES) {
    whole += sums[i];
    change += sums[uniforms.chunks + i];
  }
  let ofWhole = workgroupSum(whole, lane);
  let ofChange = workgroupSum(change, lane);
  if (lane > 0u) { return; }
  dWeight[0] = ofWhole;
  if (HAS_WEIGHT) { dSkip[0] = weight[0] * ofChange; } else { dSkip[0] = ofChange; }
}`,
});

interface Term {
  readonly x: tf.TensorInfo;
  readonly weight: tf.TensorInfo | undefined;
  readonly skip: tf.TensorInfo | undefined;
  readonly projected: tf.TensorInfo | undefined;
}

/** The terms of a call; `inputs` without dy. */
function termsOf(inputs: readonly tf.TensorInfo[], kinds: string): Term[] {
  const at = (place: number | undefined) => (place === undefined ? undefined : inputs[place]);
  return mixturePlaces(kinds).map(({ x, weight, skip, projected }) => ({
    ...{ x: inputs[x]!, weight: at(weight), skip: at(skip), projected: at(projected) },
  }));
}

const constantsOf = ({ weight, skip }: Term) => ({
  ...{ HAS_WEIGHT: weight !== undefined, HAS_GATE: skip !== undefined },
});

export function registerMixture(): void {
  register(MIXTURE, ({ inputs, attrs, backend }) => {
    const terms = termsOf(Object.values(inputs), attrs['kinds'] as string);
    const width = attrs['width'] as number;
    const shape = [...terms[0]!.x.shape.slice(0, -1), width];
    const size = tf.util.sizeFromShape(shape);
    let sum: tf.TensorInfo | undefined;
    for (const term of terms) {
      const { x, weight = x, skip = x, projected = x } = term;
      const widths = { width, width_x: widthOf(x), width_p: widthOf(projected) };
      ({ sum } = runProgram(backend, addTerm, {
        inputs: { x, p: projected, weight, skip },
        outputs: { sum: sum ?? { shape } },
        uniforms: { size, ...widths },
        constants: { ...constantsOf(term), IS_MORE: sum !== undefined },
        groups: flatGroups(size),
      }));
    }
    return sum!;
  });
  register(MIXTURE_GRAD, ({ inputs, attrs, backend }) => {
    const [dy, ...given] = Object.values(inputs) as [tf.TensorInfo, ...tf.TensorInfo[]];
    return termsOf(given, attrs['kinds'] as string).flatMap((term) => termGrads(backend, dy, term));
  });
}

/** In the order of the term's inputs: x, weight, skip, projected, where it has them. */
function termGrads(backend: WebgpuBackend, dy: tf.TensorInfo, term: Term): tf.TensorInfo[] {
  const { x, weight, skip, projected } = term;
  const gradOf = (tensor: tf.TensorInfo, complement: boolean) => {
    const size = tf.util.sizeFromShape(tensor.shape);
    return runProgram(backend, tensorGrad, {
      inputs: { dy, weight: weight ?? dy, skip: skip ?? dy },
      outputs: { dx: { shape: tensor.shape } },
      uniforms: {
        ...{ size, width: widthOf(tensor), width_dy: widthOf(dy) },
        complement: complement ? 1 : 0,
      },
      constants: constantsOf(term),
      groups: flatGroups(size),
    }).dx;
  };
  const grads = [gradOf(x, false)];
  if (weight || skip) {
    const { dWeight, dSkip } = gradsOfScalars(backend, dy, term);
    if (weight) grads.push(dWeight);
    else backend.disposeData(dWeight.dataId);
    if (skip) grads.push(dSkip);
    else backend.disposeData(dSkip.dataId);
  }
  if (projected) grads.push(gradOf(projected, true));
  return grads;
}

function gradsOfScalars(backend: WebgpuBackend, dy: tf.TensorInfo, term: Term) {
  const { x, weight, skip, projected = x } = term;
  const size = tf.util.sizeFromShape(dy.shape);
  const chunks = flatGroups(size);
  const constants = constantsOf(term);
  const widths = { width: widthOf(dy), width_x: widthOf(x), width_p: widthOf(projected) };
  const { sums } = runProgram(backend, scalarSums, {
    inputs: { dy, x, p: projected, skip: skip ?? dy },
    outputs: { sums: { shape: [2, chunks] } },
    uniforms: { size, ...widths, chunks },
    constants,
    groups: chunks,
  });
  const grads = runProgram(backend, scalarGrads, {
    inputs: { sums, weight: weight ?? dy },
    outputs: {
      dWeight: { shape: weight?.shape ?? [] },
      dSkip: { shape: skip?.shape ?? [] },
    },
    uniforms: { chunks },
    constants,
    groups: 1,
  });
  backend.disposeData(sums.dataId);
  return grads;
}
