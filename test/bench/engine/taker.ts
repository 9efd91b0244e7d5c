/** A contestant under way: its process, and what it has shown so far. */
import { BenchChild } from './child';
import type { Contestant } from './contestants';
import type { Profile } from './protocol';

export interface ContestantResult {
  readonly name: string;
  readonly side: Contestant['side'];
  readonly versions: Readonly<Record<string, string>>;
  /** Most bytes resident in the checked steps above those with libraries loaded. */
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

export class Taker {
  /** Of all checked steps. */
  readonly values: number[] = [];
  readonly turns: (readonly number[])[] = [];
  private memoryBytes: number | null = null;
  private processBytes: number | null = null;
  private tensorBytes: number | undefined;
  private profiled: Profile | undefined;

  private constructor(
    readonly contestant: Contestant,
    private readonly child: BenchChild,
    private readonly versions: Readonly<Record<string, string>>,
  ) {}

  /** @throws Error when its process ends */
  static async start(contestant: Contestant, folder: string): Promise<Taker> {
    const child = new BenchChild(contestant.start(folder));
    try {
      const { versions } = await child.ask({ do: 'load' });
      return new Taker(contestant, child, versions);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** The next steps, untimed. */
  async check(count: number): Promise<void> {
    const checked = await this.child.ask({ do: 'check', count });
    this.values.push(...checked.values);
    this.memoryBytes = larger(this.memoryBytes, checked.memoryBytes);
    this.processBytes = larger(this.processBytes, checked.processBytes);
    this.tensorBytes = larger(this.tensorBytes ?? null, checked.tensorBytes ?? null) ?? undefined;
  }

  async turn(): Promise<void> {
    this.turns.push((await this.child.ask({ do: 'turn' })).milliseconds);
  }

  async profile(count: number): Promise<void> {
    this.profiled = await this.child.ask({ do: 'profile', count });
  }

  close(): Promise<void> {
    return this.child.close();
  }

  kill(): void {
    this.child.kill();
  }

  result(finished: boolean): ContestantResult {
    const { name, side } = this.contestant;
    const { versions, memoryBytes, processBytes, tensorBytes, profiled: profile } = this;
    const turns = [...this.turns];
    const memory = { memoryBytes, processBytes, tensorBytes };
    return { name, side, versions, ...memory, turns, finished, profile };
  }
}

const larger = (before: number | null, now: number | null): number | null =>
  before === null || now === null ? (now ?? before) : Math.max(before, now);
