/** Kernels written out in float64, entry by entry, with the gradients of Σ y·dy. Attention has a file of its own. */

type Numbers = ArrayLike<number>;

/** An output and the gradients of its inputs, in their order. */
export type Loop = readonly [y: Float64Array, ...gradients: Float64Array[]];

export interface ProductShape {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly turnA: boolean;
  readonly turnB: boolean;
}

/** a [batch, m, k] (turned: [batch, k, m]) times b [batch, k, n] (turned: [batch, n, k]). */
export function productLoop(
  a: Numbers,
  b: Numbers,
  dy: Numbers,
  { batch, m, k, n, turnA, turnB }: ProductShape,
): Loop {
  const y = new Float64Array(batch * m * n);
  const [da, db] = [new Float64Array(a.length), new Float64Array(b.length)];
  for (let q = 0; q < batch; q++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const at = (q * m + i) * n + j;
        for (let p = 0; p < k; p++) {
          const inA = q * m * k + (turnA ? p * m + i : i * k + p);
          const inB = q * k * n + (turnB ? j * k + p : p * n + j);
          y[at]! += a[inA]! * b[inB]!;
          da[inA]! += dy[at]! * b[inB]!;
          db[inB]! += dy[at]! * a[inA]!;
        }
      }
    }
  }
  return [y, da, db];
}

export interface ScanShape {
  readonly b: number;
  readonly l: number;
  readonly c: number;
  readonly n: number;
}

/** u, delta [b, l, c], A [c, n], B, C [b, l, n], D [c]. */
export function scanLoop(inputs: readonly Numbers[], dy: Numbers, shape: ScanShape): Loop {
  const { b, l, c, n } = shape;
  const [u, delta, A, B, C, D] = inputs as [Numbers, Numbers, Numbers, Numbers, Numbers, Numbers];
  const y = new Float64Array(b * l * c);
  const grads = inputs.map(({ length }) => new Float64Array(length));
  const [du, dDelta, dA, dB, dC, dD] = grads as [
    ...[Float64Array, Float64Array, Float64Array],
    ...[Float64Array, Float64Array, Float64Array],
  ];
  for (let q = 0; q < b; q++) {
    for (let j = 0; j < c; j++) {
      const at = (t: number) => (q * l + t) * c + j;
      const decay = (t: number, s: number) => Math.exp(delta[at(t)]! * A[j * n + s]!);
      // States before each position, and after the last.
      const h = [new Float64Array(n)];
      for (let t = 0; t < l; t++) {
        const drive = delta[at(t)]! * u[at(t)]!;
        const next = h[t]!.map((x, s) => decay(t, s) * x + drive * B[(q * l + t) * n + s]!);
        h.push(next);
        y[at(t)] = D[j]! * u[at(t)]!;
        for (let s = 0; s < n; s++) y[at(t)]! += C[(q * l + t) * n + s]! * next[s]!;
      }
      const g = new Float64Array(n);
      for (let t = l - 1; t >= 0; t--) {
        const [own, given] = [at(t), dy[at(t)]!];
        du[own]! += D[j]! * given;
        dD[j]! += u[own]! * given;
        for (let s = 0; s < n; s++) {
          const state = (q * l + t) * n + s;
          const kept = decay(t, s) * h[t]![s]!;
          g[s]! += C[state]! * given;
          dC[state]! += given * h[t + 1]![s]!;
          dB[state]! += g[s]! * delta[own]! * u[own]!;
          du[own]! += g[s]! * delta[own]! * B[state]!;
          dDelta[own]! += g[s]! * (A[j * n + s]! * kept + B[state]! * u[own]!);
          dA[j * n + s]! += g[s]! * delta[own]! * kept;
          g[s]! *= decay(t, s);
        }
      }
    }
  }
  return [y, ...grads];
}

/** Σ over rows whose target is not `ignore` of logsumexp(row) − row[target], times `dy`. */
export function crossEntropyLoop(
  logits: Numbers,
  targets: readonly number[],
  width: number,
  ignore: number,
  dy = 1,
): Loop {
  const gradient = new Float64Array(logits.length);
  let loss = 0;
  targets.forEach((target, r) => {
    if (target === ignore) return;
    const row = Array.from({ length: width }, (_, j) => logits[r * width + j]!);
    const largest = row.reduce((most, x) => Math.max(most, x), -Infinity);
    const sum = row.reduce((total, x) => total + Math.exp(x - largest), 0);
    loss += largest + Math.log(sum) - row[target]!;
    row.forEach((x, j) => {
      const probability = Math.exp(x - largest) / sum;
      gradient[r * width + j] = dy * (probability - (j === target ? 1 : 0));
    });
  });
  return [Float64Array.of(loss), gradient];
}

/** One term of a mixture: see `MixtureTerm` of kernels/blend.ts; `x` [rows, own], `projected` [rows, theirs]. */
export interface TermValues {
  readonly x: Numbers;
  readonly weight: number | undefined;
  readonly gate: { readonly skip: number; readonly projected: Numbers } | undefined;
}

export interface TermGradients {
  readonly x: Float64Array;
  readonly weight: number;
  readonly skip: number;
  readonly projected: Float64Array;
}

/** Σ_m weight_m · ((1 − skip_m) · fit(projected_m) + skip_m · fit(x_m)) over rows of `width`. */
export function mixtureLoop(
  terms: readonly TermValues[],
  dy: Numbers,
  rows: number,
  width: number,
): { readonly y: Float64Array; readonly terms: readonly TermGradients[] } {
  const y = new Float64Array(rows * width);
  const gradients = terms.map(({ x, weight = 1, gate }): TermGradients => {
    const projected = gate?.projected ?? [];
    const skip = gate?.skip ?? 1;
    const [dx, dp] = [new Float64Array(x.length), new Float64Array(projected.length)];
    const [own, theirs] = [x.length / rows, projected.length / rows];
    let [dWeight, dSkip] = [0, 0];
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < width; j++) {
        const given = dy[r * width + j]!;
        const fromX = j < own ? x[r * own + j]! : 0;
        const fromP = j < theirs ? projected[r * theirs + j]! : 0;
        const passed = skip * fromX + (1 - skip) * fromP;
        y[r * width + j]! += weight * passed;
        dWeight += given * passed;
        dSkip += given * weight * (fromX - fromP);
        if (j < own) dx[r * own + j] = given * weight * skip;
        if (j < theirs) dp[r * theirs + j] = given * weight * (1 - skip);
      }
    }
    return { x: dx, weight: dWeight, skip: dSkip, projected: dp };
  });
  return { y, terms: gradients };
}
