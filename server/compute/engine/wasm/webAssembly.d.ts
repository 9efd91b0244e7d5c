/** What Node has of WebAssembly's API and this folder uses: Node's own types leave it to the DOM's. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
    /** @throws RangeError when there is no more */
    grow(pages: number): number;
  }
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module';
  }
  const Module: new (bytes: Uint8Array<ArrayBuffer>) => Module;
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}

/** Compiled kernels, embedded by the bundler. */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export { bytes as default };
}
