/** Rotary position embedding (`kernels/rotary.ts`). The angles' table comes from the processor: a GPU's sin and cos are too coarse. */
import * as tf from '@tensorflow/tfjs-core';
import { widthOf } from '../../kernels/fused';
import { ROTARY, keptRotaryTable, type RotaryOptions } from '../../kernels/rotary';
import { program, runProgram } from '../program';
import { register, type Call } from '../register';
import { FLAT_LANES, flatGroups, flatMain } from './flat';

const rotary = program({
  name: 'rotary',
  inputs: { x: 'f32', table: 'f32' },
  outputs: { y: 'f32' },
  uniforms: {
    ...{ size: 'u32', width: 'u32', length: 'u32', headDim: 'u32', half: 'u32', sign: 'f32' },
    ...{ heads: 'u32', parts: 'u32', interleaved: 'u32' },
  },
  lanes: FLAT_LANES,
  code: flatMain(`let column = i % uniforms.width;
    let head = column / uniforms.headDim;
    let entry = column % uniforms.headDim;
    let part = select(head / uniforms.heads, head % uniforms.parts, uniforms.interleaved > 0u);
    var value = x[i];
    if (part < 2u && entry < 2u * uniforms.half) {
      let position = (i / uniforms.width) % uniforms.length;
      let at = position * uniforms.half + entry % uniforms.half;
      let turned = uniforms.sign * table[uniforms.length * uniforms.half + at];
      if (entry < uniforms.half) {
        value = value * table[at] - x[i + uniforms.half] * turned;
      } else {
        value = value * table[at] + x[i - uniforms.half] * turned;
      }
    }
    y[i] = value;`),
});

export function registerRotary(): void {
  register(ROTARY, ({ inputs, attrs, backend }: Call) => {
    const x = inputs['x']!;
    const options = attrs as unknown as RotaryOptions & { parts: number; inverse: boolean };
    const length = x.shape[1]!;
    const half = options.dims / 2;
    const { cos, sin } = keptRotaryTable(length, options);
    const values = new Float32Array(2 * length * half);
    values.set(cos);
    values.set(sin, length * half);
    const table = backend.makeTensorInfo([2, length, half], 'float32', values);
    const size = tf.util.sizeFromShape(x.shape);
    const { y } = runProgram(backend, rotary, {
      inputs: { x, table },
      outputs: { y: { shape: x.shape } },
      uniforms: {
        ...{ size, width: widthOf(x), length, headDim: options.headDim, half },
        ...{ sign: options.inverse ? -1 : 1, heads: options.heads, parts: options.parts },
        interleaved: options.layout === 'interleaved' ? 1 : 0,
      },
      groups: flatGroups(size),
    });
    backend.disposeData(table.dataId);
    return y;
  });
}
