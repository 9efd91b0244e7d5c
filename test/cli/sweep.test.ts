/** A sweep in real processes: the same results at once or one after another, cut or not; and folders of strangers. */
import assert from 'node:assert/strict';
import { cp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SweepEvent } from '../../server/contract/sweep';
import type { SweepModel } from '../../server/report/sweep/sweepModel';
import { isAlive, signalProcess } from '../../server/runs/processIdentity';
import { findPublication } from '../../server/runs/runtimeFolder';
import { readSweepManifest, type SweepManifest } from '../../server/runs/sweepFolder';
import { computed, rawEvents } from './runFiles';
import { eventually, Scene, type Said } from './scene';

/** Two cells of a search without fine-tuning, threads not given. */
const SWEPT = {
  'search.steps': 12,
  'search.seed': undefined,
  finetune: false,
  baselines: false,
  engine: 'wasm',
  sweep: { 'search.learningRate': [1e-3, 1e-2], 'search.seed': [1] },
};

describe('manticore search of a sweep', () => {
  let scene: Scene;
  let config: string;
  let first: { readonly dir: string; readonly said: Said };

  before(async () => {
    scene = await Scene.make();
    config = await scene.config(SWEPT);
    const said = await scene.run(['search', config, '--json']);
    first = { dir: (await sweeps())[0]!, said };
  });
  after(() => scene.remove());

  const sweeps = async (parent = scene.path('.manticore', 'sweeps')): Promise<string[]> =>
    (await readdir(parent)).sort().map((name) => path.join(parent, name));

  /** Folders of the cells' runs, in the order of the cells. */
  async function runsOf(dir: string, parent = scene.path('.manticore', 'runs')): Promise<string[]> {
    const { cells } = await readSweepManifest(dir);
    return cells.map(({ folder }) => path.join(parent, folder ?? 'none'));
  }

  const modelOf = async (dir: string): Promise<SweepModel> =>
    JSON.parse(await readFile(path.join(dir, 'result', 'sweep.json'), 'utf8')) as SweepModel;

  /** The report without what clocks and names make of it. */
  async function figures(dir: string): Promise<unknown> {
    const { rows, selected } = await modelOf(dir);
    const bare = JSON.stringify([rows, selected], (key, value: unknown) =>
      key === 'seconds' || key === 'runs' ? undefined : value,
    );
    return JSON.parse(bare);
  }

  it('tells each cell by events, and leaves its table and picture', async () => {
    const { code, out, err } = first.said;
    assert.equal(code, 0, err);
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SweepEvent);
    assert.equal(events[0]?.type, 'sweep');
    const ends = events.flatMap((event) =>
      event.type === 'cell' && event.state === 'done' ? [event.cell] : [],
    );
    assert.deepEqual(ends, [1, 2]);
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'end' ? [event.status, event.done] : [])),
      ['done', 2],
    );
    const files = await readdir(path.join(first.dir, 'result'));
    assert.deepEqual(files.sort(), [
      'sweep.csv',
      'sweep.html',
      'sweep.json',
      'sweep.png',
      'sweep.svg',
    ]);
    const { measure, rows, selected } = await modelOf(first.dir);
    assert.equal(measure, 'loss');
    assert.deepEqual(
      rows.map(({ cells, seeds }) => [cells, seeds]),
      [
        [[1], 1],
        [[2], 1],
      ],
    );
    const losses = rows.map((row) => row.subjects[0]!.validation!.loss.mean);
    assert.equal(selected[0]?.row, losses[0]! <= losses[1]! ? 0 : 1);
  });

  it('its cells are what runs of their configs are', async () => {
    const alone = await scene.run([
      ...['search', await scene.config({ ...SWEPT, sweep: undefined }, 'alone'), '--json'],
      ...['--out', 'alone', '--set', 'search.learningRate=1e-2', '--set', 'search.seed=1'],
    ]);
    assert.equal(alone.code, 0, alone.err);
    const [run] = await scene.runs(scene.path('alone'));
    assert.deepEqual(await computed((await runsOf(first.dir))[1]!), await computed(run!));
  });

  it('two at once come to the same as one after another', async () => {
    const { code, err } = await scene.run([
      ...['search', config, '--json', '--jobs', '2'],
      ...['--out', 'both'],
    ]);
    assert.equal(code, 0, err);
    const parent = scene.path('both');
    const dir = (await sweeps(parent)).find((each) => !/-\d$/.test(each))!;
    assert.deepEqual(await figures(dir), await figures(first.dir));
    const [one, two] = await runsOf(dir, parent);
    const [other] = await runsOf(first.dir);
    assert.deepEqual(await computed(one!), await computed(other!));
    assert.match(await readFile(path.join(two!, 'config.manticore.yaml'), 'utf8'), /threads: \d/);
  });

  it('killed with its cell, it goes on to the same results', async () => {
    const cli = scene.start(['search', config, '--json', '--out', 'cut']);
    const parent = scene.path('cut');
    const dir = await eventually('the sweep', async () => {
      for (const each of await scene.runs(parent)) {
        const known = await readSweepManifest(each).catch(() => undefined);
        if (known?.cells[0]?.folder !== undefined) return each;
      }
      return undefined;
    });
    const [run] = await runsOf(dir, parent);
    await eventually('a step', async () =>
      (await rawEvents(run!)).some(({ type }) => type === 'step') ? true : undefined,
    );
    cli.child.kill('SIGKILL');
    await cli.ended;
    const publication = await findPublication(run!);
    if (publication) {
      await signalProcess(publication.record, 'SIGKILL');
      await eventually('its end', async () => !(await isAlive(publication.record)) || undefined);
    }
    // What was made just before the kill may stand in no `sweep.json`: the run itself says whose it is.
    const manifest = await readSweepManifest(dir);
    const forgotten: SweepManifest = {
      ...manifest,
      cells: manifest.cells.map(() => ({ state: 'waiting' })),
    };
    await writeFile(path.join(dir, 'sweep.json'), JSON.stringify(forgotten));
    const { code, err } = await scene.run(['resume', manifest.id, '--json'], { cwd: parent });
    assert.equal(code, 0, err);
    assert.deepEqual(await figures(dir), await figures(first.dir));
    assert.equal((await runsOf(dir, parent))[0], run);
    assert.deepEqual(await computed(run!), await computed((await runsOf(first.dir))[0]!));
  });

  it('is stopped by one Ctrl-C with a checkpoint, followed from elsewhere, and stopped by command', async () => {
    const file = await scene.config({ ...SWEPT, 'search.steps': 30_000 }, 'long');
    const parent = scene.path('long');
    const cli = scene.start(['search', file, '--out', 'long']);
    const begun = async (): Promise<string> =>
      eventually('a step', async () => {
        for (const each of await scene.runs(parent).catch(() => [])) {
          const known = await readSweepManifest(each).catch(() => undefined);
          const folder = known?.cells[0]?.state === 'running' && known.cells[0].folder;
          if (!folder) continue;
          const events = await rawEvents(path.join(parent, folder));
          if (events.at(-1)?.type === 'step') return each;
        }
        return undefined;
      });
    const dir = await begun();
    cli.child.kill('SIGINT');
    const stopped = await cli.ended;
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(stopped.out, /Stopping every running cell, with a checkpoint\./);
    const { id, cells } = await readSweepManifest(dir);
    assert.deepEqual(
      cells.map(({ state }) => state),
      ['stopped', 'waiting'],
    );
    const [run] = await runsOf(dir, parent);
    assert.ok((await readdir(path.join(run!, 'checkpoints'))).length > 0);

    const resumed = scene.start(['resume', id], { cwd: parent });
    await begun();
    const attached = scene.start(['attach', id], { cwd: parent });
    await eventually('what attach says', () => attached.out().includes('2 runs') || undefined);
    const { code, out, err } = await scene.run(['stop', id], { cwd: parent });
    assert.equal(code, 0, err);
    assert.equal(out, 'stop: 1 running cell.\n');
    assert.equal((await resumed.ended).code, 130);
    const followed = await attached.ended;
    assert.equal(followed.code, 130);
    assert.match(followed.out, new RegExp(`Go on with {2}manticore resume ${id}`));
    const again = await scene.run(['stop', id], { cwd: parent });
    assert.equal(again.code, 1);
    assert.match(again.err, /^not-running: /);
  });

  it('a cell that fails is named, and holds up no other', async () => {
    const file = await scene.config(
      { ...SWEPT, sweep: { 'search.learningRate': [1e30, 1e-3] } },
      'failing',
    );
    const { code, err, out } = await scene.run(['search', file]);
    assert.equal(code, 3, out);
    assert.match(err, /^cell 1 \(search\.learningRate=1e\+30\) failed: /m);
    assert.match(out, /Cell 2 of 2 .*: done/);
  });

  it('is listed, and its report is rebuilt', async () => {
    const { manifest } = { manifest: await readSweepManifest(first.dir) };
    const listed = await scene.run(['runs']);
    assert.match(listed.out, new RegExp(`^${manifest.id} +2 of 2`, 'm'));
    await rm(path.join(first.dir, 'result'), { recursive: true });
    const { code, out, err } = await scene.run(['report', manifest.id, '--json']);
    assert.equal(code, 0, err);
    assert.equal((JSON.parse(out) as { done: number }).done, 2);
    await figures(first.dir);
  });

  it('--jobs without a sweep, and a sweep’s own problems, are told', async () => {
    const plain = await scene.config({}, 'plain');
    assert.equal((await scene.run(['search', plain, '--jobs', '2'])).code, 2);
    const { code, err } = await scene.run(['search', config, '--set', 'sweep.search=[]']);
    assert.equal(code, 1);
    assert.match(err, /sweep-empty/);
  });
});

