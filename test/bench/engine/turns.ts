/**
 * One row: every contestant is started and checked alone, then all take turns, so that what else the machine does hits
 * them alike. PyTorch's slower scan drops out after the check.
 */
import { BenchChild } from './child';
import type { Contestant } from './contestants';
import type { Profile } from './protocol';
import { largestDifference } from './statistics';

/** Two float32 implementations of one model differ by less, over steps that train it. */
export const AGREEMENT = 1e-4;

export interface ContestantResult {
  readonly name: string;
  readonly side: Contestant['side'];
  readonly versions: Readonly<Record<string, string>>;
  readonly memoryBytes: number | null;
  /** Of the whole process, libraries included. */
  readonly processBytes: number | null;
  readonly tensorBytes: number | undefined;
  /** By turn, then series. A scan that dropped out has one. */
  readonly turns: readonly (readonly number[])[];
  /** Took every turn. */
  readonly finished: boolean;
  readonly profile: Profile | undefined;
}

export interface RowMeasurement {
  readonly contestants: readonly ContestantResult[];
  /** Numbers that all agreed on, and by how much they differed at most. */
  readonly checked: number;
  readonly difference: number;
}

export interface RowSettings {
  readonly folder: string;
  readonly turns: number;
  readonly checkedSteps: number;
  /** Steps under the profiler once the turns are over; 0: none. */
  readonly profileSteps: (soFar: RowMeasurement) => number;
  readonly say: (what: string) => void;
}

interface Running {
  readonly contestant: Contestant;
  readonly child: BenchChild;
  readonly versions: Readonly<Record<string, string>>;
  readonly memoryBytes: number | null;
  readonly processBytes: number | null;
  readonly tensorBytes: number | undefined;
  readonly values: readonly number[];
  readonly turns: number[][];
  profile: Profile | undefined;
}

/** @throws Error when two contestants don't compute the same */
export async function measureRow(
  contestants: readonly Contestant[],
  settings: RowSettings,
): Promise<RowMeasurement> {
  const running: Running[] = [];
  const dropped: ContestantResult[] = [];
  try {
    for (const contestant of contestants) {
      settings.say(`${contestant.name}: first steps`);
      running.push(await started(contestant, settings));
    }
    const { checked, difference } = agreement(running);
    const slower = await slowerPeer(running);
    if (slower) {
      running.splice(running.indexOf(slower), 1);
      dropped.push(resultOf(slower, false));
      await slower.child.close();
    }
    for (let turn = 0; turn < settings.turns; turn++) {
      settings.say(`turn ${turn + 1} of ${settings.turns}`);
      for (const each of running) await takeTurn(each);
    }
    const measurement = (): RowMeasurement => ({
      contestants: [...running.map((each) => resultOf(each, true)), ...dropped],
      ...{ checked, difference },
    });
    const count = settings.profileSteps(measurement());
    for (const each of running) {
      if (count === 0 || each.contestant.side === 'plainer') continue;
      settings.say(`${each.contestant.name}: profile`);
      each.profile = await each.child.ask({ do: 'profile', count });
    }
    for (const { child } of running) await child.close();
    return measurement();
  } catch (error) {
    running.forEach(({ child }) => child.kill());
    throw error;
  }
}

async function started(
  contestant: Contestant,
  { folder, checkedSteps }: RowSettings,
): Promise<Running> {
  const child = new BenchChild(contestant.start(folder));
  try {
    const { versions } = await child.ask({ do: 'load' });
    const { values, memoryBytes, processBytes, tensorBytes } = await child.ask({
      do: 'check',
      count: checkedSteps,
    });
    return {
      contestant,
      child,
      versions,
      values,
      memoryBytes,
      processBytes,
      tensorBytes,
      turns: [],
      profile: undefined,
    };
  } catch (error) {
    child.kill();
    throw error;
  }
}

/** @throws Error naming the two that differ most */
function agreement(running: readonly Running[]): { checked: number; difference: number } {
  const [first, ...others] = running as [Running, ...Running[]];
  let largest = 0;
  for (const other of others) {
    const difference = largestDifference(other.values, first.values);
    largest = Math.max(largest, difference);
    if (difference <= AGREEMENT) continue;
    throw new Error(
      `${first.contestant.name} and ${other.contestant.name} do not compute the same: ` +
        `[${first.values.join(', ')}] and [${other.values.join(', ')}]`,
    );
  }
  return { checked: first.values.length, difference: largest };
}

/** The peer that took longer in one turn, where there are two. */
async function slowerPeer(running: readonly Running[]): Promise<Running | undefined> {
  const peers = running.filter(({ contestant }) => contestant.side === 'peer');
  if (peers.length < 2) return undefined;
  for (const peer of peers) await takeTurn(peer);
  const total = ({ turns }: Running) => turns[0]!.reduce((sum, value) => sum + value, 0);
  const slowest = peers.reduce((worst, peer) => (total(peer) > total(worst) ? peer : worst));
  // The trial is no turn of the one that stays.
  for (const peer of peers) if (peer !== slowest) peer.turns.length = 0;
  return slowest;
}

async function takeTurn({ child, turns }: Running): Promise<void> {
  turns.push([...(await child.ask({ do: 'turn' })).milliseconds]);
}

function resultOf(each: Running, finished: boolean): ContestantResult {
  const { contestant, versions, memoryBytes, processBytes, tensorBytes, turns, profile } = each;
  const { name, side } = contestant;
  const memory = { memoryBytes, processBytes, tensorBytes };
  return { name, side, versions, ...memory, turns, finished, profile };
}
