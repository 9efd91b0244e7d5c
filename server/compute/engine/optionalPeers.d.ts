/** Optional peers, absent when this is compiled; `tensorflow.ts` checks what it gets. */
declare module '@tensorflow/tfjs-node-gpu' {
  const loaded: unknown;
  export = loaded;
}
declare module '@tensorflow/tfjs-node' {
  const loaded: unknown;
  export = loaded;
}
