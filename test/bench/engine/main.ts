/** `npm run bench`: our engine's training, search, generation and scan in turns beside PyTorch's. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { version } from '../../../package.json';
import { chooseNode, COMPUTE_FLAGS } from '../../../server/runs/nodeBinary';
import {
  FEWEST_TURNS,
  parseBenchArguments,
  USAGE,
  UsageError,
  type BenchOptions,
} from './arguments';
import { findOlderNode, oursOf, peersOf, plainerOf, type Programs } from './contestants';
import { mergeRows, readKept, writeKept, type KeptRows } from './kept';
import { thisMachine, versionsOf } from './machine';
import { pageOf } from './page';
import { cellsOf, jsonOf, tableText, type BenchReport, type GemmRate } from './report';
import { isMet, reportedRows, type MeasuredRow } from './results';
import type { BenchRow } from './rows';
import { writeScene } from './scene';
import { measureRow } from './turns';

const runFile = promisify(execFile);
/** Under the profiler: steps, tokens, passes at each length. PyTorch's needs minutes to sort a whole text's events. */
const PROFILED = { training: 3, generation: 32, scan: 1 } as const;
const NOTHING_KEPT: KeptRows = { measured: [], gemm: [] };
const say = (what: string): void => void process.stderr.write(`${what}\n`);

async function measureAll(options: BenchOptions, programs: Programs): Promise<BenchReport> {
  const machine = thisMachine();
  const measured: MeasuredRow[] = [];
  const kept = options.keep === undefined ? NOTHING_KEPT : await readKept(options.keep);
  const reportWith = (gemm: readonly GemmRate[]): BenchReport => {
    const all = mergeRows(kept.measured, measured);
    const { turns, threads } = options;
    const rates = gemm.length > 0 ? gemm : kept.gemm;
    return {
      machine,
      versions: versionsOf(version, all),
      turns,
      threads,
      measured: all,
      gemm: rates,
    };
  };
  for (const row of options.rows) {
    const folder = await mkdtemp(path.join(tmpdir(), 'manticore-bench-'));
    try {
      const each = await measureOne(row, folder, options, programs);
      for (const reported of reportedRows(each)) say(cellsOf(row, reported).join('  '));
      measured.push(each);
      // What is there already is kept, should a later row fail.
      await leave(options, reportWith([]));
    } catch (error) {
      // The other rows are still worth having; the command's exit code tells.
      say(`${row.name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const report = reportWith(options.besides ? await gemmRates(programs) : []);
  await leave(options, report);
  return report;
}

async function leave({ write, keep }: BenchOptions, report: BenchReport): Promise<void> {
  if (write !== undefined) await writeFile(write, pageOf(report));
  if (keep !== undefined) await writeKept(keep, report);
}

async function measureOne(
  row: BenchRow,
  folder: string,
  options: BenchOptions,
  programs: Programs,
): Promise<MeasuredRow> {
  const load = loadavg()[0]!;
  const sayOfRow = (what: string) => say(`${row.name}: ${what}`);
  sayOfRow(`${row.title}, ${row.size}`);
  if (row.kind === 'scan') {
    const scene = { ...row, threads: options.threads };
    await writeFile(path.join(folder, 'row.json'), JSON.stringify(scene));
  } else {
    await writeScene(row, folder, path.resolve('examples'), options.threads);
  }
  const hasScan = row.kind === 'scan' || row.models.some(({ name }) => name === 'mamba');
  const contestants = [
    oursOf(programs),
    ...(options.besides && row.kind !== 'scan' ? plainerOf(programs) : []),
    ...peersOf(programs, hasScan ? options.scans : ['loop']),
  ];
  const measurement = await measureRow(contestants, {
    ...{
      folder,
      turns: options.turns,
      checkedSteps: row.kind === 'training' ? row.checkedSteps : 2,
      trialTurn: row.kind === 'scan',
      say: sayOfRow,
      now: () => performance.now(),
    },
    profileSteps: (soFar) => {
      const missed = reportedRows({ row, load, measurement: soFar }).some(
        (each) => isMet(each) === false,
      );
      const wanted = options.profile === 'all' || (options.profile === 'missed' && missed);
      return wanted ? PROFILED[row.kind] : 0;
    },
  });
  return { row, load, measurement };
}

/** A process for each: an engine's threads can't be changed. */
async function gemmRates({ node, ours }: Programs): Promise<GemmRate[]> {
  const rates: GemmRate[] = [];
  for (const threads of [1, 2]) {
    say(`matrix product: ${threads} thread${threads === 1 ? '' : 's'}`);
    const script = path.join(path.dirname(ours), 'gemm.mjs');
    const { stdout } = await runFile(node, [...COMPUTE_FLAGS, script, String(threads)]);
    rates.push(JSON.parse(stdout) as GemmRate);
  }
  return rates;
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const options = parseBenchArguments(process.argv.slice(2));
  if (options.write !== undefined) await mkdir(path.dirname(options.write), { recursive: true });
  const choice = await chooseNode({ baseFolder: path.resolve('dist') });
  const python = process.env['MANTICORE_PEER_PYTHON'] ?? '';
  const report = await measureAll(options, {
    ours: path.resolve('build/bench/ours.mjs'),
    node: choice.path,
    olderNode: findOlderNode(options.olderNode),
    python: python === '' ? undefined : python,
    peerScript: path.resolve('test/bench/engine/peer/peer.py'),
    threads: options.threads,
  });
  if (options.turns < FEWEST_TURNS) say(`Of ${options.turns} turns: a look, not a measurement.`);
  const json = () => `${JSON.stringify(jsonOf(report), null, 2)}\n`;
  process.stdout.write(options.json ? json() : tableText(report));
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
