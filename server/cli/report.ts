/** `manticore report RUN`: the report, made again from the run's data. */
import { displayText } from '../report/text';
import { writeReport } from '../report/write';
import { readManifest } from '../runs/runFolder';
import { exitCode } from './io';
import type { Io } from './io';

/**
 * @param dir the run folder
 * @throws RunError `not-a-run`, `disk-full`, `unsafe-file`
 */
export async function runReport(dir: string, io: Io): Promise<number> {
  // A folder that is no run gets no files.
  await readManifest(dir);
  const { model, html, json, svg, png } = await writeReport(dir);
  if (io.json) {
    const { state } = model.run;
    io.out(
      `${JSON.stringify({ html, json, svg, png, state, headline: model.headline.sentence })}\n`,
    );
  } else {
    io.out(`${displayText(model.headline.sentence, 1000)}\n${html}\n`);
  }
  return exitCode.done;
}
