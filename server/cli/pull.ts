/** `manticore pull hf:owner/name[@revision]`: a model into the shared hub cache, with progress. */
import { CommandError } from '../commands/commandError';
import { downloadModel } from '../commands/downloadModel';
import { WeightsError, type WeightsErrorCode } from '../weights/errors';
import { showHubModel, type Environment } from '../weights/hubId';
import type { PullProgress, PullResult } from '../weights/pull';
import { CliError, exitCode, type Io } from './io';

const REDRAW_MS = 100;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes in decimal units: `1.6 GB`. */
export function showBytes(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${UNITS[step] ?? 'B'}`;
}

/** What a listener of a pull prints; `end` leaves the cursor at the start of a line. */
interface Display {
  readonly show: (progress: PullProgress) => void;
  readonly end: () => void;
}

const jsonDisplay = (io: Io): Display => {
  let last = -1;
  return {
    show: (progress) => {
      if (progress.type === 'progress') {
        // One line a hundredth: a reader wants to see it move, not every packet.
        const hundredth = Math.floor((100 * progress.doneBytes) / Math.max(1, progress.totalBytes));
        if (hundredth === last && progress.bytes < progress.size) return;
        last = hundredth;
      }
      io.out(`${JSON.stringify(progress)}\n`);
    },
    end: () => undefined,
  };
};

const lineDisplay = (io: Io): Display => ({
  show: (progress) => {
    if (progress.type === 'listed') {
      io.out(`${progress.files.length} files, ${showBytes(progress.totalBytes)}\n`);
    } else if (progress.type === 'file') {
      io.out(`${progress.file} (${showBytes(progress.size)})\n`);
    }
  },
  end: () => undefined,
});

/** One line, drawn over itself: name, bar, share, bytes, speed, time left. */
function barDisplay(io: Io, now: () => number): Display {
  let drawnAt = -Infinity;
  let drawn = false;
  let first: { at: number; bytes: number } | undefined;
  const draw = (progress: PullProgress & { readonly type: 'progress' }) => {
    const { doneBytes, totalBytes, file } = progress;
    first ??= { at: now(), bytes: doneBytes };
    const last = doneBytes === totalBytes;
    if (now() - drawnAt < REDRAW_MS && !last) return;
    drawnAt = now();
    const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
    const seconds = (now() - first.at) / 1000;
    const speed = seconds > 0 ? (doneBytes - first.bytes) / seconds : 0;
    const left = speed > 0 ? Math.ceil((totalBytes - doneBytes) / speed) : undefined;
    const tail = ` ${Math.floor(share * 100)} % of ${showBytes(totalBytes)}${
      speed > 0 ? `, ${showBytes(Math.round(speed))}/s` : ''
    }${left === undefined || left === 0 ? '' : `, ${left} s left`}`;
    const width = Math.max(5, Math.min(30, io.columns - file.length - tail.length - 4));
    const filled = Math.round(share * width);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
    io.out(`\r\x1b[K${`${file} ${bar}${tail}`.slice(0, Math.max(1, io.columns - 1))}`);
    drawn = true;
  };
  return {
    show: (progress) => {
      if (progress.type === 'progress') draw(progress);
    },
    end: () => {
      if (drawn) io.out('\n');
    },
  };
}

/** Input that can't work is the user's to mend; what the network or the disk did may work next time. */
const INPUT: ReadonlySet<WeightsErrorCode> = new Set([
  ...(['pickle-only', 'index-damaged', 'hub-settings', 'hub-not-cached', 'hub-gated'] as const),
  ...(['hub-repository', 'hub-revision', 'hub-file', 'hub-name', 'file-too-large'] as const),
]);

function finish(result: PullResult, shown: string, io: Io): void {
  if (io.json) {
    io.out(`${JSON.stringify({ type: 'done', ...result })}\n`);
    return;
  }
  if (!result.checked) io.err(`${shown}: the hub was not asked; this is what the cache has.\n`);
  io.out(`${result.path}\n`);
}

/**
 * Runs the command and gives its exit code: 0 done, 130 stopped by Ctrl-C (a later pull goes on from there).
 * With `--json` it prints one object a line: `listed`, `progress`, `file`, at last `done`.
 * @throws CliError when the id, the hub, the network or the disk refuse
 */
export async function runPull(
  id: string,
  io: Io,
  environment: Environment = process.env,
): Promise<number> {
  const display = io.json
    ? jsonDisplay(io)
    : io.isTTY
      ? barDisplay(io, () => performance.now())
      : lineDisplay(io);
  try {
    const { model, ...result } = await downloadModel(id, {
      onProgress: display.show,
      signal: io.signal,
      environment,
    });
    display.end();
    finish(result, showHubModel(model), io);
    return exitCode.done;
  } catch (error) {
    display.end();
    if (error instanceof CommandError) {
      throw new CliError(error.code, error.message, error.hint, exitCode.usage);
    }
    if (!(error instanceof WeightsError)) throw error;
    if (error.code === 'hub-stopped') {
      io.err(`${error.message}\n`);
      return exitCode.stopped;
    }
    const exit = INPUT.has(error.code) ? exitCode.problems : exitCode.failed;
    throw new CliError(error.code, error.what, error.hint, exit);
  }
}
