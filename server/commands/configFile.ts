/** A config, read, overridden and checked: what everything that takes one begins with. */
import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Problem } from '../contract/problem';
import { checkConfig, type CheckedConfig } from '../language/checkConfig';
import { MAX_TEXT } from '../language/configDocument';
import { applyOverrides } from '../language/override';
import { positionsIn } from '../language/textPosition';
import type { ModelReader } from '../models/modelReader';

export interface ConfigFile extends CheckedConfig {
  /** As the user named it. */
  readonly path: string;
  /** With the overrides applied: what a run keeps as its snapshot, and what the problems' spans lie in. */
  readonly text: string;
}

/** @param overrides `key=value`, as `--set` takes them */
export async function loadConfig(
  file: string,
  reader: ModelReader,
  overrides: readonly string[] = [],
): Promise<ConfigFile> {
  const read = await readConfigText(file);
  if (typeof read !== 'string') {
    return {
      ...(await checkConfig('', placeOf(file, reader))),
      path: file,
      text: '',
      problems: [read],
    };
  }
  return checkConfigText(file, read, reader, overrides);
}

/** As `loadConfig`, for a text that stands somewhere else than in the file: an editor's. */
export async function checkConfigText(
  file: string,
  original: string,
  reader: ModelReader,
  overrides: readonly string[] = [],
): Promise<ConfigFile> {
  const { text, problems } = applyOverrides(original, overrides);
  const checked = await checkConfig(text, { ...placeOf(file, reader), everyCell: true });
  return { ...checked, path: file, text, problems: [...problems, ...checked.problems] };
}

function placeOf(file: string, reader: ModelReader) {
  const absolute = path.resolve(file);
  const name = path.basename(absolute).replace(/(\.manticore)?\.ya?ml$/i, '');
  return { name, base: path.dirname(absolute), reader };
}

async function readConfigText(file: string): Promise<string | Problem> {
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return unreadable(`${file} is no file`);
      // A character takes at most three bytes of UTF-8 for each UTF-16 unit.
      if (stat.size > 3 * MAX_TEXT) return unreadable(`${file} is too large for a config`);
      return decoded(await handle.readFile()) ?? unreadable(`${file} is not UTF-8 text`);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const reason = code === 'ENOENT' ? 'there is no such file' : code;
    return unreadable(`${file} can’t be read: ${reason}`);
  }
}

/** `undefined` for what is no UTF-8: another encoding would be shown and kept with wrong letters. */
function decoded(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : undefined;
}

function unreadable(message: string): Problem {
  return {
    code: 'unreadable-config',
    severity: 'error',
    message: `${message}. Give the path of a \`.manticore.yaml\` file.`,
    span: { start: 0, end: 0 },
  };
}

/** A problem as `manticore check --json` prints it; lines and columns from 1. */
export interface PlacedProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly severity: Problem['severity'];
  readonly code: string;
  readonly message: string;
}

export function placeProblems(config: ConfigFile): readonly PlacedProblem[] {
  const positionOf = positionsIn(config.text);
  return config.problems.map(({ code, severity, message, span }) => {
    const start = positionOf(span.start);
    const end = positionOf(span.end);
    return {
      file: config.path,
      line: start.line,
      column: start.column,
      endLine: end.line,
      endColumn: end.column,
      severity,
      code,
      message,
    };
  });
}
