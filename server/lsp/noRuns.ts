/** What the language shows where no run is known. */
import type { RunsService } from './runsInterface';

export const noRuns: RunsService = {
  runOf: () => undefined,
  weightsOf: () => undefined,
  marksOf: () =>
    Promise.resolve({
      ok: false,
      error: {
        code: 'no-run',
        message: 'There is no such run.',
        hint: 'Run the config first.',
      },
    }),
  onChange: () => ({ dispose: () => undefined }),
  dispose: () => Promise.resolve(),
};
