import { systemCode } from '../../files/systemErrors';
import { RunError } from '../../runs/runErrors';
import { readReportModel } from '../write';
import { resultOf, type CellResult } from './cellResult';

/** `undefined` for a run whose log can't be read or trusted. */
export async function readCellResult(runDir: string): Promise<CellResult | undefined> {
  try {
    return resultOf(await readReportModel(runDir));
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}
