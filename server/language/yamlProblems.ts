/** The `yaml` package's findings in this project's words, where its own don't tell what to do. */
import { CST, Lexer, type ErrorCode, type YAMLError } from 'yaml';
import type { Problem } from '../contract/problem';

const sentences: Partial<Record<ErrorCode, string>> = {
  BAD_DQ_ESCAPE:
    'This escape is none of YAML’s: double the backslash, or put the text in single quotes.',
  BAD_INDENT: 'The indentation doesn’t fit the lines around it: align this with its neighbours.',
  BAD_SCALAR_START: 'A value can’t begin with this character: put the value in quotes.',
  BLOCK_AS_IMPLICIT_KEY:
    'A second `key:` on one line: put it on a line of its own, or the value in quotes.',
  MISSING_CHAR: 'A closing quote, bracket, comma or space is missing here.',
  MULTILINE_IMPLICIT_KEY: 'A key must stand on one line, followed by `:`.',
  TAB_AS_INDENT: 'A tab stands where YAML wants spaces: indent with two spaces.',
  UNEXPECTED_TOKEN: 'This isn’t expected here: check the quotes, brackets and colons before it.',
};

export function yamlProblem(text: string, error: YAMLError): Problem {
  return unclosed(text, error) ?? translated(text, error);
}

/** Where a `{` or `[` has no end, the parser complains of the next line; what is wrong is the bracket. */
function unclosed(text: string, error: YAMLError): Problem | undefined {
  if (error.code !== 'BAD_INDENT' || !error.message.startsWith('Flow ')) return undefined;
  const opened = openBrackets(text.slice(0, error.pos[0]));
  const start = opened.at(-1);
  const bracket = text[start ?? -1];
  if (start === undefined || (bracket !== '{' && bracket !== '[')) return undefined;
  const closing = bracket === '{' ? '}' : ']';
  const line = text.slice(start, error.pos[0]).trimEnd();
  const end = start + line.length;
  const edit = { span: { start: end, end }, text: bracket === '{' ? ' }' : ']' };
  // On one line its end is plain, unless a comment stands there.
  const isPlain = opened.length === 1 && !/[\n#]/.test(line);
  return {
    code: 'yaml-syntax',
    severity: 'error',
    message: `This \`${bracket}\` is never closed: put its \`${closing}\` behind the last entry.`,
    span: { start, end: start + 1 },
    ...(isPlain ? { fixes: [{ title: `Close with ${closing}`, edits: [edit] }] } : {}),
  };
}

/** Offsets of the brackets that are open at the end of a text, the outermost first; quotes and comments are none. */
function openBrackets(text: string): number[] {
  const open: number[] = [];
  let at = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '{' || lexeme === '[') open.push(at);
    else if (lexeme === '}' || lexeme === ']') open.pop();
    // Marks of a document, of an alias to come and of a scalar are no part of the text.
    if (![CST.DOCUMENT, CST.FLOW_END, CST.SCALAR].includes(lexeme)) at += lexeme.length;
  }
  return open;
}

function translated(text: string, error: YAMLError): Problem {
  const start = Math.min(Math.max(error.pos[0], 0), text.length);
  const end = Math.min(Math.max(error.pos[1], start), text.length);
  const problem: Problem = {
    code: error.code === 'TAB_AS_INDENT' ? 'tab-indent' : 'yaml-syntax',
    severity: error.name === 'YAMLWarning' ? 'warning' : 'error',
    message: sentences[error.code] ?? `${error.message.replace(/\.$/, '')}.`,
    span: { start, end },
  };
  if (error.code !== 'TAB_AS_INDENT') return problem;
  const tabs = tabsAround(text, start);
  if (!tabs) return problem;
  const edit = { span: tabs, text: '  '.repeat(tabs.end - tabs.start) };
  return { ...problem, fixes: [{ title: 'Indent with spaces', edits: [edit] }] };
}

/** The run of tabs that the parser's position is in, or right behind or before. */
function tabsAround(text: string, position: number): { start: number; end: number } | undefined {
  let start = position;
  let end = position;
  while (text[start - 1] === '\t') start--;
  while (text[end] === '\t') end++;
  return end > start ? { start, end } : undefined;
}
