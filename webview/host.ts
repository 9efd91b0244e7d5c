/** The extension host, seen from the page. */
import type { HostToPanel, PanelState, PanelToHost } from '../server/contract/panel';
import { parseHostMessage, parsePanelState } from './messages';

export interface Host {
  readonly post: (message: PanelToHost) => void;
  /** What a page before this one kept. */
  readonly saved: PanelState | undefined;
  readonly save: (state: PanelState) => void;
  /** Messages that fit the contract; others are dropped. */
  readonly onMessage: (listener: (message: HostToPanel) => void) => void;
}

export function connectHost(): Host {
  const api = acquireVsCodeApi();
  return {
    post: (message) => api.postMessage(message),
    saved: parsePanelState(api.getState()),
    save: (state) => api.setState(state),
    onMessage: (listener) =>
      addEventListener('message', (event: MessageEvent<unknown>) => {
        const message = parseHostMessage(event.data);
        if (message) listener(message);
      }),
  };
}
