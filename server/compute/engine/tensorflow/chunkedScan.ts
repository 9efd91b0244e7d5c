/**
 * The selective scan (`kernels/selectiveScan.ts`) where tensors lie on a GPU: each op there costs a launch, and one position
 * at a time would take several for each. The recurrence is linear in the state it begins with, so a sequence of l = k·m
 * positions is scanned as m chunks of k side by side, each from nothing, in k steps; m steps more carry the states from chunk
 * to chunk; and what a chunk's first state adds to each of its positions is that state times the decays since:
 *
 *     h_t = local_t + exp(A · Σ_{chunk start..t} delta) ∘ start
 *
 * The sums are of positive numbers and A is negative, so each exponential is of a number ≤ 0, and no decay is divided by.
 * k and m are about √l: 2√l steps of two ops. The gradient of the states is the same recurrence from the end.
 *
 * Memory: in the gradient up to eleven tensors of [l, b, c, n] at once, as the backend counts (what an unpacked tensor shares
 * with its parts counts twice); a sequence whose states take more than `MOST_STATES` is scanned in parts, one after the other.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { TensorflowBackend } from './backend';
import { Ops } from './fusedKernels';
import { concat, matMul } from './standardKernels';

type Info = tf.TensorInfo;

/** Bytes of the states [l, b, c, n] of one part. */
const MOST_STATES = 128 * 2 ** 20;

/** m chunks of k positions from `from` on. */
export interface Part {
  readonly from: number;
  readonly k: number;
  readonly m: number;
}

/**
 * A sequence of `l` positions as parts of at most `most` positions each; what no chunks of one length cover is a part itself.
 * Of the lengths about √l it takes the one that makes the fewest steps, those of what it leaves over counted.
 */
export function partsOf(l: number, most: number): Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < l;) {
    const length = Math.min(l - from, Math.max(1, most));
    const stepsWith = (k: number): number => k + Math.floor(length / k) + 4 * (length % k);
    let k = 1;
    for (let other = 2; other <= 2 * Math.sqrt(length) && other <= length; other++) {
      if (stepsWith(other) < stepsWith(k)) k = other;
    }
    const m = Math.floor(length / k);
    parts.push({ from, k, m });
    from += k * m;
  }
  return parts;
}

/** The inputs and sizes of one scan, and its ops. */
interface Scan {
  readonly backend: TensorflowBackend;
  readonly ops: Ops;
  /** [b, l, c] */
  readonly u: Info;
  /** [b, l, c] */
  readonly delta: Info;
  /** [c, n] */
  readonly A: Info;
  /** [b, l, n] */
  readonly B: Info;
  /** [b, l, n] */
  readonly C: Info;
  /** [c] */
  readonly D: Info;
  /** [b, c, n] */
  readonly initial: Info;
  readonly parts: readonly Part[];
}

function scanOf(backend: TensorflowBackend, inputs: readonly Info[]): Scan {
  const [u, delta, A, B, C, D, given] = inputs as [Info, Info, Info, Info, Info, Info, Info?];
  const [b, l, c] = u.shape as [number, number, number];
  const state = [b, c, A.shape[1]!];
  const initial = given ?? zeros(backend, state);
  const bytes = state.reduce((product, size) => product * size, 4);
  const parts = bytes === 0 ? [] : partsOf(l, Math.floor(MOST_STATES / bytes));
  return { backend, ops: new Ops(backend), u, delta, A, B, C, D, initial, parts };
}

const zeros = (backend: TensorflowBackend, shape: readonly number[]): Info =>
  backend.run('Fill', [shape, 0]);

/** u, delta [b, l, c], A [c, n], B, C [b, l, n], D [c], maybe initial [b, c, n] → y [b, l, c], state [b, c, n]. */
export function chunkedScan(backend: TensorflowBackend, inputs: readonly Info[]): Info[] {
  const scan = scanOf(backend, inputs);
  const { ops, u, D, initial, parts } = scan;
  if (parts.length === 0) {
    return [ops.of('ZerosLike', u), backend.reshape(initial, initial.shape)];
  }
  const ys: Info[] = [];
  let state = initial;
  for (const part of parts) {
    const [y, end] = backend.scope((): [Info, Info] => {
      const { h, end } = statesOf(scan, part, state);
      const C = asColumns(backend, turned(scan, scan.C, part));
      return [turnedBack(scan, withoutLast(backend, matMul(backend, h, C)), part), end];
    });
    ys.push(y);
    state = end;
  }
  return [ops.add(concat(backend, ys, 1), ops.mul(u, D)), state];
}

