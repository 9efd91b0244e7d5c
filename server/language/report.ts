/** Gathers problems of the semantic checks, placed by path. */
import type { Problem, QuickFix, Severity, TextSpan } from '../contract/problem';
import type { Path } from './configDocument';
import { shown } from './configDocument';
import { hasSyntaxErrors, type ParsedConfig } from './parseConfig';
import { spanOf } from './schemaProblems';
import { nearestName } from './suggestion';

export interface Finding {
  readonly code: string;
  readonly severity?: Severity;
  readonly message: string;
  readonly part?: 'key' | 'value';
  readonly fixes?: readonly QuickFix[];
}

export class Report {
  readonly problems: Problem[] = [];

  constructor(readonly parsed: ParsedConfig) {}

  /** Says nothing about an entry that, or part of which, couldn't be understood: its fault has been named. */
  add(path: Path, finding: Finding): void {
    if (this.parsed.stripped.some((stripped) => overlap(stripped, path))) return;
    const { code, severity = 'error', message, part = 'value', fixes } = finding;
    const span = this.span(path, part);
    this.problems.push({ code, severity, message, span, ...(fixes ? { fixes } : {}) });
  }

  /** Whether the entry was written, and left out because it is faulty: what rests on it can't be told. */
  isLeftOut(path: Path): boolean {
    return this.parsed.stripped.some((stripped) => stripped.join('\n') === path.join('\n'));
  }

  /** Whether the text isn't whole YAML: what it lacks may be there, only not understood. */
  get isBroken(): boolean {
    return hasSyntaxErrors(this.parsed.document);
  }

  span(path: Path, part: 'key' | 'value' = 'value'): TextSpan {
    return spanOf(this.parsed.document, path, part);
  }

  /** Whether the text itself has this entry (rather than a default). */
  isWritten(path: Path): boolean {
    return this.parsed.document.spansAt(path) !== undefined;
  }

  /** A quick fix that puts `text` in the place of a written value; none where there is nothing to replace. */
  replacing(path: Path, title: string, text: string): { fixes?: readonly QuickFix[] } {
    const spans = this.parsed.document.spansAt(path);
    if (!spans || spans.value.end === spans.value.start) return {};
    return { fixes: [{ title, edits: [{ span: spans.value, text }] }] };
  }

  /** Warns of a key that is written and does nothing. */
  noEffect(path: Path, reason: string): void {
    if (!this.isWritten(path)) return;
    const message = `\`${path.at(-1)!}\` has no effect here: ${reason}.`;
    this.add(path, { code: 'no-effect', severity: 'warning', message, part: 'key' });
  }

  /** Reports `name` unless it is one of the components. */
  checkComponent(
    path: Path,
    part: 'key' | 'value',
    name: string,
    known: readonly string[],
  ): boolean {
    if (known.includes(name)) return true;
    const nearest = nearestName(name, known);
    const hint = nearest
      ? `Did you mean \`${nearest}\`?`
      : `The components are ${known.map((other) => `\`${other}\``).join(', ')}.`;
    const span = this.span(path, part);
    this.add(path, {
      code: 'unknown-component',
      message: `There is no component \`${shown(name)}\`. ${hint}`,
      part,
      ...(nearest
        ? { fixes: [{ title: `Change to ${nearest}`, edits: [{ span, text: nearest }] }] }
        : {}),
    });
    return false;
  }
}

/** Whether one path is the other or lies within it. */
function overlap(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((key, index) => key === b[index]);
}
