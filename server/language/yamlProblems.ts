/** The `yaml` package's findings in this project's words, where its own don't tell what to do. */
import type { ErrorCode, YAMLError } from 'yaml';
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