/** dy [b, l, c] and what the scan was given → the gradients of u, delta, A, B, C and D. */
export function chunkedScanGrad(
  backend: TensorflowBackend,
  [dy, ...inputs]: readonly Info[],
): Info[] {
  const scan = scanOf(backend, inputs);
  const { ops, u, D, initial, parts } = scan;
  if (parts.length === 0) return inputs.slice(0, 6).map((input) => ops.of('ZerosLike', input));
  const starts = [initial];
  for (const part of parts.slice(0, -1)) {
    starts.push(backend.scope(() => carried(scan, part, starts.at(-1)!).end));
  }
  // Nothing comes from beyond the last position.
  let arriving = zeros(backend, initial.shape);
  const grads: PartGradients[] = [];
  for (const [i, part] of [...parts.entries()].reverse()) {
    const [before, ...own] = backend.scope(() =>
      partGradients(scan, part, starts[i]!, arriving, dy!),
    );
    grads.unshift(own);
    arriving = before;
  }
  const along = (which: number): Info =>
    concat(
      backend,
      grads.map((own) => own[which]!),
      1,
    );
  return [
    ops.add(along(0), ops.mul(dy!, D)),
    along(1),
    grads.map((own) => own[4]).reduce((sum, dA) => ops.add(sum, dA)),
    along(2),
    along(3),
    ops.columnSums(ops.mul(dy!, u)),
  ];
}

/** Of u (without D), delta, B, C: [b, k · m, …] each; of A [c, n]. */
type PartGradients = [du: Info, dDelta: Info, dB: Info, dC: Info, dA: Info];

/** A part of x [b, l, w], by its place in a chunk first: [k, m, b, w]. */
function turned({ backend }: Scan, x: Info, { from, k, m }: Part): Info {
  const [b, l, w] = x.shape as [number, number, number];
  const own = k * m === l ? x : backend.run('Slice', [x, [0, from, 0], [b, k * m, w]]);
  return backend.run('Transpose', [backend.reshape(own, [b, m, k, w]), [2, 1, 0, 3]]);
}

/** [k, m, b, w] → [b, k · m, w]. */
function turnedBack({ backend }: Scan, x: Info, { k, m }: Part): Info {
  const [, , b, w] = x.shape as [number, number, number, number];
  return backend.reshape(backend.run('Transpose', [x, [2, 1, 0, 3]]), [b, k * m, w]);
}

/** [..., w] → [..., w, 1]. */
const asColumns = (backend: TensorflowBackend, x: Info): Info =>
  backend.reshape(x, [...x.shape, 1]);

/** [..., w] → [..., 1, w]. */
const asRows = (backend: TensorflowBackend, x: Info): Info =>
  backend.reshape(x, [...x.shape.slice(0, -1), 1, x.shape.at(-1)!]);

/** [..., w, 1] → [..., w]. */
const withoutLast = (backend: TensorflowBackend, x: Info): Info =>
  backend.reshape(x, x.shape.slice(0, -1));

/** [..., 1, w] → [..., w]. */
const withoutMiddle = (backend: TensorflowBackend, x: Info): Info =>
  backend.reshape(x, [...x.shape.slice(0, -2), x.shape.at(-1)!]);

/** Along the first axis. */
const unpacked = (backend: TensorflowBackend, x: Info): Info[] =>
  backend.runMany('Unpack', [x], { num: x.shape[0]!, axis: 0 }, x.shape[0]!);

const packed = (backend: TensorflowBackend, parts: readonly Info[]): Info =>
  backend.run('Pack', parts, { N: parts.length, T: { type: 'float32' }, axis: 0 });

/** exp(time · A): [..., c] → [..., c, n]. */
const decayOver = ({ backend, ops, A }: Scan, time: Info): Info =>
  backend.scope(() => ops.of('Exp', ops.mul(asColumns(backend, time), A)));

/** x₀ = first, x_{i+1} = factors_i ∘ x_i + terms_i. */
function recur(
  { backend, ops }: Scan,
  first: Info,
  factors: readonly Info[],
  terms: readonly Info[],
): Info[] {
  const all = [first];
  for (const [i, term] of terms.entries()) {
    all.push(backend.scope(() => ops.add(ops.mul(factors[i]!, all[i]!), term)));
  }
  return all;
}

/** The states of each chunk as if it began with none, by position: k of [m, b, c, n]. */
function localStates(scan: Scan, part: Part): Info[] {
  const { backend, ops, u, delta, B } = scan;
  return backend.scope(() => {
    const time = turned(scan, delta, part);
    const drive = ops.mul(
      asColumns(backend, ops.mul(time, turned(scan, u, part))),
      asRows(backend, turned(scan, B, part)),
    ); // [k, m, b, c, n]
    const [, ...decays] = unpacked(backend, decayOver(scan, time));
    const [first, ...drives] = unpacked(backend, drive) as [Info, ...Info[]];
    return recur(scan, first, decays, drives);
  });
}

/** Each chunk's decay from end to end: m of [b, c, n]. */
const chunkDecays = (scan: Scan, time: Info): Info[] =>
  unpacked(
    scan.backend,
    decayOver(scan, scan.backend.run('Sum', [time, [0]], { keep_dims: false })),
  );

/** The state that each chunk begins with: m of [b, c, n], and the one after the last. */
function carried(scan: Scan, part: Part, start: Info, local = localStates(scan, part)) {
  const decays = chunkDecays(scan, turned(scan, scan.delta, part));
  const states = recur(scan, start, decays, unpacked(scan.backend, local.at(-1)!));
  return { starts: states.slice(0, -1), end: states.at(-1)! };
}

