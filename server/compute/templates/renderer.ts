/** The compute process's end of the process that renders templates: starts it, asks it, ends it. */
import { fork, type ChildProcess } from 'node:child_process';
import { z } from 'zod';
import { RunFailure } from '../failure';
import type { RenderAnswer, RenderRequest, RenderStart, TemplateExample } from './protocol';
import { MAX_RENDERED, type Rendering } from './spans';

/** Longest template, UTF-16 code units. */
export const MAX_TEMPLATE = 2 ** 20;

export interface RendererLimits {
  /** Milliseconds without an answer after which the process is killed. */
  readonly patience: number;
  /** MiB of the process's heap. */
  readonly heap: number;
}

/** The process ends a slow rendering by itself after seconds; a busy machine may take half a minute to start the process. */
const LIMITS: RendererLimits = { patience: 90_000, heap: 512 };

/** Variables that Node itself needs: nothing of the user's goes to a process that runs what a file says. */
const PASSED = ['ELECTRON_RUN_AS_NODE', 'SystemRoot', 'LD_LIBRARY_PATH', 'PATH'];

const rendering = z.union([
  z.object({ problem: z.string() }),
  z.object({
    text: z.string().max(MAX_RENDERED),
    spans: z.array(z.tuple([z.int(), z.int()])),
  }),
]);
const answer = z.object({ id: z.int(), renderings: z.array(rendering) });

export class TemplateRenderer {
  private nextId = 0;
  private ended: string | undefined;
  private waiting:
    { readonly id: number; readonly settle: (outcome: RenderAnswer | string) => void } | undefined;

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
    private readonly limits: RendererLimits,
  ) {
    child.on('message', (message) => {
      const parsed = answer.safeParse(message);
      if (parsed.success && parsed.data.id === this.waiting?.id) this.waiting.settle(parsed.data);
    });
    child.on('error', (error) => this.gone(error.message));
    child.on('exit', () =>
      this.gone('its process ended, most likely because it wanted too much memory'),
    );
  }

  /**
   * @param program the bundle of `program.ts`
   * @param name of the template, for messages: a path, or what it is
   * @throws RunFailure `bad-template`
   */
  static async start(
    program: string,
    {
      name,
      source,
      tokens,
    }: { name: string; source: string; tokens: Readonly<Record<string, string>> },
    limits: RendererLimits = LIMITS,
  ): Promise<TemplateRenderer> {
    const env = Object.fromEntries(
      PASSED.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
    );
    const child = fork(program, [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${limits.heap}`],
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const renderer = new TemplateRenderer(child, name, limits);
    if (source.length > MAX_TEMPLATE) {
      renderer.close();
      throw badTemplate(name, `it has more than ${MAX_TEMPLATE} characters`);
    }
    const { renderings } = await renderer.ask({ kind: 'start', template: source, tokens });
    const [refused] = renderings;
    if (refused !== undefined && 'problem' in refused) {
      renderer.close();
      throw badTemplate(name, refused.problem);
    }
    return renderer;
  }

  /**
   * Texts and spans of the examples.
   * @throws RunFailure `bad-template` for the first that the template refuses
   */
  async render(examples: readonly TemplateExample[]): Promise<Rendering[]> {
    const { renderings } = await this.ask({ kind: 'render', examples });
    if (renderings.length !== examples.length)
      throw badTemplate(this.name, 'its process answers amiss');
    return renderings.map((each) => {
      if ('problem' in each) throw badTemplate(this.name, each.problem);
      if (!areSpans(each)) throw badTemplate(this.name, 'its process answers amiss');
      return each;
    });
  }

  close(): void {
    this.ended ??= 'it is closed';
    this.child.removeAllListeners().on('error', () => undefined);
    this.child.kill('SIGKILL');
  }

  private async ask(
    request: Omit<RenderStart, 'id'> | Omit<RenderRequest, 'id'>,
  ): Promise<RenderAnswer> {
    const id = this.nextId++;
    const outcome = await new Promise<RenderAnswer | string>((resolve) => {
      if (this.ended !== undefined) {
        resolve(this.ended);
        return;
      }
      const late = setTimeout(() => {
        this.child.kill('SIGKILL');
        resolve('it takes too long');
      }, this.limits.patience);
      const settle = (settled: RenderAnswer | string): void => {
        clearTimeout(late);
        this.waiting = undefined;
        resolve(settled);
      };
      this.waiting = { id, settle };
      this.child.send({ ...request, id }, (error) => {
        if (error) settle(error.message);
      });
    });
    if (typeof outcome !== 'string') return outcome;
    this.close();
    throw badTemplate(this.name, outcome);
  }

  private gone(why: string): void {
    this.ended ??= why;
    this.waiting?.settle(why);
  }
}

function areSpans({ text, spans }: Rendering): boolean {
  let last = 0;
  return spans.every(([start, end]) => {
    const fits = start >= last && start < end && end <= text.length;
    last = end;
    return fits;
  });
}

export function badTemplate(name: string, why: string): RunFailure {
  return new RunFailure(
    'bad-template',
    `The chat template (${name}) can't be used: ${why}.`,
    'Give a template of your own: `template: <Jinja, or a .jinja file>` beside the data in the config.',
  );
}
