/** How the terminal shows a problem of a config. */
import type { PlacedProblem } from '../commands/configFile';

/** `file:line:col severity code message`. */
export function problemLine(problem: PlacedProblem): string {
  const { file, line, column, severity, code, message } = problem;
  return `${file}:${line}:${column} ${severity} ${code} ${message}\n`;
}
