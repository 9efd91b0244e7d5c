/** Causal attention and its gradients, written out in float64 over the keys that a query sees and no others. */
import {
  dropoutMask,
  type DropoutOptions,
} from '../../../../server/compute/engine/kernels/dropout';

export interface LoopShape {
  readonly batch: number;
  readonly heads: number;
  readonly lq: number;
  readonly lk: number;
  readonly headDim: number;
}

export interface LoopOptions {
  readonly scale: number;
  readonly window?: number | undefined;
  readonly dropout?: DropoutOptions | undefined;
}

/** q [b, lq, heads·headDim], k and v [b, lk, heads·headDim]. */
export interface Projections {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
}

export interface AttentionLoop {
  /** [b, lq, heads·headDim] */
  readonly y: Float64Array;
  readonly dq: Float64Array;
  readonly dk: Float64Array;
  readonly dv: Float64Array;
}

/** With the gradients of Σ y·dy. */
export function attentionLoop(
  { q, k, v }: Projections,
  dy: ArrayLike<number>,
  { batch, heads, lq, lk, headDim }: LoopShape,
  { scale, window = lk, dropout }: LoopOptions,
): AttentionLoop {
  const factors = dropout && dropoutMask(batch * heads * lq * lk, dropout);
  const [y, dq] = [new Float64Array(q.length), new Float64Array(q.length)];
  const [dk, dv] = [new Float64Array(k.length), new Float64Array(k.length)];
  const place = (l: number, b: number, t: number, h: number) => ((b * l + t) * heads + h) * headDim;
  const dot = (a: ArrayLike<number>, from: number, c: ArrayLike<number>, other: number) => {
    let sum = 0;
    for (let e = 0; e < headDim; e++) sum += a[from + e]! * c[other + e]!;
    return sum;
  };
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < lq; i++) {
        const own = place(lq, b, i, h);
        const last = lk - lq + i;
        const first = Math.max(0, last - window + 1);
        const keys = Array.from({ length: last - first + 1 }, (_, j) => first + j);
        const at = keys.map((j) => place(lk, b, j, h));
        const scores = at.map((key) => scale * dot(q, own, k, key));
        const largest = scores.reduce((most, s) => Math.max(most, s), -Infinity);
        const exponentials = scores.map((s) => Math.exp(s - largest));
        const sum = exponentials.reduce((total, e) => total + e, 0);
        const p = exponentials.map((e) => e / sum);
        const kept = keys.map((j) => factors?.[((b * heads + h) * lq + i) * lk + j] ?? 1);
        const dp = at.map((key, j) => kept[j]! * dot(dy, own, v, key));
        const mean = p.reduce((total, each, j) => total + each * dp[j]!, 0);
        at.forEach((key, j) => {
          const ds = scale * p[j]! * (dp[j]! - mean);
          for (let e = 0; e < headDim; e++) {
            y[own + e]! += p[j]! * kept[j]! * v[key + e]!;
            dq[own + e]! += ds * k[key + e]!;
            dk[key + e]! += ds * q[own + e]!;
            dv[key + e]! += p[j]! * kept[j]! * dy[own + e]!;
          }
        });
      }
    }
  }
  return { y, dq, dk, dv };
}
