/** Quick fixes of problems, the download of a model, refactorings. */
import {
  CodeActionKind,
  type CodeAction,
  type CodeActionParams,
  type Diagnostic,
} from 'vscode-languageserver';
import type { EditorCommands } from '../../contract/editor';
import type { Problem, QuickFix } from '../../contract/problem';
import { refactorings } from '../../language/editor/codeActions';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import { diagnosticOf, SOURCE } from '../diagnostics';
import { workspaceEdit } from '../edits';
import { spanOf, touches } from '../positions';

const DOWNLOAD: keyof EditorCommands = 'manticore.downloadModel';

export function registerCodeActions(context: LanguageContext): void {
  context.connection.onCodeAction(
    aboutConfig<CodeActionParams, CodeAction[]>(
      context,
      'code actions',
      [],
      (snapshot, { range, context: { diagnostics, only } }) => {
        const span = spanOf(snapshot.lines, range);
        const isWanted = (kind: string) =>
          !only || only.some((wanted) => kind === wanted || kind.startsWith(`${wanted}.`));
        const near = snapshot.checked.problems.filter((problem) => touches(problem.span, span));
        const fixes = isWanted(CodeActionKind.QuickFix)
          ? near.flatMap((problem) => fixesOf(context, snapshot, problem, diagnostics))
          : [];
        const rewrites = isWanted(CodeActionKind.RefactorRewrite)
          ? refactorings(snapshot.checked, span).map(({ title, edits }) => ({
              title,
              kind: CodeActionKind.RefactorRewrite,
              edit: workspaceEdit(context, snapshot, edits),
            }))
          : [];
        return [...fixes, ...rewrites];
      },
    ),
  );
}

function fixesOf(
  context: LanguageContext,
  snapshot: Snapshot,
  problem: Problem,
  shown: readonly Diagnostic[],
): CodeAction[] {
  const own = diagnosticOf(problem, snapshot.lines);
  const diagnostics = shown.filter((diagnostic) => isSame(diagnostic, own));
  const fixes = problem.fixes ?? [];
  return fixes.flatMap((fix): CodeAction[] => {
    const does = whatItDoes(context, snapshot, fix);
    if (!does) return [];
    const { title } = fix;
    const isPreferred = fixes.length === 1;
    return [{ title, kind: CodeActionKind.QuickFix, diagnostics, isPreferred, ...does }];
  });
}

function isSame(a: Diagnostic, b: Diagnostic): boolean {
  return (
    a.source === SOURCE &&
    a.code === b.code &&
    a.range.start.line === b.range.start.line &&
    a.range.start.character === b.range.start.character
  );
}

function whatItDoes(
  context: LanguageContext,
  snapshot: Snapshot,
  { title, edits, download }: QuickFix,
): Pick<CodeAction, 'edit' | 'command'> | undefined {
  if (download === undefined) return { edit: workspaceEdit(context, snapshot, edits) };
  // Nothing goes to the network in a workspace that isn't trusted.
  if (!context.workspace.isTrusted) return undefined;
  return { command: { title, command: DOWNLOAD, arguments: [download] } };
}
