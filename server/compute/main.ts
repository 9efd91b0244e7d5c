/** The compute process: `compute run DIR`, `compute resume DIR`, or `compute job` with a ComputeJob on standard input. */
import { runJobFromInput } from './process/job';
import { runProcess } from './process/runProcess';

async function main([mode, dir]: readonly string[]): Promise<boolean> {
  if ((mode === 'run' || mode === 'resume') && dir !== undefined) {
    return runProcess(dir, mode === 'resume');
  }
  if (mode === 'job') return runJobFromInput();
  throw new Error('usage: compute run DIR | compute resume DIR | compute job');
}

main(process.argv.slice(2)).then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: unknown) => {
    console.error(
      error instanceof Error && error.name !== 'RunError' ? error.stack : String(error),
    );
    process.exit(1);
  },
);
