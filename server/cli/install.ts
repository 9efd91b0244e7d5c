/** `manticore engines --install NAME`: an engine into this user's cache. */
import { installEngine } from '../commands/installEngine';
import { tellError } from './control';
import { exitCode, type Io } from './io';
import { engineTable } from './jobs';
import { printable } from './runsCommand';

/** This bundle stands beside that of the compute process. */
const program = { distFolder: __dirname };

/**
 * Prints what npm says as it goes (on standard error), then the engine as it was measured. With `--json`: `{ where,
 * engine }`.
 * @returns 0 installed, 1 nothing to install or no npm, 3 it failed, 130 Ctrl-C
 */
export async function runInstall(name: string, io: Io): Promise<number> {
  try {
    const { where, report } = await installEngine(name, program, {
      signal: io.signal,
      onLine: (line) => io.err(`${printable(line)}\n`),
    });
    io.out(
      io.json
        ? `${JSON.stringify({ where, engine: report })}\n`
        : `${engineTable([report])}Installed in ${where}\n`,
    );
    return exitCode.done;
  } catch (error) {
    if (io.signal.aborted) return exitCode.stopped;
    return tellError(error, io);
  }
}
