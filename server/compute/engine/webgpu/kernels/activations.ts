/** Activations, their slopes and dropout (`kernels/activations.ts`, `kernels/dropout.ts`), entry by entry. */
import * as tf from '@tensorflow/tfjs-core';
import {
  ACTIVATION,
  ACTIVATION_GRAD,
  SWIGLU,
  SWIGLU_GRAD,
  type ActivationKind,
} from '../../kernels/activations';
import { dropThreshold, DROPOUT } from '../../kernels/dropout';
import { program, runProgram } from '../program';
import { register, type Call } from '../register';
import { KEPT } from './dropoutMask';
import { FLAT_LANES, flatGroups, flatMain } from './flat';

/**
 * `activate(x)` and its derivative `slope(x)`. No exponential of a positive number and no tanh: drivers differ in what they make
 * of a large one. `normal` is Φ with the error function of Abramowitz & Stegun 7.1.26, to 1e-7.
 */
export const ACTIVATIONS = `
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

fn bell(x: f32) -> f32 { return exp(-0.5 * x * x); }

fn normal(x: f32, bell: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.3275911 * 0.70710678 * abs(x));
  let series = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)));
  let tail = 0.5 * t * series * bell;
  return select(1.0 - tail, tail, x < 0.0);
}

/** log(1 + e) for e in [0, 1]. */
fn log1p(e: f32) -> f32 {
  if (e < 0.03) { return e * (1.0 - e * (0.5 - e * (0.33333333 - e * 0.25))); }
  return log(1.0 + e);
}

/** The tanh form of GELU is x·σ of this: ½(1 + tanh z) = σ(2z). */
fn tanhArgument(x: f32) -> f32 { return 1.59576912 * x * (1.0 + 0.044715 * x * x); }

fn activate(x: f32) -> f32 {
  switch KIND {
    case 0u: { return x * normal(x, bell(x)); }
    case 1u: { return x * sigmoid(tanhArgument(x)); }
    case 2u: { return x * sigmoid(x); }
    default: { return max(x, 0.0) + log1p(exp(-abs(x))); }
  }
}

fn slope(x: f32) -> f32 {
  switch KIND {
    case 0u: {
      let b = bell(x);
      return normal(x, b) + x * 0.39894228 * b;
    }
    case 1u: {
      let s = sigmoid(tanhArgument(x));
      return s * (1.0 + 1.59576912 * x * (1.0 + 0.134145 * x * x) * (1.0 - s));
    }
    case 2u: {
      let s = sigmoid(x);
      return s * (1.0 + x * (1.0 - s));
    }
    default: { return sigmoid(x); }
  }
}
`;

const kinds: Record<ActivationKind, number> = {
  ...{ 'gelu-erf': 0, 'gelu-tanh': 1, silu: 2, softplus: 3 },
};

/** The constant of a program that uses `ACTIVATIONS`. */
export const kindConstant = (kind: ActivationKind) => ({ KIND: kinds[kind] });

const activation = program({
  name: 'activation',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { size: 'u32' },
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${flatMain('y[i] = activate(x[i]);')}`,
});

const activationGrad = program({
  name: 'activationGrad',
  inputs: { dy: 'f32', x: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { size: 'u32' },
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${flatMain('dx[i] = dy[i] * slope(x[i]);')}`,
});

const swiglu = program({
  name: 'swiglu',
  inputs: { gate: 'f32', up: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { size: 'u32' },
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${flatMain('y[i] = activate(gate[i]) * up[i];')}`,
});

const swigluGrad = program({
  name: 'swigluGrad',
  inputs: { dy: 'f32', gate: 'f32', up: 'f32' },
  outputs: { dGate: 'f32', dUp: 'f32' },
  uniforms: { size: 'u32' },
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${flatMain(`dGate[i] = dy[i] * up[i] * slope(gate[i]);
    dUp[i] = dy[i] * activate(gate[i]);`)}`,
});

const dropout = program({
  name: 'dropout',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { size: 'u32', key: 'u32', threshold: 'u32', factor: 'f32' },
  lanes: FLAT_LANES,
  code: `${KEPT}${flatMain(
    'y[i] = x[i] * select(0.0, uniforms.factor, kept(i, uniforms.key, uniforms.threshold));',
  )}`,
});

export function registerActivations(): void {
  const common = (x: tf.TensorInfo, attrs: Call['attrs']) => {
    const size = tf.util.sizeFromShape(x.shape);
    const constants = kindConstant(attrs['kind'] as ActivationKind);
    return { uniforms: { size }, constants, groups: flatGroups(size) };
  };
  register(ACTIVATION, ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const outputs = { y: { shape: x.shape } };
    return runProgram(backend, activation, { inputs: { x }, outputs, ...common(x, attrs) }).y;
  });
  register(ACTIVATION_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, x } = inputs as Record<'dy' | 'x', tf.TensorInfo>;
    const outputs = { dx: { shape: x.shape } };
    const call = { inputs: { dy, x }, outputs, ...common(x, attrs) };
    return runProgram(backend, activationGrad, call).dx;
  });
  register(SWIGLU, ({ inputs, backend }) => {
    const { gate, up } = inputs as Record<'gate' | 'up', tf.TensorInfo>;
    const outputs = { y: { shape: up.shape } };
    const call = { inputs: { gate, up }, outputs, ...common(up, { kind: 'silu' }) };
    return runProgram(backend, swiglu, call).y;
  });
  register(SWIGLU_GRAD, ({ inputs, backend }) => {
    const { dy, gate, up } = inputs as Record<'dy' | 'gate' | 'up', tf.TensorInfo>;
    const outputs = { dGate: { shape: up.shape }, dUp: { shape: up.shape } };
    const call = { inputs: { dy, gate, up }, outputs, ...common(up, { kind: 'silu' }) };
    const { dGate, dUp } = runProgram(backend, swigluGrad, call);
    return [dGate, dUp];
  });
  register(DROPOUT, ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const { rate, key } = attrs as Record<'rate' | 'key', number>;
    const size = tf.util.sizeFromShape(x.shape);
    const dropped = { key: key >>> 0, threshold: dropThreshold(rate), factor: 1 / (1 - rate) };
    return runProgram(backend, dropout, {
      inputs: { x },
      outputs: { y: { shape: x.shape } },
      uniforms: { size, ...dropped },
      groups: flatGroups(size),
    }).y;
  });
}
