/**
 * The process that renders templates: given one template, then conversations in bundles, it answers each bundle with a
 * rendering or a problem for every one. It holds nothing that a template could want, its memory is limited by who starts
 * it, and a rendering that lasts too long ends by itself even where nobody is left to kill it.
 */
import { Script } from 'node:vm';
import type { RenderAnswer, RenderRequest, RenderStart } from './protocol';
import { SpanTemplate, type Rendering } from './spans';

/** Milliseconds for one conversation. */
const PATIENCE = 5000;

let template: SpanTemplate | undefined;

/** What a timed script calls: only time is limited by it, the template itself is never run as a script. */
const timed = new Script('globalThis.__manticoreRender()');

function withinTime<T>(work: () => T): T {
  const outcome: { value?: T } = {};
  (globalThis as { __manticoreRender?: () => void }).__manticoreRender = () => {
    outcome.value = work();
  };
  timed.runInThisContext({ timeout: PATIENCE });
  return outcome.value as T;
}

function problemOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return `it takes longer than ${PATIENCE / 1000} s`;
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}

function attempt(work: () => Rendering): Rendering | { readonly problem: string } {
  try {
    return withinTime(work);
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function answerTo(request: RenderStart | RenderRequest): RenderAnswer {
  if (request.kind === 'start') {
    try {
      template = withinTime(() => new SpanTemplate(request.template, request.tokens));
      return { id: request.id, renderings: [] };
    } catch (error) {
      return { id: request.id, renderings: [{ problem: problemOf(error) }] };
    }
  }
  const renderings = request.examples.map((example) =>
    attempt(() =>
      'messages' in example ? template!.chat(example.messages) : template!.pair(example),
    ),
  );
  return { id: request.id, renderings };
}

process.on('message', (request: RenderStart | RenderRequest) => {
  const answer = answerTo(request);
  if (process.connected) process.send?.(answer);
});
process.on('disconnect', () => process.exit(0));
