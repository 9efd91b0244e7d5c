#!/usr/bin/env node
/** `manticore`: the command line. Parses arguments, dispatches, turns errors into sentences and exit codes. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { version } from '../../package.json';
import { EXPORT_FORMATS, type ExportFormat, type ExportType } from '../contract/jobs';
import { runAttach } from './attach';
import { runCheck } from './check';
import { runControl } from './control';
import { runInstall } from './install';
import { CliError, exitCode, type Io } from './io';
import { runEngines, runEval, type EvalOptions, runExport, runGenerate } from './jobs';
import { runPlan } from './planCommand';
import { runPull } from './pull';
import { runReport } from './report';
import { runRuns } from './runsCommand';
import { runResume, runSearch } from './search';

const engineNames = ['auto', 'wasm', 'webgpu', 'tensorflow'];

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('expected an integer ≥ 0.');
  return value;
}

function count(text: string): number {
  const value = integer(text);
  if (value < 1) throw new InvalidArgumentError('expected an integer ≥ 1.');
  return value;
}

function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('expected a number ≥ 0.');
  }
  return value;
}

function share(text: string): number {
  const value = decimal(text);
  if (value === 0 || value > 1) throw new InvalidArgumentError('expected a number in (0, 1].');
  return value;
}

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value];

/** Every command of the program; each sets the exit code through `finish`. */
function createProgram(makeIo: (json: boolean) => Io, finish: (code: number) => void): Command {
  const program = new Command('manticore')
    .description(
      'Hybrids of pretrained language models: plan one, search its architecture, keep the result.',
    )
    .version(version)
    .showHelpAfterError('Run the command with --help to see its arguments.')
    .exitOverride();
  const command = (usage: string, summary: string): Command =>
    program
      .command(usage)
      .description(summary)
      .option('--json', 'print JSON and nothing else')
      .option('--debug', 'show stack traces of errors');
  /** Runs a command's body with the terminal, or with a JSON-only one; commander passes itself last. */
  const action =
    (body: (io: Io, ...args: never[]) => Promise<number>) =>
    async (...args: unknown[]): Promise<void> => {
      const self = args.at(-1) as Command;
      const io = makeIo(self.opts<{ json?: boolean }>().json === true);
      finish(await body(io, ...(args.slice(0, -1) as never[])));
    };

  const setOption = (): Option =>
    new Option('--set <key=value>', 'override a key of the config (repeatable)')
      .argParser(collect)
      .default([], 'none');
  command('check <config>', 'report the problems of a config')
    .addOption(setOption())
    .action(
      action((io, config: string, options: { set: string[] }) => runCheck(config, io, options.set)),
    );
  command('plan <config>', 'show layers, shapes, parameters, cost and memory before anything runs')
    .addOption(setOption())
    .action(
      action((io, config: string, options: { set: string[] }) => runPlan(config, io, options.set)),
    );

  const engineOption = new Option('--engine <name>', 'where to compute').choices(engineNames);
  command('search <config>', 'run the whole config: search, fine-tuning, baselines, report')
    .option('--out <dir>', 'folder in which the run folder is made')
    .addOption(engineOption)
    .addOption(setOption())
    .option('--jobs <n>', 'runs of a sweep at once (default: 1)', count)
    .action(
      action(
        (
          io,
          config: string,
          options: { out?: string; engine?: string; set: string[]; jobs?: number },
        ) => runSearch(config, options, io),
      ),
    );
  command(
    'resume <run>',
    'go on with a paused run, or with a stopped or lost one from its last checkpoint; or with a sweep',
  )
    .option('--jobs <n>', 'runs of a sweep at once (default: 1)', count)
    .action(action((io, run: string, options: { jobs?: number }) => runResume(run, options, io)));
  command(
    'attach <run>',
    'follow a running run or sweep; Ctrl-C detaches and leaves it running',
  ).action(action((io, run: string) => runAttach(run, io)));

  command('stop <run>', 'stop a running run at the next step, or a sweep')
    .option('--checkpoint', 'write a checkpoint first')
    .action(
      action((io, run: string, options: { checkpoint?: boolean }) =>
        runControl(run, { action: 'stop', checkpoint: options.checkpoint === true }, io),
      ),
    );
  command('pause <run>', 'pause a running run at the next step; `resume` lets it go on').action(
    action((io, run: string) => runControl(run, { action: 'pause' }, io)),
  );
  command('pin <run> <block> <component[=weight]...>', "fix a block's mixture weights").action(
    action((io, run: string, block: string, components: string[]) =>
      runControl(run, { action: 'pin', block, components }, io),
    ),
  );
  command('unpin <run> <block>', "let a block's mixture weights be searched again").action(
    action((io, run: string, block: string) => runControl(run, { action: 'unpin', block }, io)),
  );
  command('prune <run> <block> <component>', 'take a component out of a block').action(
    action((io, run: string, block: string, component: string) =>
      runControl(run, { action: 'prune', block, component }, io),
    ),
  );
  command('restore <run> <block> <component>', 'put a pruned component back into a block').action(
    action((io, run: string, block: string, component: string) =>
      runControl(run, { action: 'restore', block, component }, io),
    ),
  );

  command('runs [folder]', 'list runs and sweeps, newest first').action(
    action((io, folder: string | undefined) => runRuns(folder, io)),
  );
  command('report <run>', 'rebuild the report of a run, or of a sweep, from its data').action(
    action((io, run: string) => runReport(run, io)),
  );
  command('generate <run>', "continue a prompt with a run's hybrid")
    .requiredOption('--prompt <text>', 'what to continue')
    .option('--tokens <n>', 'largest number of tokens', integer, 128)
    .option('--temperature <t>', '0 takes the likeliest token each time', decimal, 0.8)
    .option(
      '--top-p <p>',
      'sample among the likeliest tokens of this total probability',
      share,
      0.95,
    )
    .option('--seed <n>', 'seed of the sampling', integer, 1)
    .addOption(engineOption)
    .action(
      action(
        (
          io,
          run: string,
          options: {
            prompt: string;
            tokens: number;
            temperature: number;
            topP: number;
            seed: number;
            engine?: string;
          },
        ) => runGenerate(run, options, io),
      ),
    );
  command('eval <run>', "score a run's hybrid on text, pairs or conversations")
    .option('--text <file>', 'a UTF-8 text file')
    .option('--jsonl <file>', 'a JSON Lines file')
    .option('--parquet <file>', 'a Parquet file')
    .option('--chat <file>', 'conversations, as JSON Lines or Parquet')
    .option(
      '--field <name>',
      'the field of the text (default: text), or of the messages (messages)',
    )
    .option('--prompt <name>', 'the field of a prompt, with --response')
    .option('--input <name>', 'the field of what a prompt is about')
    .option('--response <name>', 'the field of the response: it alone is scored')
    .option('--template <jinja>', 'how a pair or a conversation is written, or a .jinja file')
    .option('--context <n>', 'tokens predicted in each sequence (default: as in the run)', count)
    .option('--batch <n>', 'sequences at a time', count, 8)
    .addOption(engineOption)
    .action(action((io, run: string, options: EvalOptions) => runEval(run, options, io)));
  command('export <run>', 'write the hybrid, or one of its components, as a folder')
    .requiredOption('--to <dir>', 'folder to make')
    .option('--component <name>', "one component alone, in its family's own layout")
    .addOption(
      new Option(
        '--format <format>',
        'of the hybrid; transformers: with the Python that runs it there',
      )
        .choices(EXPORT_FORMATS)
        .default('manticore'),
    )
    .addOption(
      new Option('--dtype <type>', 'type of the weights')
        .choices(['F32', 'F16', 'BF16'])
        .default('F32'),
    )
    .action(
      action(
        (
          io,
          run: string,
          options: { to: string; component?: string; format: ExportFormat; dtype: ExportType },
        ) => runExport(run, options, io),
      ),
    );
  command('pull <id>', 'download a model (hf:owner/name[@revision]) into the shared cache').action(
    action((io, id: string) => runPull(id, io)),
  );
  command('engines', 'show what can compute here, how fast, and what is missing')
    .option('--install <name>', "fetch an engine into this user's cache (webgpu, tensorflow)")
    .action(
      action((io, options: { install?: string }) =>
        options.install === undefined ? runEngines(io) : runInstall(options.install, io),
      ),
    );
  return program;
}

function report(error: unknown, json: boolean, debug: boolean): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCode.done : exitCode.usage;
  }
  const known = error instanceof CliError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const hint =
    known?.hint ??
    'This is a mistake in Manticore. Run again with --debug and report what it prints.';
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ error: { code: known?.code ?? 'internal', message, hint } })}\n`,
    );
  }
  process.stderr.write(`error: ${message}\n${hint === '' ? '' : `${hint}\n`}`);
  if (debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return known?.exit ?? exitCode.failed;
}

async function main(argv: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  const impatient = new AbortController();
  // A reader that goes away (`| head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const makeIo = (json: boolean): Io => ({
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    json,
    isTTY: process.stdout.isTTY && !json,
    columns: process.stdout.columns || 80,
    signal: interrupted.signal,
    impatience: impatient.signal,
  });
  process.on('SIGINT', () => {
    if (impatient.signal.aborted) process.exit(exitCode.stopped);
    (interrupted.signal.aborted ? impatient : interrupted).abort();
  });
  try {
    await createProgram(makeIo, (code) => (process.exitCode = code)).parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error, argv.includes('--json'), argv.includes('--debug'));
  }
}

void main(process.argv);
