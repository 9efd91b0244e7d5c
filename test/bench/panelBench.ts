/** How long a panel waits for a long run: its first snapshot, one after a step, α of one step, a zoom. Prints; asserts nothing. */
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeLongRun } from '../runs/longRun';
import { RunsClient } from '../lsp/runs/runsClient';

const shape = { steps: 100_000, blocks: 24, components: 3 };
const repeats = 20;

/** Milliseconds of each call. */
async function timed(count: number, body: (turn: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < count; turn++) {
    const before = performance.now();
    await body(turn);
    times.push(performance.now() - before);
  }
  return times.sort((left, right) => left - right);
}

const median = (times: readonly number[]): number => times[Math.floor(times.length / 2)]!;

function say(what: string, times: readonly number[]): void {
  const worst = times.at(-1)!;
  const tail = times.length === 1 ? '' : ` (worst of ${times.length}: ${worst.toFixed(0)} ms)`;
  console.log(`${what.padEnd(44)} ${median(times).toFixed(1)} ms${tail}`);
}

async function main(): Promise<void> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'mt-bench-')));
  process.env['MANTICORE_RUNTIME_DIR'] = path.join(folder, 'runtime');
  let client: RunsClient | undefined;
  try {
    const dir = await writeLongRun({ ...shape, folder });
    const { size } = await stat(path.join(dir, 'events.jsonl'));
    const { steps, blocks, components } = shape;
    console.log(
      `${steps} steps × ${blocks} blocks × ${components} components, ${(size / 1e6).toFixed(0)} MB of log`,
    );
    const open = await RunsClient.start({});
    client = open;
    const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
    let bytes = 0;
    const snapshot = async (): Promise<void> => {
      bytes = JSON.stringify(await open.ask('manticore/runSnapshot', { dir })).length;
    };
    say('the first snapshot, server just started', await timed(1, snapshot));
    say(`a snapshot again (${(bytes / 1e6).toFixed(1)} MB)`, await timed(repeats, snapshot));
    say(
      'α of a step',
      await timed(repeats, (turn) =>
        open.ask('manticore/alphasAt', { dir, where, steps: [1 + ((turn * 7919) % steps)] }),
      ),
    );
    say(
      'losses of a tenth of the run, 2000 points',
      await timed(repeats, (turn) =>
        open.ask('manticore/lossBetween', {
          ...{ dir, where, fromStep: turn * 4000, toStep: turn * 4000 + 10_000, maxPoints: 2000 },
        }),
      ),
    );
    await open.close();
  } finally {
    client?.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
