/** Files that esbuild's binary loader embeds in the bundles. */
declare module '@resvg/resvg-wasm/index_bg.wasm' {
  const bytes: Uint8Array;
  export { bytes as default };
}

declare module '*.ttf' {
  const bytes: Uint8Array;
  export { bytes as default };
}