/** All states of a part that begins with `start` [b, c, n]: h [k, m, b, c, n]; and those that its chunks begin with. */
function statesOf(scan: Scan, part: Part, start: Info) {
  const { backend, ops, delta } = scan;
  const local = localStates(scan, part);
  const { starts, end } = carried(scan, part, start, local);
  const begun = packed(backend, starts); // [m, b, c, n]
  const h = backend.scope(() => {
    const time = backend.run('Cumsum', [turned(scan, delta, part), { int: 0 }], {
      exclusive: false,
      reverse: false,
    });
    const brought = backend.scope(() => ops.mul(decayOver(scan, time), begun));
    return ops.add(packed(backend, local), brought);
  });
  return { h, starts: begun, end };
}

/**
 * @param start the state before the part [b, c, n]
 * @param arriving the gradient of the state after it [b, c, n], from what comes later
 * @returns the gradient of `start`, then the part's own
 */
function partGradients(
  scan: Scan,
  part: Part,
  start: Info,
  arriving: Info,
  dy: Info,
): [Info, ...PartGradients] {
  const { backend, ops, A } = scan;
  const { k, m } = part;
  const [time, u, dOut] = [scan.delta, scan.u, dy].map((x) => turned(scan, x, part)) as [
    ...[Info, Info, Info],
  ]; // [k, m, b, c]
  const [B, C] = [scan.B, scan.C].map((x) => turned(scan, x, part)) as [Info, Info]; // [k, m, b, n]
  const decay = decayOver(scan, time); // [k, m, b, c, n]
  const { g, before } = stateGradients(scan, { time, decay, dOut, C }, arriving);
  const { h, starts } = statesOf(scan, part, start);
  const dC = withoutMiddle(backend, matMul(backend, asRows(backend, dOut), h));
  const driven = ops.mul(time, u);
  const dB = withoutMiddle(backend, matMul(backend, asRows(backend, driven), g));
  const dDriven = withoutLast(backend, matMul(backend, g, asColumns(backend, B))); // [k, m, b, c]
  /** Gradients of delta · A: g ∘ decay ∘ the state before. */
  const dExponent = backend.scope(() => {
    const first = backend.reshape(starts, [1, ...starts.shape]);
    const rest = backend.run('Slice', [h, [0, 0, 0, 0, 0], [k - 1, m, ...start.shape]]);
    const states = k === 1 ? first : concat(backend, [first, rest], 0);
    return ops.mul(ops.mul(g, decay), states);
  });
  const dA = backend.scope(() =>
    backend.run('Sum', [ops.mul(dExponent, asColumns(backend, time)), [0, 1, 2]], {
      keep_dims: false,
    }),
  );
  const dTime = backend.scope(() => {
    const byDecay = backend.run('Sum', [ops.mul(dExponent, A), [-1]], { keep_dims: false });
    return ops.add(byDecay, ops.mul(u, dDriven));
  });
  const back = (x: Info): Info => turnedBack(scan, x, part);
  return [before, back(ops.mul(time, dDriven)), back(dTime), back(dB), back(dC), dA];
}

/**
 * The gradient of each state, g_t = C_t dy_t + decay_{t+1} ∘ g_{t+1}: [k, m, b, c, n]; and `before`, that of the state before
 * the part. As the states, but from the end.
 */
function stateGradients(
  scan: Scan,
  { time, decay, dOut, C }: Record<'time' | 'decay' | 'dOut' | 'C', Info>,
  arriving: Info,
): { g: Info; before: Info } {
  const { backend, ops } = scan;
  const [k, ...rest] = time.shape as [number, ...number[]];
  const local = backend.scope(() => {
    const given = ops.mul(asColumns(backend, dOut), asRows(backend, C));
    const [last, ...others] = unpacked(backend, given).reverse() as [Info, ...Info[]];
    const [, ...decays] = unpacked(backend, decay);
    return recur(scan, last, decays.reverse(), others).reverse();
  });
  const first = unpacked(backend, decay)[0]!;
  const leaving = unpacked(backend, ops.mul(first, local[0]!)); // m of [b, c, n]
  const decays = chunkDecays(scan, time);
  const [before, ...arrivals] = recur(
    scan,
    arriving,
    decays.reverse(),
    leaving.reverse(),
  ).reverse() as [Info, ...Info[]];
  const arrived = packed(backend, arrivals); // [m, b, c, n]
  const g = backend.scope(() => {
    // A chunk's last state gets what arrives as it is, where exp(A · 0) would make NaN of an infinite A.
    const last = backend.reshape(arrived, [1, ...arrived.shape]);
    if (k === 1) return ops.add(packed(backend, local), last);
    const left = backend.run('Cumsum', [time, { int: 0 }], { exclusive: true, reverse: true });
    const others = backend.run('Slice', [left, [0, 0, 0, 0], [k - 1, ...rest]]);
    const brought = backend.scope(() => ops.mul(decayOver(scan, others), arrived));
    return ops.add(packed(backend, local), concat(backend, [brought, last], 0));
  });
  return { g, before };
}
