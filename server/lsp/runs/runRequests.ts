/** Answers to requests about one run. */
import { CommandError } from '../../commands/commandError';
import { sendControl } from '../../commands/sendControl';
import { stopSweep } from '../../commands/sweep/stopSweep';
import type { ControlRequest } from '../../contract/control';
import type { LossCurve, RunRef, RunSnapshot } from '../../contract/runViews';
import type { Alphas, Where } from '../../contract/events';
import { computeLogEnd } from '../../runs/lastWords';
import { runAt, type ListedRun } from '../../runs/listRuns';
import { notARunFolder } from '../../runs/runErrors';
import { stateOf } from '../../runs/runState';
import { sweepAt } from '../../runs/sweepFolder';
import type { BlockMarks, RunsHost } from '../runsInterface';
import { latestSearch } from './configWeights';
import { marksOf } from './marks';
import type { Params } from './params';
import type { Records } from './records';
import type { RunList } from './runList';
import { lossCurve, snapshotOf } from './snapshot';
import { Starting } from './starting';
import type { Watches } from './watches';

const logBytes = 512 * 1024;

export class RunRequests {
  private readonly starting: Starting;

  constructor(
    host: RunsHost,
    private readonly list: RunList,
    private readonly records: Records,
    private readonly watches: Watches,
  ) {
    this.starting = new Starting(host, (dir) => {
      list.catalog.name(dir);
      list.sweeps.name(dir);
      void list.look();
    });
  }

  async startSearch(
    uri: string,
    besides: boolean,
    signal: AbortSignal,
  ): Promise<RunRef & { readonly cells?: number }> {
    const run = await this.starting.startSearch(uri, besides, signal);
    await this.list.look();
    return run;
  }

  async resume(folder: string, signal: AbortSignal): Promise<RunRef> {
    const sweep = await sweepAt(folder);
    if (sweep !== undefined) {
      this.list.sweeps.name(sweep.dir);
      const resumed = await this.starting.resumeSweep(sweep, signal);
      await this.list.look();
      return resumed;
    }
    const run = await this.runOf(folder);
    this.list.catalog.name(run.dir);
    const resumed = await this.starting.resume(run, signal);
    await this.list.look();
    return resumed;
  }

  async control(
    folder: string,
    request: ControlRequest,
    signal: AbortSignal,
  ): Promise<{ readonly step: number }> {
    const sweep = await sweepAt(folder);
    if (sweep !== undefined && request.action === 'stop') {
      await stopSweep(sweep, request.checkpoint, signal);
      void this.list.look();
      return { step: 0 };
    }
    const { dir } = sweep ?? (await this.runOf(folder));
    const reply = await sendControl(dir, request, signal);
    void this.list.look();
    if (!reply.ok) throw new CommandError(reply.code, reply.message, hintFor(reply.code));
    return { step: reply.step };
  }

  async snapshot(folder: string): Promise<RunSnapshot> {
    const run = await this.runOf(folder);
    const record = await this.records.get(run.dir);
    const plan = await this.records.plan(run.dir);
    return snapshotOf(run, await stateOf(run.dir, run.manifest), record, plan);
  }

  async watch(folder: string, fromSeq: number): Promise<null> {
    const { dir, manifest } = await this.runOf(folder);
    const { index } = await this.records.get(dir);
    this.watches.watch(dir, fromSeq, index.positionBefore(fromSeq), await stateOf(dir, manifest));
    return null;
  }

  /** A folder that is gone is watched no more. */
  async unwatch(folder: string): Promise<null> {
    this.watches.unwatch((await runAt(folder))?.dir ?? folder);
    return null;
  }

  async alphasAt(
    folder: string,
    where: Where,
    steps: readonly number[],
  ): Promise<readonly (Alphas | null)[]> {
    const { dir } = await this.runOf(folder);
    const { index } = await this.records.get(dir);
    if (index.extent(where).recorded === 0) return steps.map(() => null);
    return (await index.alphaPath(where, steps)).map((alphas) => alphas ?? null);
  }

  async lossBetween(params: Params<'manticore/lossBetween'>): Promise<LossCurve> {
    const { dir } = await this.runOf(params.dir);
    const { index } = await this.records.get(dir);
    const { where, fromStep, toStep, maxPoints } = params;
    const curve = lossCurve(index, where, fromStep, toStep, maxPoints);
    return { ...curve, total: (await index.latestStep(where))?.steps ?? curve.total };
  }

  /** From the data of the run, or of the sweep's runs: a stored page is never opened. */
  async report({ dir: folder, appearance }: Params<'manticore/buildReport'>): Promise<{
    readonly html: string;
    readonly headline: string;
  }> {
    const sweep = await sweepAt(folder);
    if (sweep !== undefined) return sweepReport(sweep.dir, appearance);
    const { dir } = await this.runOf(folder);
    // Rarely asked for: an idle server doesn't hold it.
    const { readReportModel } = await import('../../report/write');
    const { reportHtml } = await import('../../report/html');
    const model = await readReportModel(dir);
    return { html: reportHtml(model, appearance), headline: model.headline.sentence };
  }

  async computeLog(folder: string): Promise<string> {
    const { dir } = (await sweepAt(folder)) ?? (await this.runOf(folder));
    return computeLogEnd(dir, logBytes);
  }

  /** Pins and prunings as they stand now. */
  async marksOf(folder: string): Promise<readonly BlockMarks[]> {
    const { dir } = await this.runOf(folder);
    const record = await this.records.get(dir);
    const marked = marksOf(await this.records.plan(dir), record.events, latestSearch(record));
    if (marked === undefined) {
      throw new CommandError(
        'run-not-begun',
        'This run has not begun: it says nothing of its blocks yet.',
        'Wait for its first step.',
      );
    }
    const { components, blocks } = marked;
    return blocks.map(({ pinned, pruned }) => ({
      pin: pinned === undefined ? undefined : namedWeights(components, pinned),
      prune: components.filter((_, m) => pruned[m]),
    }));
  }

  /** @throws RunError `not-a-run` */
  private async runOf(folder: string): Promise<ListedRun> {
    const run = await runAt(folder);
    if (run === undefined) throw notARunFolder(folder);
    return run;
  }
}

async function sweepReport(
  dir: string,
  appearance: Params<'manticore/buildReport'>['appearance'],
): Promise<{ readonly html: string; readonly headline: string }> {
  const { SweepReporter } = await import('../../commands/sweep/sweepReporter');
  const { sweepHtml } = await import('../../report/sweep/sweepHtml');
  const { headlineOf } = await import('../../report/sweep/sweepText');
  const model = await new SweepReporter(dir).model();
  return { html: sweepHtml(model, appearance), headline: headlineOf(model).sentence };
}

/** Weights of 0 are left out, as in a config. */
const namedWeights = (
  components: readonly string[],
  weights: readonly number[],
): Record<string, number> =>
  Object.fromEntries(
    components.flatMap((name, m): [string, number][] =>
      (weights[m] ?? 0) > 0 ? [[name, weights[m]!]] : [],
    ),
  );

/** What to do about a refusal of the search. */
function hintFor(code: string): string {
  switch (code) {
    case 'alphas-frozen':
      return 'Write the change into the config, and run it again.';
    case 'run-over':
      return 'Resume the run, if it is not done.';
    default:
      return '';
  }
}
