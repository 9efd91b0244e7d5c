/**
 * One row: every contestant is started and checked alone, then all take turns, so that what else the machine does hits
 * them alike. PyTorch's slower scan drops out before the turns.
 */
import type { Contestant } from './contestants';
import { largestDifference } from './statistics';
import { Taker, type ContestantResult } from './taker';

/** Two float32 implementations of one model differ by less, over steps that train it. */
export const AGREEMENT = 1e-4;
/** Every how many turns the builds without joined vectors take one: they stand beside, and are the slowest. */
const PLAINER_EVERY = 2;

/** A peer whose first step takes so many times the other's second one is asked for no other, and for no turn. */
const HOPELESS = 4;

export interface RowMeasurement {
  readonly contestants: readonly ContestantResult[];
  /** Numbers that all agreed on, and by how much they differed at most. */
  readonly checked: number;
  readonly difference: number;
}

export interface RowSettings {
  readonly folder: string;
  readonly turns: number;
  /** Steps that must agree; at least two, of which the second, or a hopeless first, shows which of PyTorch's scans is faster. */
  readonly checkedSteps: number;
  /** Tells the scans apart by a whole turn instead. */
  readonly trialTurn: boolean;
  /** Steps under the profiler once the turns are over; 0: none. */
  readonly profileSteps: (soFar: RowMeasurement) => number;
  readonly say: (what: string) => void;
  /** Milliseconds of a clock that doesn't go back. */
  readonly now: () => number;
}

/** @throws Error when two contestants don't compute the same, or one's process ends */
export async function measureRow(
  contestants: readonly Contestant[],
  settings: RowSettings,
): Promise<RowMeasurement> {
  const { folder, turns, say, now } = settings;
  const secondsOf = async (run: () => Promise<void>): Promise<number> => {
    const begun = now();
    await run();
    return (now() - begun) / 1000;
  };
  const takers: Taker[] = [];
  const dropped: ContestantResult[] = [];
  try {
    const seconds = new Map<Taker, number>();
    const hopeless = new Set<Taker>();
    for (const contestant of contestants) {
      say(`${contestant.name}: first steps`);
      const taker = await Taker.start(contestant, folder);
      takers.push(taker);
      const first = await secondsOf(() => taker.check(1));
      const others = [...seconds].filter(([other]) => isPeer(other) && isPeer(taker));
      if (others.some(([, its]) => first > HOPELESS * its)) hopeless.add(taker);
      seconds.set(taker, hopeless.has(taker) ? first : await secondsOf(() => taker.check(1)));
    }
    const early = agreement(takers);
    const slower = await slowerPeer(takers, seconds, hopeless, settings.trialTurn);
    if (slower) {
      takers.splice(takers.indexOf(slower), 1);
      dropped.push(slower.result(false));
      await slower.close();
    }
    const left = settings.checkedSteps - 2;
    if (left > 0) for (const taker of takers) await taker.check(left);
    const { checked, difference } = agreement(takers);
    for (let turn = 0; turn < turns; turn++) {
      say(`turn ${turn + 1} of ${turns}`);
      for (const taker of takers) {
        if (taker.contestant.side !== 'plainer' || turn % PLAINER_EVERY === 0) await taker.turn();
      }
    }
    const measurement = (): RowMeasurement => ({
      contestants: [...takers.map((taker) => taker.result(true)), ...dropped],
      ...{ checked, difference: Math.max(early.difference, difference) },
    });
    const count = settings.profileSteps(measurement());
    for (const taker of takers) {
      if (count === 0 || taker.contestant.side === 'plainer') continue;
      say(`${taker.contestant.name}: profile`);
      await taker.profile(count);
    }
    for (const taker of takers) await taker.close();
    return measurement();
  } catch (error) {
    takers.forEach((taker) => taker.kill());
    throw error;
  }
}

/** @throws Error naming two that differ */
function agreement(takers: readonly Taker[]): { checked: number; difference: number } {
  const [first, ...others] = takers as [Taker, ...Taker[]];
  let largest = 0;
  for (const other of others) {
    // One that is about to drop out may have fewer.
    const count = Math.min(other.values.length, first.values.length);
    const [values, expected] = [other, first].map((taker) => taker.values.slice(0, count));
    const difference = count === 0 ? Infinity : largestDifference(values!, expected!);
    largest = Math.max(largest, difference);
    if (difference <= AGREEMENT) continue;
    throw new Error(
      `${first.contestant.name} and ${other.contestant.name} do not compute the same: ` +
        `[${first.values.join(', ')}] and [${other.values.join(', ')}]`,
    );
  }
  return { checked: first.values.length, difference: largest };
}

const isPeer = ({ contestant }: Taker): boolean => contestant.side === 'peer';

/**
 * The peer that took longer for its second step, or for a trial turn, where there are two; without either the one whose
 * first step has said enough.
 */
async function slowerPeer(
  takers: readonly Taker[],
  seconds: Map<Taker, number>,
  hopeless: ReadonlySet<Taker>,
  trialTurn: boolean,
): Promise<Taker | undefined> {
  const peers = takers.filter(isPeer);
  if (peers.length < 2) return undefined;
  for (const peer of trialTurn && hopeless.size === 0 ? peers : []) {
    await peer.turn();
    seconds.set(
      peer,
      peer.turns[0]!.reduce((sum, value) => sum + value, 0),
    );
  }
  const slowest = peers.reduce((worst, peer) =>
    seconds.get(peer)! > seconds.get(worst)! ? peer : worst,
  );
  // A trial is no turn of the one that stays; the one that goes keeps it, or its step, as what it took.
  for (const peer of peers) if (peer !== slowest) peer.turns.length = 0;
  if (!trialTurn) slowest.turns.push([1000 * seconds.get(slowest)!]);
  return slowest;
}
