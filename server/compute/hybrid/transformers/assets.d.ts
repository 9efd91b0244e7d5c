/** Files that esbuild's text loader embeds in the bundles. */
declare module '*.py' {
  const text: string;
  export { text as default };
}
