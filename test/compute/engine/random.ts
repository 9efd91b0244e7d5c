/** Numbers for tests: the same on every machine. Roughly normal, from a linear congruential generator. */
export function randomValues(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => 2 * (uniform() + uniform() + uniform()));
}
