/** Problems of the language as diagnostics of the protocol. */
import { DiagnosticSeverity, DiagnosticTag, type Diagnostic } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { Problem, Severity } from '../contract/problem';
import { rangeOf } from './positions';

export const SOURCE = 'manticore';

const SEVERITIES: Readonly<Record<Severity, DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
};

/** What does nothing is shown faded. */
const UNNECESSARY: ReadonlySet<string> = new Set(['no-effect']);

export function diagnosticOf(problem: Problem, lines: TextDocument): Diagnostic {
  return {
    range: rangeOf(lines, problem.span),
    severity: SEVERITIES[problem.severity],
    code: problem.code,
    source: SOURCE,
    message: problem.message,
    ...(UNNECESSARY.has(problem.code) ? { tags: [DiagnosticTag.Unnecessary] } : {}),
  };
}
