/** Conversations: records as prompts and responses, or as messages, rendered to text with the parts that are scored. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DataSource } from '../../contract/config';
import type { TemplateExample } from '../templates/protocol';
import { badTemplate, MAX_TEMPLATE, TemplateRenderer } from '../templates/renderer';
import type { Rendering } from '../templates/spans';
import { RunFailure } from '../failure';
import {
  messagesOf,
  optionalWordsOf,
  readRecords,
  wordsOf,
  type DataRecord,
  type RecordKind,
  type WantedFields,
} from './records';
import { unreadable, type SourceFile } from './sourceFile';
import type { TextLimits } from './textSource';
import type { TextTokenizer } from './tokens';

export type ConversationSource = Exclude<
  DataSource,
  { readonly kind: 'text' } | { readonly kind: 'jsonl' | 'parquet'; readonly field: string }
>;

export const isConversation = (source: DataSource): source is ConversationSource =>
  source.kind === 'chat' || 'pair' in source;

/** Examples and characters that are rendered at once. */
const BUNDLE = 64;
const BUNDLE_CHARACTERS = 2 ** 18;

/** A template's text and a name for messages; `undefined`: the plain form of a pair. */
export interface NamedTemplate {
  readonly name: string;
  readonly source: string;
}

/**
 * The template of a source: written in the config, a file's, or (for messages) the tokenizer's own.
 * @throws RunFailure `bad-template`, `no-chat-template`, `data-unreadable`
 */
export async function templateOf(
  source: ConversationSource,
  base: string,
  { chatTemplate }: TextTokenizer,
): Promise<NamedTemplate | undefined> {
  const { template } = source;
  if (template === undefined) {
    if (source.kind !== 'chat') return undefined;
    if (chatTemplate === undefined) throw noChatTemplate();
    return { name: 'the tokenizer’s own', source: chatTemplate };
  }
  if (!template.endsWith('.jinja')) return { name: 'of the config', source: template };
  const file = path.resolve(base, template);
  try {
    const status = await stat(file);
    if (!status.isFile()) throw unreadable(file, 'it is not a regular file');
    if (status.size > MAX_TEMPLATE)
      throw badTemplate(file, `it has more than ${MAX_TEMPLATE} bytes`);
    return { name: file, source: await readFile(file, 'utf8') };
  } catch (error) {
    if (error instanceof RunFailure) throw error;
    throw unreadable(file, error instanceof Error ? error.message : String(error));
  }
}

export const kindOf = ({ kind, path: file }: ConversationSource): RecordKind =>
  kind === 'chat' ? (/\.parquet$/i.test(file) ? 'parquet' : 'jsonl') : kind;

function fieldsOf(source: ConversationSource): WantedFields {
  if (source.kind === 'chat') return { texts: [], messages: source.field };
  const { prompt, input, response } = source.pair;
  return { texts: [prompt, response], ...(input === undefined ? {} : { optional: [input] }) };
}

function exampleOf(source: ConversationSource, record: DataRecord): TemplateExample {
  if (source.kind === 'chat') return { messages: messagesOf(record, source.field) };
  const { prompt, input, response } = source.pair;
  const more = input === undefined ? undefined : optionalWordsOf(record, input);
  return {
    prompt: wordsOf(record, prompt),
    ...(more === undefined ? {} : { input: more }),
    response: wordsOf(record, response),
  };
}

/** Without a template: prompt, input and response, each on lines of its own. */
function plain(example: TemplateExample): Rendering {
  if ('messages' in example) throw new Error('messages have no plain form');
  const { prompt, input, response } = example;
  const before = `${[prompt, ...(input === undefined ? [] : [input])].join('\n')}\n`;
  const text = before + response;
  return { text, spans: response === '' ? [] : [[before.length, text.length]] };
}

export interface ConversationOptions {
  readonly template: NamedTemplate | undefined;
  readonly tokenizer: TextTokenizer;
  /** The bundle that renders templates. */
  readonly program: string;
  readonly limits: TextLimits;
}

/** Every record of the file, rendered. @throws RunFailure of the file, its records and the template */
export async function* renderConversations(
  source: ConversationSource,
  file: SourceFile,
  { template, tokenizer, program, limits }: ConversationOptions,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Rendering> {
  const records = readRecords(file, kindOf(source), fieldsOf(source), limits, onBytes);
  if (template === undefined) {
    for await (const record of records) yield plain(exampleOf(source, record));
    return;
  }
  const tokens = tokenizer.specialTexts ?? {};
  const renderer = await TemplateRenderer.start(program, { ...template, tokens });
  try {
    let bundle: TemplateExample[] = [];
    let characters = 0;
    for await (const record of records) {
      const example = exampleOf(source, record);
      bundle.push(example);
      characters += lengthOf(example);
      if (bundle.length < BUNDLE && characters < BUNDLE_CHARACTERS) continue;
      yield* await renderer.render(bundle);
      [bundle, characters] = [[], 0];
    }
    yield* await renderer.render(bundle);
  } finally {
    renderer.close();
  }
}

const lengthOf = (example: TemplateExample): number =>
  'messages' in example
    ? example.messages.reduce((sum, { content }) => sum + content.length, 0)
    : example.prompt.length + (example.input?.length ?? 0) + example.response.length;

const noChatTemplate = () =>
  new RunFailure(
    'no-chat-template',
    'The tokenizer has no chat template, so how a conversation is written as text isn’t known.',
    'Give one: `template: <Jinja, or a .jinja file>` beside `chat` in the config.',
  );
