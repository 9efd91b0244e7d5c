/** Run folders and sweep folders → records. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FinishedEvent, HandOver } from '../../server/contract/events';
import type { RunManifest } from '../../server/contract/run';
import type { Setting, SweepAxis } from '../../server/contract/sweep';
import { openSweep } from '../../server/commands/sweep/sweepCells';
import { discretise } from '../../server/compute/search/discretise';
import type { ReportModel } from '../../server/report/modelTypes';
import { readReportModel } from '../../server/report/write';
import { readEvents } from '../../server/runs/readEvents';
import { readConfigSnapshot, readManifest } from '../../server/runs/runFolder';
import { sweepAt } from '../../server/runs/sweepFolder';
import { optionsOf } from './command';
import type { RecordRow, RunRecord } from './records';

/** Where a run belongs: a config of the repository, how it was started, and its cell. */
interface Origin {
  readonly config: string;
  readonly options: readonly string[];
  readonly settings: readonly Setting[];
  readonly axes: readonly SweepAxis[];
}

/**
 * Every finished run in a folder, which is a run's or a sweep's. A sweep that goes on gives the cells that it has.
 * @param configs paths in the repository that a run may be of
 * @throws Error for a run that is of none of them, or hasn't ended well
 */
export async function recordsIn(
  folder: string,
  root: string,
  configs: readonly string[],
): Promise<readonly RunRecord[]> {
  const sweep = await sweepAt(folder);
  if (!sweep) {
    const { config } = await readManifest(folder);
    const origin = await originOf(folder, config, root, configs);
    return [await recordOf(folder, { ...origin, settings: [], axes: [] })];
  }
  const { cells, axes } = await openSweep(sweep.dir);
  const origin = await originOf(sweep.dir, sweep.manifest.config, root, configs);
  const records: RunRecord[] = [];
  for (const { run, state, settings } of cells) {
    if (run && state === 'done')
      records.push(await recordOf(run.dir, { ...origin, settings, axes }));
  }
  return records;
}

async function originOf(
  folder: string,
  written: string,
  root: string,
  configs: readonly string[],
): Promise<Pick<Origin, 'config' | 'options'>> {
  const named = written.split(path.sep).join('/');
  const config = configs.find((each) => named.endsWith(`/${each}`));
  if (config === undefined) throw new Error(`${folder} is of ${written}, which is no experiment.`);
  const committed = await readFile(path.join(root, config), 'utf8');
  try {
    return { config, options: optionsOf(committed, await readConfigSnapshot(folder)) };
  } catch (error) {
    throw new Error(`${folder}, of ${config}: ${(error as Error).message}`, { cause: error });
  }
}

async function recordOf(dir: string, origin: Origin): Promise<RunRecord> {
  const model = await readReportModel(dir);
  const { events } = await readEvents(dir);
  const finished = events.findLast((event) => event.type === 'finished');
  if (model.run.state !== 'done' || !finished) throw new Error(`${dir} has not ended well.`);
  const { task, components, budgets } = model;
  const tokensOf = (stage: 'search' | 'projectors'): number | null => {
    const own = budgets.rows.find((each) => each.stage === stage && each.subject === 'hybrid');
    return own?.tokens ?? null;
  };
  const rows = lastRows(model);
  const isTuned = rows.some(({ stage }) => stage === 'finetune');
  return {
    config: origin.config,
    options: [...origin.options],
    settings: origin.settings.map(({ key, value }) => ({ key, value })),
    axes: origin.axes.map(({ key, values }) => ({ key, values: [...values] })),
    ...madeBy(await readManifest(dir)),
    task,
    programmed: model.program !== null,
    components: components.map(({ name, family }) => ({ name, family })),
    before: { search: isTuned ? tokensOf('search') : null, projectors: tokensOf('projectors') },
    rows,
    alphas: model.alphas.perSeed.map(({ seed, alphas }) => ({
      seed,
      alphas: alphas.map((row) => [...row]),
    })),
    handOver: handOverOf(finished, model),
  };
}

const madeBy = ({ startedAt, versions, engine }: RunManifest) => ({
  day: startedAt.slice(0, 'yyyy-mm-dd'.length),
  version: versions['manticore'] ?? '',
  engine: { name: engine.name, device: engine.device, tier: engine.tier, node: engine.node },
});

/** A subject's last stage is what it stands for: the hybrid fine-tuned, where it was. */
function lastRows({ results }: ReportModel): RecordRow[] {
  const final = results.rows.filter((row) => row.final && row.split !== 'train');
  const tuned = new Set(
    final.filter(({ stage }) => stage === 'finetune').map(({ subject }) => subject),
  );
  return final.flatMap((row): RecordRow[] => {
    const { subject, stage, seed, split, loss, accuracy, parameters, flopsPerToken } = row;
    const isLast = stage !== 'search' || !tuned.has(subject);
    if (!isLast || split === 'train' || stage === 'projectors' || stage === 'program') return [];
    const { updates, tokens, trainingFlops } = row;
    const budget = { parameters, flopsPerToken, updates, tokens, trainingFlops };
    return [{ subject, stage, seed, split, loss, accuracy, ...budget }];
  });
}

/** The log leaves out a kind of α that is the same as one before it: its entry is that one's. */
function handOverOf(
  { handOver = [] }: FinishedEvent,
  { alphas }: ReportModel,
): RunRecord['handOver'] {
  const kinds = ['soft', 'argmax', 'threshold'] as const;
  return alphas.perSeed.flatMap(({ seed, alphas: found }) => {
    const own = handOver.filter((entry) => entry.seed === seed);
    const soft = own.find((entry) => entry.alphas === 'soft');
    if (!soft) return [];
    const threshold =
      handOver.find((entry) => entry.threshold !== undefined)?.threshold ??
      1 / (2 * (found[0]?.length ?? 1));
    const tables = {
      soft: found,
      argmax: discretise(found, 'argmax'),
      threshold: discretise(found, { threshold }),
    };
    const entryOf = (kind: (typeof kinds)[number]): HandOver =>
      own.find((entry) => entry.alphas === kind) ??
      own.find((entry) => isSame(tables[entry.alphas], tables[kind])) ??
      soft;
    return kinds.map((kind) => {
      const { loss, flopsPerToken } = entryOf(kind);
      return { seed, alphas: kind, loss, flopsPerToken };
    });
  });
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
