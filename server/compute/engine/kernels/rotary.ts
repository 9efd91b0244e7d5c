/**
 * Rotary position embedding (Su et al., arXiv 2104.09864), rotate-half convention of GPT-NeoX: entry i of the first
 * `dims` entries of a head pairs with entry i + dims/2.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { RotaryScaling } from '../../../models/rotary';
import { hasKernel, runKernel, widthOf, type KernelAttributes } from './fused';

export const ROTARY = 'ManticoreRotary';

export interface RotaryOptions {
  /** `interleaved`: each head holds its q, k, v (GPT-NeoX); `blocks`: all q, then all k, then all v (GPT-2). */
  readonly layout: 'interleaved' | 'blocks';
  readonly heads: number;
  readonly headDim: number;
  /** Entries of a head that turn; even, at most headDim. */
  readonly dims: number;
  readonly base: number;
  /** How the frequencies are changed for longer contexts; absent: not at all. */
  readonly scaling?: RotaryScaling;
  /** Position of the first row. */
  readonly offset: number;
}

/** What decides the angles. */
export type RotaryAngles = Pick<RotaryOptions, 'dims' | 'base' | 'scaling' | 'offset'>;

export interface RotaryTable {
  /** [l, dims/2], row by row. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Angles position · base^(−2i/dims), or of the scaled frequency, with frequency and angle rounded to float32 as the
 * reference implementation does.
 */
export function rotaryTable(
  length: number,
  { dims, base, scaling, offset }: RotaryAngles,
): RotaryTable {
  const half = dims / 2;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let i = 0; i < half; i++) {
    const plain = Math.fround(1 / Math.fround(base ** Math.fround((2 * i) / dims)));
    const frequency = scaling ? scaledFrequency(plain, scaling) : plain;
    for (let t = 0; t < length; t++) {
      const angle = Math.fround((offset + t) * frequency);
      cos[t * half + i] = Math.cos(angle);
      sin[t * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/**
 * `linear`: each frequency divided by the factor. `llama3` (Grattafiori et al., arXiv 2407.21783): those of wavelengths
 * above trained/low are divided by it, those below trained/high stay, between the two it goes over smoothly. Every operation
 * is rounded to float32, as `transformers` does (`modeling_rope_utils.py`).
 */
function scaledFrequency(frequency: number, scaling: RotaryScaling): number {
  const { fround } = Math;
  const divided = fround(frequency / scaling.factor);
  if (scaling.kind === 'linear') return divided;
  const { factor, low, high, trained } = scaling;
  const wavelength = fround(fround(2 * Math.PI) / frequency);
  if (wavelength > fround(trained / low)) return divided;
  if (wavelength < fround(trained / high)) return frequency;
  const smooth = fround(fround(fround(trained / wavelength) - low) / (high - low));
  const rest = fround(fround(fround(1 - smooth) * frequency) / factor);
  return fround(rest + fround(smooth * frequency));
}

interface KeptTable extends RotaryAngles {
  readonly length: number;
  readonly table: RotaryTable;
}

/** The tables last made, newest first: every block of a model asks for the same one. */
const tables: KeptTable[] = [];
const TABLES_KEPT = 4;

/** As `rotaryTable`; of the last few the very one that was made before. Not to be written to. */
export function keptRotaryTable(length: number, angles: RotaryAngles): RotaryTable {
  const { dims, base, scaling, offset } = angles;
  const known = tables.find(
    (one) =>
      one.length === length &&
      one.dims === dims &&
      one.base === base &&
      one.offset === offset &&
      isSameScaling(one.scaling, scaling),
  );
  if (known) return known.table;
  const table = rotaryTable(length, angles);
  tables.unshift({ length, dims, base, offset, ...(scaling && { scaling }), table });
  tables.length = Math.min(tables.length, TABLES_KEPT);
  return table;
}

const isSameScaling = (a: RotaryScaling | undefined, b: RotaryScaling | undefined): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** A key for what `rotaryTable` makes. */
export function rotaryKey(length: number, { dims, base, scaling, offset }: RotaryAngles): string {
  return JSON.stringify([length, dims, base, scaling ?? null, offset]);
}

/**
 * x [b, l, heads · headDim · parts] → same shape; parts 1 (queries or keys alone), 2 (q, k) or 3 (q, k, v: v stays).
 * Gradient: the rotation by the opposite angle.
 */
export function rotary(x: tf.Tensor, options: RotaryOptions): tf.Tensor3D {
  const { heads, headDim, dims } = options;
  const parts = widthOf(x) / (heads * headDim);
  if (x.rank !== 3 || ![1, 2, 3].includes(parts) || dims % 2 !== 0 || dims > headDim) {
    throw new Error(
      `rotary: x [${x.shape.join(', ')}] does not fit ${heads} heads of ${headDim}, ${dims} turned`,
    );
  }
  const inverse = false;
  if (hasKernel(ROTARY)) {
    return runKernel(ROTARY, { x }, { ...options, parts, inverse }) as tf.Tensor3D;
  }
  return rotaryComposite(x, options, parts);
}

function rotaryComposite(x: tf.Tensor, options: RotaryOptions, parts: number): tf.Tensor3D {
  const { layout, heads, headDim, dims } = options;
  const [b, l] = x.shape as [number, number];
  const half = dims / 2;
  const table = rotaryTable(l, options);
  const cos = tf.tensor(table.cos, [1, l, 1, half]);
  const sin = tf.tensor(table.sin, [1, l, 1, half]);
  const turn = (part: tf.Tensor): tf.Tensor => {
    const take = (from: number, size: number) =>
      tf.slice(part, [0, 0, 0, from], [b, l, heads, size]);
    const first = take(0, half);
    const second = take(half, half);
    const pieces = [
      tf.sub(tf.mul(first, cos), tf.mul(second, sin)),
      tf.add(tf.mul(second, cos), tf.mul(first, sin)),
    ];
    if (dims < headDim) pieces.push(take(dims, headDim - dims));
    return tf.concat(pieces, 3); // [b, l, heads, headDim]
  };
  const interleaved = layout === 'interleaved';
  const split = interleaved ? [b, l, heads, parts * headDim] : [b, l, parts * heads, headDim];
  const all = tf.reshape(x, split);
  const turned = Array.from({ length: parts }, (_, p) => {
    const from = interleaved ? [0, 0, 0, p * headDim] : [0, 0, p * heads, 0];
    const part = tf.slice(all, from, [b, l, heads, headDim]);
    return p < 2 ? turn(part) : part;
  });
  return tf.reshape(tf.concat(turned, interleaved ? 3 : 2), x.shape as [number, number, number]);
}

tf.registerGradient({
  kernelName: ROTARY,
  gradFunc: (dy, _saved, attributes) => ({
    x: () =>
      runKernel(
        ROTARY,
        { x: dy as tf.Tensor },
        { ...(attributes as KernelAttributes), inverse: true },
      ),
  }),
});
