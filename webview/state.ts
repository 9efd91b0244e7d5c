/** The panel's state: a pure function of the host's messages and of what the user did. */
import type { BlockControl } from '../server/contract/control';
import type { UserError } from '../server/contract/editor';
import type { LossCurve, RunSnapshot } from '../server/contract/runViews';
import type { Alphas, ResumedEvent, RunEvent, StepEvent, Where } from '../server/contract/events';
import type { HostToPanel, PanelState } from '../server/contract/panel';
import { addSteps, jobsOf, rewind, sameWhere, whereKey, type Job } from './jobs';

export type RecordedEvent = Exclude<RunEvent, StepEvent>;

/** What is known of the run. */
export interface RunData extends Omit<RunSnapshot, 'curves' | 'frames'> {
  readonly jobs: readonly Job[];
}

export interface PendingControl {
  readonly request: number;
  readonly control: BlockControl;
}

/** What became of a control, for the live region and the notice under the heatmap. */
export interface ControlOutcome extends PendingControl {
  readonly step: number | undefined;
  readonly error: UserError | undefined;
}

export interface PanelModel {
  readonly run: RunData | undefined;
  /** Why there is nothing to draw. */
  readonly unavailable: UserError | undefined;
  /** The run folder that the panel belongs to, also before a snapshot tells more. */
  readonly dir: string;
  /** `undefined`: follows the newest. */
  readonly where: Where | undefined;
  /** `undefined`: follows the latest step. */
  readonly step: number | undefined;
  readonly view: PanelState['view'];
  /** The host's answer for one step of the slider. */
  readonly exact: (Where & { readonly step: number; readonly alphas: Alphas }) | undefined;
  /** Stretches of curves in full, as zooming asked for them, by job. */
  readonly zoomed: Readonly<Record<string, LossCurve>>;
  readonly pending: readonly PendingControl[];
  readonly outcome: ControlOutcome | undefined;
  /** Why the panel itself didn't ask: in words. */
  readonly refusal: string | undefined;
  readonly nextRequest: number;
  /** Events are missing: the host is to be asked for a snapshot. */
  readonly gap: boolean;
}

export type PanelAction =
  | { readonly type: 'host'; readonly message: HostToPanel }
  | { readonly type: 'choose'; readonly where: Where | undefined }
  | { readonly type: 'goTo'; readonly step: number | undefined }
  | { readonly type: 'view'; readonly view: PanelState['view'] }
  | { readonly type: 'control'; readonly control: BlockControl }
  | { readonly type: 'refuse'; readonly words: string }
  | { readonly type: 'dismiss' }
  | { readonly type: 'unzoom' };

/**
 * @param saved what an earlier page kept; of another run it counts for nothing
 * @param firstRequest number of the first control: one that no earlier page of this panel used
 */
export function initialModel(
  saved: PanelState | undefined,
  dir: string,
  firstRequest = 1,
): PanelModel {
  const kept = saved && (dir === '' || saved.dir === dir) ? saved : undefined;
  return {
    run: undefined,
    unavailable: undefined,
    dir: dir === '' ? (kept?.dir ?? '') : dir,
    where: kept?.where,
    step: kept?.step,
    view: kept?.view ?? 'heatmap',
    exact: undefined,
    zoomed: {},
    pending: [],
    outcome: undefined,
    refusal: undefined,
    nextRequest: firstRequest,
    gap: false,
  };
}

export const panelState = ({ dir, where, step, view }: PanelModel): PanelState => ({
  version: 1,
  dir,
  where,
  step,
  view,
});

export function reduce(model: PanelModel, action: PanelAction): PanelModel {
  switch (action.type) {
    case 'host':
      return receive(model, action.message);
    case 'choose':
      return { ...model, where: action.where, step: undefined, exact: undefined };
    case 'goTo':
      return { ...model, step: action.step };
    case 'view':
      return { ...model, view: action.view };
    case 'control': {
      const pending = { request: model.nextRequest, control: action.control };
      return {
        ...model,
        nextRequest: model.nextRequest + 1,
        pending: [...model.pending, pending],
        outcome: undefined,
        refusal: undefined,
      };
    }
    case 'refuse':
      return { ...model, outcome: undefined, refusal: action.words };
    case 'dismiss':
      return { ...model, outcome: undefined, refusal: undefined };
    case 'unzoom':
      return { ...model, zoomed: {} };
  }
}

