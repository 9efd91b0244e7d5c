/** α of the newest run of each open config, for hints in the text. */
import type { Alphas, StepEvent, Where } from '../../contract/events';
import type { RunWeights } from '../../language/editor/runWeights';
import type { OtherEvent } from '../../runs/otherEvents';
import type { RunRecord } from '../../runs/runRecord';
import { sameWhere } from '../../runs/stepTable';
import { marksOf, type MarkedRun } from './marks';
import type { Records } from './records';
import { isActive, unlessUnreadable } from './runEntry';
import type { RunList } from './runList';

interface Kept {
  /** What it was made from. */
  readonly key: string;
  readonly weights: RunWeights | undefined;
}

export class ConfigWeights {
  readonly #kept = new Map<string, Kept>();

  constructor(
    private readonly list: RunList,
    private readonly records: Records,
  ) {}

  /** Of a run's folder, as last made. */
  get(dir: string): RunWeights | undefined {
    return this.#kept.get(dir)?.weights;
  }

  /** Makes them anew where a run went on. @returns whether anything changed */
  async refresh(configs: readonly string[]): Promise<boolean> {
    let changed = false;
    const wanted = new Set<string>();
    for (const config of configs) {
      const entry = this.list.runOf(config);
      if (entry === undefined) continue;
      wanted.add(entry.dir);
      const active = isActive(entry.state);
      const record = await unlessUnreadable(this.records.get(entry.dir));
      if (record === undefined) continue;
      const key = `${record.index.nextSeq} ${active}`;
      if (this.#kept.get(entry.dir)?.key === key) continue;
      const plan = await this.records.plan(entry.dir);
      const search = latestSearch(record);
      const marked = marksOf(plan, record.events, search);
      const weights =
        marked === undefined || search === undefined
          ? undefined
          : await unlessUnreadable(weightsOf(record, search, marked, active));
      this.#kept.set(entry.dir, { key, weights });
      changed = true;
    }
    for (const dir of this.#kept.keys()) {
      if (wanted.has(dir)) continue;
      this.#kept.delete(dir);
      changed = true;
    }
    return changed;
  }
}

/** The last search that took a step. */
export function latestSearch({ index }: RunRecord): Where | undefined {
  return index.wheres.findLast(
    (where) => where.stage === 'search' && index.extent(where).recorded > 0,
  );
}

async function weightsOf(
  record: RunRecord,
  search: Where,
  { components, blocks }: MarkedRun,
  active: boolean,
): Promise<RunWeights | undefined> {
  const latest = await record.index.latestStep(search);
  const searches = record.index.wheres.filter(({ stage }) => stage === 'search').length;
  const finished = active ? undefined : finishedAlphas(record.events, components);
  const alphas = finished ?? latest?.alphas;
  if (latest === undefined || alphas === undefined) return undefined;
  if (!fits(alphas, components.length, blocks.length)) return undefined;
  // A mean over seeds has no step before it.
  const meansSeeds = finished !== undefined && searches > 1;
  const before = meansSeeds ? undefined : await alphasBefore(record, search, latest);
  const known = before !== undefined && fits(before, components.length, blocks.length);
  return {
    components,
    alphas,
    before: known ? before : undefined,
    pinned: blocks.map(({ pinned }) => pinned !== undefined),
    pruned: blocks.map(({ pruned }) => pruned),
    source: active ? 'live' : 'last',
  };
}

/** As the run ended: the mean over its seeds. */
function finishedAlphas(
  events: readonly OtherEvent[],
  components: readonly string[],
): Alphas | undefined {
  const finished = events.findLast((event) => event.type === 'finished');
  if (finished === undefined) return undefined;
  const isSame = JSON.stringify(finished.components) === JSON.stringify(components);
  return isSame ? finished.alphas : undefined;
}

/** α at the last checkpoint that lies before the latest step. */
async function alphasBefore(
  { index, events }: RunRecord,
  search: Where,
  latest: StepEvent,
): Promise<Alphas | undefined> {
  const checkpoint = events.findLast(
    (event) => event.type === 'checkpoint' && sameWhere(event, search) && event.step < latest.step,
  );
  return checkpoint?.type === 'checkpoint' ? index.alphas(search, checkpoint.step) : undefined;
}

const fits = (alphas: Alphas, components: number, blocks: number): boolean =>
  alphas.length === blocks &&
  alphas.every((row) => row.length === components && row.every(Number.isFinite));
