/** What a host sends of a log, made the plain way: nothing is thinned, superseded events are gone. */
import type { LossCurve, RunSnapshot, AlphaFrames } from '../../server/contract/runViews';
import type { RunEvent, StepEvent, Where } from '../../server/contract/events';
import type { RunState } from '../../server/contract/run';
import { replay } from '../../server/runs/replay';

const keyOf = ({ stage, subject, seed }: Where): string => JSON.stringify([stage, subject, seed]);

function stateAfter(events: readonly RunEvent[]): RunState {
  let state: RunState = 'starting';
  for (const event of events) {
    if (event.type === 'finished') state = event.status;
    else if (event.type === 'failed') state = 'failed';
    else if (event.type === 'control' && event.action === 'pause') state = 'paused';
    else if (event.type !== 'warning') state = 'running';
  }
  return state;
}

/** Of the first `length` events of a whole log. */
export function snapshotOf(
  log: readonly RunEvent[],
  plan: RunSnapshot['plan'],
  length = log.length,
  state: RunState = stateAfter(log.slice(0, length)),
): RunSnapshot {
  const events = replay(log.slice(0, length));
  const steps = events.filter((event): event is StepEvent => event.type === 'step');
  const jobs = new Map<string, StepEvent[]>();
  for (const step of steps) {
    const own = jobs.get(keyOf(step));
    if (own) own.push(step);
    else jobs.set(keyOf(step), [step]);
  }
  return {
    id: 'a1b2c3',
    dir: '/work/.manticore/runs/20261125-0950-quickstart',
    name: '20261125-0950-quickstart',
    config: '/work/quickstart.manticore.yaml',
    state,
    startedAt: '2026-11-25T00:50:40.000Z',
    nextSeq: length,
    plan,
    events: events.filter((event) => event.type !== 'step'),
    curves: [...jobs.values()].map(curveOf),
    frames: [...jobs.values()].filter(([first]) => first!.alphas).map(framesOf),
    latest: steps.at(-1),
    skipped: 0,
  };
}

function curveOf(steps: readonly StepEvent[]): LossCurve {
  const { stage, subject, seed } = steps[0]!;
  return {
    stage,
    subject,
    seed,
    total: steps.at(-1)!.steps,
    steps: steps.map(({ step }) => step),
    loss: steps.map(({ loss }) => (Number.isFinite(loss) ? loss : null)),
  };
}

function framesOf(steps: readonly StepEvent[]): AlphaFrames {
  const { stage, subject, seed } = steps[0]!;
  return {
    stage,
    subject,
    seed,
    recorded: steps.length,
    steps: steps.map(({ step }) => step),
    alphas: steps.map(({ alphas }) => alphas!),
  };
}
