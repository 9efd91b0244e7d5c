/** Style sheets are bundled to `webview.css`; importing one gives nothing. */
declare module '*.css';
