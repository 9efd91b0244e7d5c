/**
 * Jinja templates over conversations: the text, and which parts of it the assistant says. Spans are found exactly or not
 * at all. A template is hostile: this runs in a process of its own (`program.ts`).
 */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { randomBytes } from 'node:crypto';

export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
}

export interface TemplatePair {
  readonly prompt: string;
  readonly input?: string | undefined;
  readonly response: string;
}

/** A text and the parts of it that are scored: [start, end) in UTF-16 code units, in order, apart. */
export interface Rendering {
  readonly text: string;
  readonly spans: readonly (readonly [start: number, end: number])[];
}

/** Longest text of one example, UTF-16 code units. */
export const MAX_RENDERED = 16 * 2 ** 20;

/** The template can't be used; the message is a clause for the user. */
export class TemplateProblem extends Error {
  override readonly name = 'TemplateProblem';
}

type Program = ReturnType<typeof parse>;
type Variables = Readonly<Record<string, unknown>>;

/** As `transformers` has it: blocks take no line of their own. */
const compile = (source: string): Program =>
  parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));

const GENERATION = /\{%(-?)\s*(end)?generation\s*(-?)%\}/g;

/** Stands for a response while its place is looked for, and marks where `{% generation %}` begins and ends. */
const secret = (): string => `\u{f0000}${randomBytes(12).toString('hex')}\u{f0001}`;

export class SpanTemplate {
  private readonly program: Program;
  /** With marks where the template has `{% generation %}`. */
  private readonly marked: Program | undefined;
  private readonly open = secret();
  private readonly close = secret();

  /**
   * @param source Jinja
   * @param tokens `bos_token`, `eos_token` and such, as the template sees them
   * @throws Error for what is no Jinja
   */
  constructor(
    source: string,
    private readonly tokens: Readonly<Record<string, string>>,
  ) {
    this.program = compile(source);
    // Blocks before and behind each mark, so that white space goes as it does around the tag itself.
    const mark = (_: string, left: string, end: string | undefined, right: string) =>
      `{%${left} if true %}{{ ${end === undefined ? 'generation_open' : 'generation_close'} }}{% endif ${right}%}`;
    const withMarks = source.replace(GENERATION, mark);
    this.marked = withMarks === source ? undefined : compile(withMarks);
  }

  /** A prompt and its response: all from the response on is scored. */
  pair(pair: TemplatePair): Rendering {
    const variables = (response: string): Variables => ({
      prompt: pair.prompt,
      ...(pair.input === undefined ? {} : { input: pair.input }),
      response,
      messages: [
        { role: 'user', content: [pair.prompt, ...(pair.input ? [pair.input] : [])].join('\n') },
        { role: 'assistant', content: response },
      ],
      add_generation_prompt: false,
    });
    const place = secret();
    const parts = this.render(variables(place)).split(place);
    const [before] = parts;
    if (parts.length !== 2 || before === undefined) {
      throw new TemplateProblem(
        parts.length < 2 ? 'it leaves out the response' : 'it repeats the response',
      );
    }
    const text = this.render(variables(pair.response));
    if (!text.startsWith(before)) {
      throw new TemplateProblem('what stands before the response depends on the response');
    }
    return { text, spans: before.length < text.length ? [[before.length, text.length]] : [] };
  }

  /** The turns of the assistant are scored, each with its end mark. */
  chat(messages: readonly TemplateMessage[]): Rendering {
    const text = this.render({ messages, add_generation_prompt: false });
    return {
      text,
      spans: this.marked ? this.markedSpans(text, messages) : this.turns(text, messages),
    };
  }

  /** What the template says itself: between `{% generation %}` and `{% endgeneration %}`. */
  private markedSpans(text: string, messages: readonly TemplateMessage[]): [number, number][] {
    const found = this.render(
      {
        messages,
        add_generation_prompt: false,
        generation_open: this.open,
        generation_close: this.close,
      },
      this.marked,
    );
    const spans: [number, number][] = [];
    let plain = '';
    for (const [at, part] of found.split(this.open).entries()) {
      const [inside = '', outside, ...more] = part.split(this.close);
      if (at === 0 ? outside !== undefined : outside === undefined || more.length > 0) {
        throw new TemplateProblem('its `{% generation %}` blocks are not closed one by one');
      }
      if (at > 0 && inside !== '') spans.push([plain.length, plain.length + inside.length]);
      plain += at === 0 ? inside : inside + outside!;
    }
    if (plain !== text)
      throw new TemplateProblem('its `{% generation %}` blocks change what it writes');
    return spans;
  }

  /**
   * Without such blocks, by rendering prefixes: a turn begins where the messages before it end with a generation prompt,
   * and ends where the messages up to it do.
   */
  private turns(text: string, messages: readonly TemplateMessage[]): [number, number][] {
    return messages.flatMap(({ role }, index): [number, number][] => {
      if (role !== 'assistant') return [];
      const before = index === 0 ? '' : this.prefix(text, messages.slice(0, index), true);
      const upTo =
        index === messages.length - 1
          ? text
          : this.prefix(text, messages.slice(0, index + 1), false);
      if (!upTo.startsWith(before)) throw notByPrefixes();
      return before.length < upTo.length ? [[before.length, upTo.length]] : [];
    });
  }

  private prefix(
    text: string,
    messages: readonly TemplateMessage[],
    add_generation_prompt: boolean,
  ): string {
    const prefix = this.render({ messages, add_generation_prompt });
    if (!text.startsWith(prefix)) throw notByPrefixes();
    return prefix;
  }

  private render(variables: Variables, program = this.program): string {
    const environment = new Environment();
    // The library's own globals but the clock: the same data must give the same tokens on another day.
    const globals: Variables = {
      ...{ false: false, true: true, none: null, False: false, True: true, None: null },
      raise_exception: (message: unknown) => {
        throw new TemplateProblem(`it says: ${String(message).slice(0, 300)}`);
      },
      range,
    };
    for (const [name, value] of Object.entries({ ...globals, ...this.tokens, ...variables })) {
      environment.set(name, value);
    }
    const { value } = new Interpreter(environment).run(program);
    if (typeof value !== 'string') throw new TemplateProblem('it writes no text');
    if (value.length > MAX_RENDERED) {
      throw new TemplateProblem(`it writes more than ${MAX_RENDERED} characters`);
    }
    return value;
  }
}

const notByPrefixes = () =>
  new TemplateProblem(
    'where a turn of the assistant begins and ends can’t be told, since a longer conversation doesn’t begin as a shorter one does: put `{% generation %}` … `{% endgeneration %}` around what the assistant says',
  );

const MAX_RANGE = 100_000;

function range(start: number, stop?: number, step = 1): number[] {
  const [first, end] = stop === undefined ? [0, start] : [start, stop];
  const count = Math.ceil((end - first) / step);
  if (!(count <= MAX_RANGE))
    throw new TemplateProblem(`a range has more than ${MAX_RANGE} numbers`);
  return Array.from({ length: Math.max(0, count) }, (_, index) => first + index * step);
}
