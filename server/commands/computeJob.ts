/** A short job of the compute process: started, listened to, ended with the job or by its caller. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ComputeJob, ComputeMessage } from '../contract/jobs';
import { describeNode, computePath, nodeOf, type ComputeProgram } from './computeProgram';
import { COMPUTE_FLAGS } from '../runs/nodeBinary';
import { adviceOnEnd, nameOfEnd, type ProcessEnd } from '../runs/processEnd';
import { CommandError } from './commandError';

/** What ends a job that does what it was asked for. */
export type JobAnswer = Exclude<
  ComputeMessage,
  { readonly type: 'text' } | { readonly type: 'progress' } | { readonly type: 'failed' }
>;

export interface JobOptions {
  /** Aborted: the process is ended, and `runComputeJob` throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** Every message but the last. */
  readonly onMessage?: (message: ComputeMessage) => void;
  /** What the process prints beside its messages; default to this process's standard error. */
  readonly onOutput?: (text: string) => void;
  /** Told which Node computes. */
  readonly onNode?: (sentence: string) => void;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const maximumOutput = 64 * 1024;

/**
 * Runs a job to its end.
 * @throws CommandError `cancelled`; what the job failed with; `compute-ended` when its process ended without a word;
 * RunError `node-missing`
 */
export async function runComputeJob(
  job: ComputeJob,
  program: ComputeProgram,
  options: JobOptions = {},
): Promise<JobAnswer> {
  const node = await nodeOf(program);
  options.onNode?.(describeNode(node));
  const { signal } = options;
  const isCancelled = (): boolean => signal?.aborted === true;
  if (isCancelled()) throw cancelled();
  const child = spawn(node.path, [...COMPUTE_FLAGS, computePath(program), 'job'], {
    env: { ...process.env, ...node.environment, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const abort = (): void => void child.kill();
  signal?.addEventListener('abort', abort);
  let failure: Error | undefined;
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  // A process that ends before it has read its job says why itself.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${JSON.stringify(job)}\n`);
  let output = '';
  const onOutput = options.onOutput ?? ((text: string) => void process.stderr.write(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = `${output}${text}`.slice(-maximumOutput);
    onOutput(text);
  });
  try {
    const answer = await answerOf(child.stdout, options.onMessage);
    const end = await ended;
    if (isCancelled()) throw cancelled();
    if (failure !== undefined) throw neverStarted(node.path, failure);
    if (answer === undefined) throw endedEarly(end, output);
    if (answer.type === 'failed') throw new CommandError(answer.code, answer.message, answer.hint);
    return answer;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

type LastMessage = JobAnswer | Extract<ComputeMessage, { readonly type: 'failed' }>;

async function answerOf(
  stdout: NodeJS.ReadableStream,
  onMessage: JobOptions['onMessage'],
): Promise<LastMessage | undefined> {
  let answer: LastMessage | undefined;
  for await (const line of createInterface({ input: stdout })) {
    const message = messageOf(line);
    if (message === undefined) continue;
    if (message.type === 'text' || message.type === 'progress') onMessage?.(message);
    else answer = message;
  }
  return answer;
}

/** Our own process's word; a line that it was cut off in is none. */
function messageOf(line: string): ComputeMessage | undefined {
  try {
    return JSON.parse(line) as ComputeMessage;
  } catch {
    return undefined;
  }
}

const cancelled = (): CommandError => new CommandError('cancelled', 'The job was cancelled.', '');

const neverStarted = (nodePath: string, cause: Error): CommandError =>
  new CommandError(
    'node-missing',
    `${nodePath} can't be run: ${cause.message}.`,
    'Name another Node, version 20.19 or later.',
    { cause },
  );

function endedEarly(end: ProcessEnd, output: string): CommandError {
  const last = output.trim().split('\n').at(-1)?.slice(0, 500) ?? '';
  const words = last === '' ? 'It printed nothing.' : `Its last words: ${last}`;
  return new CommandError(
    'compute-ended',
    `The compute process ended with ${nameOfEnd(end)} before it was done.`,
    [adviceOnEnd(end), words].filter(Boolean).join(' '),
  );
}
