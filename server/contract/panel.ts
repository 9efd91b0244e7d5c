/** Messages between the weights panel (a webview) and the extension host. Both sides check each before they believe it. */
import type { BlockControl } from './control';
import type { UserError } from './editor';
import type { LossCurve, RunSnapshot } from './runViews';
import type { Alphas, RunEvent, Where } from './events';
import type { RunState } from './run';

/** From the extension host to the panel. */
export type HostToPanel =
  /** Draw this from the start: sent after `ready`, and again whenever the panel becomes visible. */
  | { readonly type: 'snapshot'; readonly snapshot: RunSnapshot }
  /** What was added to the log since. */
  | { readonly type: 'events'; readonly events: readonly RunEvent[]; readonly state: RunState }
  /** Answer to `alphasAt`. */
  | {
      readonly type: 'alphas';
      readonly where: Where;
      readonly step: number;
      readonly alphas: Alphas | null;
    }
  /** Answer to `loss`. */
  | { readonly type: 'loss'; readonly curve: LossCurve }
  /** A control was applied or refused; until then it is on its way. `request` is the panel's number. */
  | {
      readonly type: 'control';
      readonly request: number;
      readonly state: 'applied' | 'refused';
      readonly step?: number;
      readonly error?: UserError;
    }
  /** There is nothing to draw, and why. */
  | { readonly type: 'unavailable'; readonly error: UserError };

/** From the panel to the extension host. */
export type PanelToHost =
  /** The page has loaded and listens. */
  | { readonly type: 'ready' }
  /** α after an exact step, for the slider. */
  | { readonly type: 'alphasAt'; readonly where: Where; readonly step: number }
  /** Losses of a stretch of steps, for zooming. */
  | {
      readonly type: 'loss';
      readonly where: Where;
      readonly fromStep: number;
      readonly toStep: number;
      readonly maxPoints: number;
    }
  /** Pin, unpin, prune or restore; answered by `control` with the same number. */
  | { readonly type: 'control'; readonly request: number; readonly control: BlockControl }
  /** A button of the panel's head. */
  | {
      readonly type: 'command';
      readonly command:
        | 'stop'
        | 'checkpointAndStop'
        | 'pause'
        | 'resume'
        | 'openReport'
        | 'openConfig'
        | 'showLog'
        | 'writeToConfig'
        | 'generate';
    }
  /** Save what is drawn: text for SVG and CSV, base64 for PNG. The host asks where to. */
  | {
      readonly type: 'save';
      readonly format: 'svg' | 'png' | 'csv';
      readonly name: string;
      readonly data: string;
    };

/** What the panel keeps with `setState`, and what a serializer finds after a window reload. */
export interface PanelState {
  readonly version: 1;
  readonly dir: string;
  /** `undefined`: follows the newest. */
  readonly where: Where | undefined;
  /** `undefined`: follows the latest step. */
  readonly step: number | undefined;
  readonly view: 'heatmap' | 'table';
}
