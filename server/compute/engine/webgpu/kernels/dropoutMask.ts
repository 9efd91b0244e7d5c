/** `kept(counter, key, threshold)`: whether dropout keeps an entry, as `kernels/dropout.ts` has it (MurmurHash3 x86_32). */
export const KEPT = `
fn kept(counter: u32, key: u32, threshold: u32) -> bool {
  let block = counter * 0xcc9e2d51u;
  var hash = key ^ (((block << 15u) | (block >> 17u)) * 0x1b873593u);
  hash = (hash << 13u) | (hash >> 19u);
  hash = (hash * 5u + 0xe6546b64u) ^ 4u;
  hash = (hash ^ (hash >> 16u)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13u)) * 0xc2b2ae35u;
  return (hash ^ (hash >> 16u)) >= threshold;
}
`;
