/** Configs with the offending place marked in the text: `co|mpnents|: {}`. */
import assert from 'node:assert/strict';
import type { Problem, TextEdit } from '../../server/contract/problem';
import { checkConfig } from '../../server/language/checkConfig';
import { fakeReader, quickDisk, type FakeDisk } from './fakeReader';

/** Takes the two `|` out. */
export function unmark(marked: string): { text: string; start: number; end: number } {
  const [before, inside, after, ...more] = marked.split('|');
  assert.ok(inside !== undefined && after !== undefined && more.length === 0, 'mark one place');
  return {
    text: before! + inside + after,
    start: before!.length,
    end: before!.length + inside.length,
  };
}

export async function problemsOf(
  text: string,
  disk: FakeDisk = quickDisk,
): Promise<readonly Problem[]> {
  const { problems } = await checkConfig(text, {
    name: 'test',
    base: '/base',
    reader: fakeReader(disk),
  });
  return problems;
}

/** Checks that the marked text has a problem with this code at the mark, and that this is its only error or warning. */
export async function expectProblem(
  marked: string,
  code: string,
  disk: FakeDisk = quickDisk,
): Promise<Problem> {
  const { text, start, end } = unmark(marked);
  const problems = await problemsOf(text, disk);
  const found = problems.map((problem) => ({
    code: problem.code,
    at: text.slice(problem.span.start, problem.span.end),
    start: problem.span.start,
  }));
  assert.deepEqual(found, [{ code, at: text.slice(start, end), start }]);
  return problems[0]!;
}

/** The text after a quick fix. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  return [...edits]
    .sort((a, b) => b.span.start - a.span.start)
    .reduce(
      (rest, { span, text: piece }) => rest.slice(0, span.start) + piece + rest.slice(span.end),
      text,
    );
}

/** The marked text after the problem's first quick fix. */
export function fixed(marked: string, problem: Problem): string {
  const [fix] = problem.fixes ?? [];
  assert.ok(fix, `${problem.code} has no quick fix`);
  return applyEdits(unmark(marked).text, fix.edits);
}

/** A config that is whole, with parts replaced. */
export function quickConfig(
  parts: {
    readonly components?: string;
    readonly hybrid?: string;
    readonly data?: string;
    readonly search?: string;
    readonly rest?: string;
  } = {},
): string {
  const {
    components = '  neox: { source: ./neox }\n  mamba: { source: ./mamba }',
    hybrid = '  blocks: 2',
    data = '  train: { text: train.txt }\n  validation: { text: valid.txt }\n  context: 16',
    search = '  steps: 30',
    rest = '',
  } = parts;
  return `manticore: 1\ncomponents:\n${components}\nhybrid:\n${hybrid}\ndata:\n${data}\nsearch:\n${search}\n${rest}`;
}
