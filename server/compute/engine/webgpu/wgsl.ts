/** Pieces of WGSL that several kernels share. */

/**
 * `workgroupSum(value, lane)`: the sum over all lanes, to each of them, always in the same order. LANES is a power of two;
 * every lane calls it.
 */
export const WORKGROUP_SUM = `
var<workgroup> summands: array<f32, LANES>;

fn workgroupSum(value: f32, lane: u32) -> f32 {
  summands[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { summands[lane] += summands[lane + half]; }
    workgroupBarrier();
  }
  let total = summands[0];
  // Before the next sum writes over it.
  workgroupBarrier();
  return total;
}
`;
