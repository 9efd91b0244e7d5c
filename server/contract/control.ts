/** Control of a running search: requests from the CLI or the language server to the compute process, over a local socket. */
import type { RunState } from './run';

/** A change to one block, applied between two steps. */
export type BlockControl =
  | {
      readonly action: 'pin';
      readonly block: number;
      readonly weights: Readonly<Record<string, number>>;
    }
  | { readonly action: 'unpin'; readonly block: number }
  | { readonly action: 'prune'; readonly block: number; readonly component: string }
  | { readonly action: 'restore'; readonly block: number; readonly component: string };

export type ControlRequest =
  | BlockControl
  | { readonly action: 'pause' }
  | { readonly action: 'resume' }
  /** `checkpoint: false` leaves at the next step boundary without writing one. */
  | { readonly action: 'stop'; readonly checkpoint: boolean };

/** Answer to a ControlRequest, sent once it is applied (or refused) at a step boundary. */
export type ControlReply =
  | { readonly ok: true; readonly step: number }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Answer to the request `status`, which asks nothing of the search: sent at once. */
export interface ControlStatus {
  readonly id: string;
  readonly pid: number;
  readonly state: RunState;
}
