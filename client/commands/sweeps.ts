/** Stop, resume and report of a sweep: many runs as one. */
import { window } from 'vscode';
import type { SweepListEntry } from '../../server/contract/runViews';
import type { Extension } from '../extension';
import { isSweepResumable, sweepDescription, sweepEndSentence, sweepIcon } from '../runs/sweepText';
import { messageText } from '../text/escape';
import { runDirOf } from './arguments';
import { pick } from './choose';
import { noSweep, refuseToRead, type SweepNeed } from './refusals';
import { control } from './control';
import { resumeAt } from './resumeAt';
import { mayRun, place, tellRefusal } from './tell';

const fits: Record<SweepNeed, (sweep: SweepListEntry) => boolean> = {
  any: () => true,
  active: ({ state }) => state === 'running',
  resumable: ({ state }) => isSweepResumable(state),
};

/** A sweep by the command's argument, the only one that fits, or a question; the user is told why there is none. */
async function chooseSweep(
  extension: Extension,
  argument: unknown,
  need: SweepNeed,
  title: string,
): Promise<{ readonly dir: string; readonly name: string } | undefined> {
  const refusal = refuseToRead(place());
  if (refusal !== undefined) {
    await tellRefusal(refusal);
    return undefined;
  }
  const { runs } = extension;
  const named = runDirOf(argument);
  if (named !== undefined) return { dir: named, name: runs.findSweep(named)?.name ?? 'sweep' };
  if (!runs.isKnown) await runs.refresh();
  const candidates = runs.sweeps.filter(fits[need]);
  if (candidates.length === 0) {
    await tellRefusal(noSweep(need));
    return undefined;
  }
  if (candidates.length === 1) return candidates[0];
  return pick(candidates, {
    ...{ title, placeHolder: 'Which sweep?' },
    icon: ({ state }) => sweepIcon(state).icon,
    description: sweepDescription,
  });
}

/** Every running cell writes a checkpoint and stops; no other begins. */
export async function stopSweep(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Stopping a sweep'))) return;
  const sweep = await chooseSweep(extension, argument, 'active', 'Stop Sweep');
  if (sweep === undefined) return;
  const request = { action: 'stop', checkpoint: true } as const;
  await control(extension, sweep.dir, request, `Stopping ${sweep.name}`);
}

/** Goes on with every cell that is not done. */
export async function resumeSweep(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Resuming a sweep'))) return;
  const sweep = await chooseSweep(extension, argument, 'resumable', 'Resume Sweep');
  if (sweep === undefined) return;
  if ((await resumeAt(extension, sweep)) !== undefined) await sweepStarted(extension, sweep.dir);
}

export async function openSweepReport(extension: Extension, argument: unknown): Promise<void> {
  const sweep = await chooseSweep(extension, argument, 'any', 'Open Sweep Report');
  if (sweep !== undefined) await extension.reports.show(sweep.dir, sweep.name);
}

/** Shows where its runs will stand. */
export async function sweepStarted(extension: Extension, dir: string): Promise<void> {
  await extension.runs.refresh();
  await extension.revealSweep(dir);
}

/** What is told when a sweep ends by itself. */
export async function tellSweepEnd(extension: Extension, sweep: SweepListEntry): Promise<void> {
  const report = 'Open Sweep Report';
  const resume = 'Resume';
  const sentence = sweepEndSentence(sweep);
  extension.log.info(sentence);
  const isDone = sweep.state === 'done';
  const show = sweep.state === 'failed' ? window.showErrorMessage : window.showInformationMessage;
  const told = isDone ? `${sentence} ${await headline(extension, sweep.dir)}`.trim() : sentence;
  const chosen = await show(messageText(told, 800), ...(isDone ? [report] : [report, resume]));
  if (chosen === report) await openSweepReport(extension, sweep.dir);
  if (chosen === resume) await resumeSweep(extension, sweep.dir);
}

async function headline(extension: Extension, dir: string): Promise<string> {
  try {
    const outcome = await extension.server.request('manticore/buildReport', { dir });
    return outcome.ok ? outcome.value.headline : '';
  } catch (error) {
    extension.log.warn(`The report of a sweep could not be made: ${String(error)}`);
    return '';
  }
}
