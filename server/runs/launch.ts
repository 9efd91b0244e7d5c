/** Starts the compute process so that it outlives whoever started it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent } from '../contract/events';
import { systemCode } from '../files/systemErrors';
import { LogCursor } from './logLines';
import { adviceOnEnd, nameOfEnd, wasCut, type ProcessEnd } from './processEnd';
import { alreadyRunning, RunError, startFailed } from './runErrors';
import { lastEvent } from './runState';
import { findPublication, launchVariable } from './runtimeFolder';
import { readRange } from '../files/regularFile';
import { openInside } from './safeFiles';

export const computeLogName = 'compute.log';
const reasonBytes = 64 * 1024;

export interface Launch {
  readonly computePath: string;
  readonly runDir: string;
  readonly nodePath: string;
  /** Flags of Node itself, before the script. */
  readonly execArgv: readonly string[];
  /** After the script; default the run folder alone. */
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Until it has published itself; default 120 s. */
  readonly timeoutMs?: number;
}

/**
 * Starts the process with its output in `compute.log`, and returns once it has published itself, or has already ended
 * with a word in the log. It is not tied to this process: closing the terminal leaves it running. If it is ended by
 * a signal while this process lives, the last line of `compute.log` names that (`lastWords.ts` finds it there).
 * @throws RunError `already-running`; `start-failed` with the reason it gave
 */
export async function launchDetached(launch: Launch): Promise<{ readonly pid: number }> {
  const other = await findPublication(launch.runDir);
  if (other !== undefined) throw alreadyRunning(launch.runDir, other.record.pid);
  const logPath = path.join(launch.runDir, computeLogName);
  const events = await eventsSoFar(launch.runDir);
  const token = randomBytes(16).toString('hex');
  const output = await openOutput(launch.runDir, logPath);
  const before = (await output.stat()).size;
  let child: ChildProcess;
  let ended: Promise<ProcessEnd | Error>;
  try {
    child = spawn(
      launch.nodePath,
      [...launch.execArgv, launch.computePath, ...(launch.args ?? [launch.runDir])],
      {
        cwd: launch.runDir,
        detached: true,
        env: { ...process.env, ...launch.env, [launchVariable]: token },
        stdio: ['ignore', output.fd, output.fd],
        windowsHide: true,
      },
    );
    ended = endOfChild(child);
    void ended.then((end) => noteEnd(launch.runDir, logPath, end));
  } finally {
    await output.close();
  }
  child.unref();
  const deadline = Date.now() + (launch.timeoutMs ?? 120_000);
  while (Date.now() < deadline) {
    const publication = await findPublication(launch.runDir);
    if (publication?.record.launch === token) return { pid: publication.record.pid };
    const end = await Promise.race([ended, delay(25)]);
    if (end === undefined) continue;
    // Of two that are started at once, the other one has the folder.
    const winner = publication ?? (await findPublication(launch.runDir));
    if (winner !== undefined && winner.record.launch !== token) {
      throw alreadyRunning(launch.runDir, winner.record.pid);
    }
    // It began: how it ended is told to those who follow it.
    if ((await newEvents(events)).length > 0 && child.pid !== undefined) return { pid: child.pid };
    const how = end instanceof Error ? end.message : nameOfEnd(end);
    throw startFailed(await reasonFromOutput(launch.runDir, before, how), logPath);
  }
  throw startFailed('it did not answer in time.', logPath);
}

/** Resolves with how the child ended, or why it never began. */
function endOfChild(child: ChildProcess): Promise<ProcessEnd | Error> {
  return new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** Writes the last word of a process that had none. */
async function noteEnd(runDir: string, logPath: string, end: ProcessEnd | Error): Promise<void> {
  if (end instanceof Error || !wasCut(end)) return;
  const sentence = `It ended with ${nameOfEnd(end)}. ${adviceOnEnd(end) ?? ''}`.trim();
  try {
    const output = await openOutput(runDir, logPath);
    await output.write(`Error: ${sentence}\n`).finally(() => output.close());
  } catch (error) {
    // The folder may be gone, or its disk full: then it stays without a last word.
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
  }
}

function delay(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}

async function openOutput(runDir: string, logPath: string): ReturnType<typeof open> {
  const noFollow = (constants.O_NOFOLLOW as number | undefined) ?? 0;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | noFollow;
  try {
    const { handle } = await openInside(runDir, computeLogName, Number.MAX_SAFE_INTEGER);
    await handle.close();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  return open(logPath, flags, 0o644);
}

/** A cursor that leaves out what the log holds now. */
async function eventsSoFar(runDir: string): Promise<LogCursor> {
  return new LogCursor(runDir, 0, (await lastEvent(runDir))?.seq ?? -1);
}

async function newEvents(cursor: LogCursor): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  try {
    await cursor.read(({ event }) => events.push(event));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  return events;
}

async function reasonFromOutput(runDir: string, from: number, end: string): Promise<string> {
  const { handle, size } = await openInside(runDir, computeLogName, Number.MAX_SAFE_INTEGER);
  try {
    const start = Math.max(from, size - reasonBytes);
    return reasonIn((await readRange(handle, start, size - start)).toString('utf8'), end);
  } finally {
    await handle.close();
  }
}

/** The sentence in a process's last output that says why it ended; never its stack. */
export function reasonIn(output: string, end: string): string {
  const lines = output
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '');
  const thrown = lines.findLast((line) =>
    /^(Uncaught )?[A-Za-z]*Error(?: \[\w+\])?: \S/.test(line),
  );
  const noise = /^\s+at |^\s*[\^~]+$|^Node\.js v|^\s*[}\])]|^\s+\w+: |^(?:node:|file:|\/)\S*:\d+$/;
  const spoken = thrown ?? lines.findLast((line) => !noise.test(line));
  const sentence = spoken?.replace(/^(Uncaught )?[A-Za-z]*Error(?: \[\w+\])?: /, '').trim();
  return sentence === undefined ? `it ended with ${end}.` : sentence.slice(0, 1000);
}