describe('a sweep folder of a stranger', () => {
  let scene: Scene;
  let dir: string;
  before(async () => {
    scene = await Scene.make();
    const config = await scene.config({
      ...SWEPT,
      'search.steps': 2,
      sweep: { 'search.learningRate': [1e-3] },
    });
    assert.equal((await scene.run(['search', config, '--json', '--out', 'own'])).code, 0);
    const names = await readdir(scene.path('own'));
    dir = scene.path(
      'own',
      names.find((name) => /-tiny$/.test(name))!,
    );
  });
  after(() => scene.remove());

  /** A copy with another `sweep.json`. */
  async function forged(
    name: string,
    change: (manifest: SweepManifest) => unknown,
  ): Promise<string> {
    const copy = scene.path('own', name);
    await cp(dir, copy, { recursive: true });
    await rm(path.join(copy, 'result'), { recursive: true, force: true });
    const manifest = await readSweepManifest(dir);
    await writeFile(path.join(copy, 'sweep.json'), JSON.stringify(change(manifest)));
    return copy;
  }

  it('names no folder outside its runs, and no cells that its config hasn’t', async () => {
    for (const [name, change] of Object.entries({
      up: (m: SweepManifest) => ({ ...m, cells: [{ ...m.cells[0]!, folder: '../../etc' }] }),
      many: (m: SweepManifest) => ({ ...m, cells: [...m.cells, ...m.cells] }),
      none: () => ({}),
    })) {
      const { code, err } = await scene.run(['report', await forged(name, change)]);
      assert.equal(code, 1, name);
      assert.match(err, /(not-a-sweep|run-not-found)/);
    }
  });

  it('takes no run for a cell that is another config’s', async () => {
    const copy = await forged('other', (manifest) => manifest);
    const text = await readFile(path.join(copy, 'config.manticore.yaml'), 'utf8');
    await writeFile(
      path.join(copy, 'config.manticore.yaml'),
      text.replace(/steps: 2\b/, 'steps: 3'),
    );
    const { code, out } = await scene.run(['report', copy, '--json']);
    assert.equal(code, 0);
    assert.equal((JSON.parse(out) as { done: number }).done, 0);
  });

  it('writes no report through a link, and escapes what it shows', async () => {
    const linked = await forged('linked', (manifest) => manifest);
    await symlink(scene.path(), path.join(linked, 'result'));
    assert.equal((await scene.run(['report', linked])).code, 1);
    const named = await forged('named', (manifest) => ({
      ...manifest,
      config: '/x/<img src=x onerror=alert(1)>.manticore.yaml',
    }));
    assert.equal((await scene.run(['report', named])).code, 0);
    const html = await readFile(path.join(named, 'result', 'sweep.html'), 'utf8');
    assert.doesNotMatch(html, /<img/);
    assert.match(html, /default-src 'none'/);
  });
});
