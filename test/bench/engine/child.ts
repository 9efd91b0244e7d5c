/** A process of either side that is asked and answers; idle between two requests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Answers, Ask } from './protocol';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export class BenchChild {
  private readonly process: ChildProcess;
  private readonly answers: AsyncIterator<string, undefined>;
  private readonly ended: Promise<void>;

  constructor(private readonly command: ChildCommand) {
    this.process = spawn(command.command, [...command.args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...command.environment },
    });
    this.ended = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', () => resolve());
    });
    // Met where an answer is awaited.
    this.ended.catch(() => undefined);
    this.answers = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** @throws Error when the process ends instead of answering, or answers no JSON */
  async ask<K extends Ask['do']>(ask: Extract<Ask, { do: K }>): Promise<Answers[K]> {
    this.process.stdin!.write(`${JSON.stringify(ask)}\n`);
    const answer = this.answers.next().then(({ value }) => value);
    const line = await Promise.race([answer, this.ended.then(() => undefined)]);
    if (line === undefined) {
      const { command, args } = this.command;
      throw new Error(
        `${[command, ...args].join(' ')} ended at \`${ask.do}\`; its words are above`,
      );
    }
    return JSON.parse(line) as Answers[K];
  }

  async close(): Promise<void> {
    this.process.stdin!.end();
    await this.ended;
  }

  kill(): void {
    this.process.kill();
  }
}