function receive(model: PanelModel, message: HostToPanel): PanelModel {
  switch (message.type) {
    case 'snapshot':
      return takeSnapshot(model, message.snapshot);
    case 'events':
      return takeEvents(model, message.events, message.state);
    case 'alphas':
      return message.alphas === null
        ? model
        : { ...model, exact: { ...message.where, step: message.step, alphas: message.alphas } };
    case 'loss':
      return {
        ...model,
        zoomed: { ...model.zoomed, [whereKey(message.curve)]: message.curve },
      };
    case 'control':
      return settle(model, message);
    case 'unavailable':
      return { ...model, run: undefined, unavailable: message.error, pending: [] };
  }
}

function takeSnapshot(model: PanelModel, snapshot: RunSnapshot): PanelModel {
  const { curves, frames, ...rest } = snapshot;
  const resumed = snapshot.events.findLast((event) => event.type === 'resumed');
  const stale = resumed !== undefined && snapshot.latest && snapshot.latest.seq < resumed.seq;
  const run: RunData = {
    ...rest,
    latest: stale ? undefined : snapshot.latest,
    jobs: jobsOf(curves, frames),
  };
  const sameRun = model.dir === snapshot.dir;
  return {
    ...model,
    run,
    dir: snapshot.dir,
    unavailable: undefined,
    where: sameRun ? model.where : undefined,
    step: sameRun ? model.step : undefined,
    exact: undefined,
    zoomed: {},
    gap: false,
  };
}

/** Adds what the log got. Events that a snapshot held already are left out, by `seq`. */
function takeEvents(
  model: PanelModel,
  events: readonly RunEvent[],
  state: RunData['state'],
): PanelModel {
  if (!model.run) return model;
  let run: RunData = { ...model.run, state };
  let gap: boolean = model.gap;
  let exact = model.exact;
  let steps: StepEvent[] = [];
  const flush = (): void => {
    if (steps.length > 0) run = { ...run, jobs: addSteps(run.jobs, steps) };
    steps = [];
  };
  for (const event of events) {
    if (event.seq < run.nextSeq) continue;
    if (event.seq > run.nextSeq) gap = true;
    if (event.type === 'step') {
      steps.push(event);
      run = { ...run, nextSeq: event.seq + 1, latest: event };
      continue;
    }
    flush();
    if (event.type === 'resumed') {
      run = { ...takeBack(run, event), nextSeq: event.seq + 1 };
      exact = undefined;
    } else {
      run = { ...run, nextSeq: event.seq + 1, events: [...run.events, event] };
    }
  }
  flush();
  return { ...model, run, gap, exact };
}

/** Drops what a resumption supersedes, except `control`: its change holds at its step. */
function takeBack(run: RunData, event: ResumedEvent): RunData {
  const events = run.events.filter(
    (each) => each.seq < event.supersedesFromSeq || each.type === 'control',
  );
  return {
    ...run,
    events: [...events, event],
    jobs: rewind(run.jobs, event),
    latest: undefined,
  };
}

function settle(model: PanelModel, answer: HostToPanel & { type: 'control' }): PanelModel {
  const asked = model.pending.find(({ request }) => request === answer.request);
  if (!asked) return model;
  const refused = answer.state === 'refused';
  return {
    ...model,
    pending: model.pending.filter((each) => each !== asked),
    outcome: {
      ...asked,
      step: answer.step,
      error: refused
        ? (answer.error ?? {
            code: 'refused',
            message: 'The search refused it without a reason.',
            hint: 'Look into the log.',
          })
        : undefined,
    },
  };
}

/** The frame that an answer of the host gives for exactly this step, if it is there. */
export const exactFor = (model: PanelModel, where: Where, step: number): Alphas | undefined =>
  model.exact && model.exact.step === step && sameWhere(model.exact, where)
    ? model.exact.alphas
    : undefined;
