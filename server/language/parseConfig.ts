/** Text of a config → what could be understood of it, and what couldn't. Never throws. */
import type { Problem } from '../contract/problem';
import type { ConfigDocument, Path } from './configDocument';
import { readDocument } from './configDocument';
import type { Config } from './schema';
import { configSchema, MAX_BLOCKS } from './schema';
import type { SchemaFinding } from './schemaProblems';
import { schemaFindings } from './schemaProblems';

export interface ParsedConfig {
  /**
   * The config without its faulty entries, and with placeholders where a required one is faulty or missing; `undefined`
   * when there is nothing to go by (no components).
   */
  readonly value: Config | undefined;
  /** In the order of the text. */
  readonly problems: readonly Problem[];
  readonly document: ConfigDocument;
  /** Entries of which `value` says nothing: written but left out, or a placeholder. */
  readonly stripped: readonly Path[];
}

/** Rounds of leaving faulty entries out; each removes at least one. */
const MAX_ROUNDS = 20;
const MAX_PROBLEMS = 200;

export function parseConfig(text: string): ParsedConfig {
  return parseDocument(readDocument(text));
}

export function parseDocument(document: ConfigDocument): ParsedConfig {
  const placeholders: Path[] = [];
  const result = (value: Config | undefined, findings: readonly SchemaFinding[]): ParsedConfig => ({
    value,
    problems: inTextOrder([...document.problems, ...findings.map(({ problem }) => problem)]),
    document,
    stripped: [...findings.flatMap(({ strip }) => (strip ? [strip] : [])), ...placeholders],
  });
  const { data } = document;
  if (!document.yaml) return result(undefined, []);
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    const broken = document.problems.some((problem) => problem.severity === 'error');
    return result(undefined, broken ? [] : [{ problem: notAConfig, strip: undefined }]);
  }

  const findings: SchemaFinding[] = [];
  let understood: unknown = data;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = configSchema.safeParse(understood);
    if (parsed.success) return result(parsed.data, findings);
    const gone = findings.map(({ strip }) => JSON.stringify(strip));
    const found = schemaFindings(document, parsed.error.issues).filter(
      ({ strip }) => !strip || !gone.includes(JSON.stringify(strip)),
    );
    const strips = found.flatMap(({ strip }) => (strip ? [strip] : []));
    // What is missing after another entry was left out is that entry's fault, and has been said.
    // Neither does a key that is missing say anything beside a text that isn't whole YAML.
    const sayMissing = round === 0 && !hasSyntaxErrors(document);
    findings.push(...(sayMissing ? found : found.filter(({ strip }) => strip)));
    const before = placeholders.length;
    understood =
      strips.length > 0 ? without(understood, strips) : withPlaceholders(understood, placeholders);
    if (strips.length === 0 && placeholders.length === before) break;
  }
  return result(undefined, findings);
}

export const hasSyntaxErrors = ({ problems }: ConfigDocument): boolean =>
  problems.some(({ code }) => code === 'yaml-syntax' || code === 'tab-indent');

const notAConfig: Problem = {
  code: 'not-a-config',
  severity: 'error',
  message:
    'A config is a mapping: begin with `manticore: 1`, then `components`, `hybrid`, `data` and `search`.',
  span: { start: 0, end: 0 },
};

/** Sorted by place, then code; the same problem once. */
export function inTextOrder(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  return [...problems]
    .sort(
      (a, b) => a.span.start - b.span.start || a.span.end - b.span.end || compare(a.code, b.code),
    )
    .filter((problem) => {
      const key = JSON.stringify([problem.code, problem.span, problem.message]);
      return seen.has(key) ? false : seen.add(key);
    })
    .slice(0, MAX_PROBLEMS);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** What stands for a required entry while its own fault is said: nothing else is to be wrong because of it. */
const PLACEHOLDERS: readonly (readonly [path: Path, value: unknown])[] = [
  [['manticore'], 1],
  [['hybrid'], {}],
  [['hybrid', 'blocks'], MAX_BLOCKS],
  [['data'], {}],
  [['data', 'train'], {}],
  [['data', 'context'], 1],
  [['search'], {}],
  [['search', 'steps'], 1],
  [['finetune', 'steps'], 1],
];

/** `data` with placeholders where a required entry is not there; their paths go into `added`. */
function withPlaceholders(data: unknown, added: Path[]): unknown {
  return PLACEHOLDERS.reduce((config, [path, value]) => {
    const [key, inner] = path;
    if (!isMapping(config) || key === undefined) return config;
    const outer = config[key];
    if (
      inner === undefined ? outer !== undefined : !isMapping(outer) || Object.hasOwn(outer, inner)
    )
      return config;
    added.push(path);
    return {
      ...config,
      [key]: inner === undefined ? value : { ...(outer as object), [inner]: value },
    };
  }, data);
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `data` without the entries at `paths`. */
function without(data: unknown, paths: readonly Path[]): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || paths.length === 0) {
    return data;
  }
  const gone = new Set(paths.filter((path) => path.length === 1).map((path) => path[0]));
  const entries = Object.entries(data)
    .filter(([key]) => !gone.has(key))
    .map(([key, value]): [string, unknown] => {
      const inner = paths.filter((path) => path.length > 1 && path[0] === key);
      return [
        key,
        without(
          value,
          inner.map((path) => path.slice(1)),
        ),
      ];
    });
  return Object.fromEntries(entries);
}
