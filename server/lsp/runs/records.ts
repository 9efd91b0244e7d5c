/** The records of runs that are looked at: one a folder, the least recently used ones let go. */
import { RunRecord } from '../../runs/runRecord';
import { readPlanView, type PlanView } from './planView';

/** A record of 100,000 steps takes some 5 MB. */
const kept = 6;

interface Entry {
  readonly record: RunRecord;
  /** A plan is written once, before the run begins. */
  plan: Promise<PlanView | undefined> | undefined;
}

export class Records {
  readonly #entries = new Map<string, Entry>();

  /** @param isNeeded whether a run is followed now: its record stays */
  constructor(private readonly isNeeded: (dir: string) => boolean) {}

  /** The record of a run, refreshed. @throws RunError `unsafe-file`; system errors as they are */
  async get(dir: string): Promise<RunRecord> {
    const { record } = this.#entry(dir);
    await record.refresh();
    return record;
  }

  async plan(dir: string): Promise<PlanView | undefined> {
    const entry = this.#entry(dir);
    entry.plan ??= readPlanView(dir);
    return entry.plan;
  }

  forget(dir: string): void {
    this.#entries.delete(dir);
  }

  #entry(dir: string): Entry {
    const entry = this.#entries.get(dir) ?? { record: new RunRecord(dir), plan: undefined };
    // The last place is that of the latest use.
    this.#entries.delete(dir);
    this.#entries.set(dir, entry);
    this.#letGo();
    return entry;
  }

  #letGo(): void {
    let over = this.#entries.size - kept;
    for (const dir of this.#entries.keys()) {
      if (over <= 0) return;
      if (this.isNeeded(dir)) continue;
      this.#entries.delete(dir);
      over--;
    }
  }
}
