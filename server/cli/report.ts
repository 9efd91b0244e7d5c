/** `manticore report RUN`: the report, made again from the run's data. */
import { displayText } from '../report/text';
import { writeReport } from '../report/write';
import { findRun, runBases } from '../runs/listRuns';
import { findSweep } from '../runs/sweepFolder';
import { tellError } from './control';
import { exitCode } from './io';
import type { Io } from './io';
import { reportSweep } from './sweep';

/** @param reference the run's folder, id, a prefix, or `latest` */
export async function runReport(reference: string, io: Io): Promise<number> {
  try {
    const bases = await runBases(process.cwd());
    const sweep = await findSweep(reference, bases);
    if (sweep) return await reportSweep(sweep, io);
    const { dir } = await findRun(reference, bases);
    return await rebuild(dir, io);
  } catch (error) {
    return tellError(error, io);
  }
}

async function rebuild(dir: string, io: Io): Promise<number> {
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
