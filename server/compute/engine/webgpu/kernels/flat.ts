/** Kernels over flat arrays: a workgroup takes a chunk of entries, its lanes neighbours. */
export const FLAT_LANES = 256;
export const FLAT_CHUNK = 1024;

export const flatGroups = (size: number): number => Math.ceil(size / FLAT_CHUNK);

/** WGSL: `body` for each entry `i` below `uniforms.size`. */
export const flatMain = (body: string): string => `
fn main(group: u32, lane: u32) {
  let end = min((group + 1u) * ${FLAT_CHUNK}u, uniforms.size);
  for (var i = group * ${FLAT_CHUNK}u + lane; i < end; i += LANES) {
    ${body}
  }
}`;
