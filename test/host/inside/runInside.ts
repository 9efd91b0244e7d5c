/** mocha inside the extension host. */
import { writeFile } from 'node:fs/promises';
import Mocha from 'mocha';
import { resultVariable, type InsideResult } from './resultFile';

/** Runs the suites that `body` describes; rejects when a test fails, which the window reports as its end. */
export async function runInside(body: () => void): Promise<void> {
  const file = process.env[resultVariable];
  if (file === undefined) throw new Error(`${resultVariable} is not set`);
  const mocha = new Mocha({ ui: 'bdd', timeout: 120_000 });
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, '', mocha);
  body();
  const results: InsideResult[] = [];
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('pass', (test) => results.push({ title: test.fullTitle(), failure: undefined }));
    runner.on('fail', (test, error: Error) => {
      const { message, stack = '' } = error;
      results.push({ title: test.fullTitle(), failure: { message, stack } });
    });
  });
  await writeFile(file, JSON.stringify(results));
  if (failures > 0) throw new Error(`${failures} failed`);
}
