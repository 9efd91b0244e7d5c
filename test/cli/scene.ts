/**
 * The command line as users have it: `dist/cli.js` and `dist/compute.js` in real processes, on models so small that a
 * step takes milliseconds. Runs live in a folder of their own, with a runtime folder of their own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { signalProcess } from '../../server/runs/processIdentity';
import { listPublications } from '../../server/runs/runtimeFolder';

const cliPath = path.resolve('dist/cli.js');
export const tokenizerPath = path.resolve('examples/pretrain/tokenizer');

/** What a finished command left. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Cli {
  readonly child: ChildProcess;
  /** Standard output so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Said>;
}

/** Keys by path, as `--set` takes them: `{ 'search.steps': 5 }`. */
export type Changes = Readonly<Record<string, unknown>>;

let root: string | undefined;

/** A folder for this process's tests, gone when it ends. */
function rootFolder(): string {
  if (root === undefined) {
    const made = realpathSync(mkdtempSync(path.join(tmpdir(), 'mt-')));
    process.on('exit', () => rmSync(made, { recursive: true, force: true, maxRetries: 5 }));
    root = made;
  }
  return root;
}

export class Scene {
  private readonly started = new Set<ChildProcess>();
  private before: string | undefined;

  private constructor(readonly folder: string) {}

  /** A new folder with text; from now to `remove` this process sees the runs of this scene only. */
  static async make(name = 'scene'): Promise<Scene> {
    const folder = mkdtempSync(path.join(rootFolder(), `${name}-`));
    const scene = new Scene(folder);
    scene.before = process.env['MANTICORE_RUNTIME_DIR'];
    process.env['MANTICORE_RUNTIME_DIR'] = scene.runtime;
    await writeFile(scene.path('train.txt'), prose(400, 1));
    await writeFile(scene.path('valid.txt'), prose(12, 2));
    await writeFile(scene.path('test.txt'), prose(12, 3));
    return scene;
  }

  get runtime(): string {
    // Beside the scenes: sockets want short paths.
    return path.join(rootFolder(), `r${path.basename(this.folder).slice(-6)}`);
  }

  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Writes `<name>.manticore.yaml`: the tiny config with changes. */
  async config(changes: Changes = {}, name = 'tiny'): Promise<string> {
    const file = this.path(`${name}.manticore.yaml`);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, stringify(changed(tinyConfig(), changes)));
    return file;
  }

  /** Starts a command; it is ended with the scene if it hasn't ended before. */
  start(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
  ): Cli {
    const child = spawn(process.execPath, [cliPath, ...args], {
      cwd: options.cwd ?? this.folder,
      env: {
        ...process.env,
        MANTICORE_RUNTIME_DIR: this.runtime,
        NO_COLOR: '1',
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.started.add(child);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const ended = once(child, 'close').then(([code]): Said => {
      this.started.delete(child);
      return { code: code as number | null, out, err };
    });
    return { child, out: () => out, err: () => err, ended };
  }

  /** Runs a command to its end. */
  run(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
  ): Promise<Said> {
    return this.start(args, options).ended;
  }

  /** Run folders below a folder, oldest first. */
  async runs(parent = this.path('.manticore', 'runs')): Promise<string[]> {
    const names = await readdir(parent).catch((): string[] => []);
    return names.sort().map((name) => path.join(parent, name));
  }

  /** Ends what the scene started and removes its folders. */
  async remove(): Promise<void> {
    const dying = [...this.started].map(async (child) => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    });
    await Promise.all(dying);
    for (const { record } of await listPublications()) await signalProcess(record, 'SIGKILL');
    if (this.before === undefined) delete process.env['MANTICORE_RUNTIME_DIR'];
    else process.env['MANTICORE_RUNTIME_DIR'] = this.before;
    rmSync(this.runtime, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Two components from scratch, two blocks, a search of 24 steps, a fine-tuning and baselines of 8. */
function tinyConfig(): Record<string, unknown> {
  return {
    manticore: 1,
    components: { neox: neoxFromScratch, mamba: mambaFromScratch },
    hybrid: { blocks: 2 },
    data: {
      train: { text: './train.txt' },
      validation: { text: './valid.txt' },
      test: { text: './test.txt' },
      context: 16,
    },
    search: {
      algorithm: 'darts',
      schedule: 'alternating',
      steps: 24,
      batch: 2,
      learningRate: 1e-3,
      alphaLearningRate: 0.05,
      evalEvery: 8,
      checkpointEvery: 8,
      seed: 1,
    },
    finetune: { steps: 8, evalEvery: 4, checkpointEvery: 4 },
    baselines: true,
    engine: { name: 'wasm', threads: 1 },
  };
}

export const neoxFromScratch = {
  family: 'gptNeox',
  config: {
    vocab_size: 1024,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 64,
    rotary_pct: 0.5,
    hidden_act: 'gelu',
    use_parallel_residual: true,
    tie_word_embeddings: false,
  },
  init: 'random',
  tokenizer: tokenizerPath,
};

export const mambaFromScratch = {
  family: 'mamba',
  config: {
    vocab_size: 1024,
    hidden_size: 12,
    num_hidden_layers: 2,
    state_size: 4,
    expand: 2,
    conv_kernel: 4,
    time_step_rank: 1,
    use_bias: false,
    use_conv_bias: true,
    tie_word_embeddings: true,
  },
  init: 'random',
  tokenizer: tokenizerPath,
};

/** A copy with values at dotted paths; `undefined` leaves a key out. */
function changed(config: Record<string, unknown>, changes: Changes): unknown {
  const copy = structuredClone(config);
  for (const [dotted, value] of Object.entries(changes)) {
    const keys = dotted.split('.');
    let at: Record<string, unknown> = copy;
    for (const key of keys.slice(0, -1)) {
      const next = at[key];
      at = (typeof next === 'object' && next !== null ? next : (at[key] = {})) as typeof at;
    }
    at[keys.at(-1)!] = value;
  }
  return copy;
}

/** Sentences without sense, the same for the same seed. */
export function prose(sentences: number, seed: number): string {
  const words =
    'the a river old house night said he she walked to from into light of and stone was not there'.split(
      ' ',
    );
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const sentence = (): string =>
    `${Array.from({ length: 5 + next(8) }, () => words[next(words.length)]!).join(' ')}.`;
  return `${Array.from({ length: sentences }, sentence).join('\n')}\n`;
}

/** Looks every few milliseconds until `check` gives something. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  everyMs = 5,
  limitMs = 150_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const value = await check();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`${what} did not come in ${limitMs / 1000} s`);
}
