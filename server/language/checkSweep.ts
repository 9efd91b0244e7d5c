/** A config with a sweep: every cell is checked as the config that it is, and its problems stand at the swept values. */
import type { Plan } from '../contract/plan';
import type { Problem, TextSpan } from '../contract/problem';
import type { Setting, SweepAxis } from '../contract/sweep';
import type { ModelReader } from '../models/modelReader';
import type { CheckedConfig, CheckPlace } from './checkConfig';
import { readDocument, shown, type ConfigDocument } from './configDocument';
import { inTextOrder } from './parseConfig';
import { gridProblems } from './sweepGrid';
import {
  axesOf,
  cellCount,
  cellDocument,
  cellName,
  cellText,
  MAX_CELLS,
  placesOf,
  settingsOf,
  SWEEP,
} from './sweep';

/** What a cell will take, from its plan. */
export interface CellCost {
  readonly parameters: number;
  readonly flopsPerToken: number;
  /** Of all its jobs. */
  readonly tokens: number;
  readonly trainingFlops: number;
  /** Predicted peak, bytes, on the `wasm` engine. */
  readonly peak: number;
}

export interface PlannedCell {
  /** From 0. */
  readonly cell: number;
  readonly settings: readonly Setting[];
  /** `undefined` while something that its plan rests on is wrong or not on this machine. */
  readonly cost: CellCost | undefined;
}

export interface PlannedSweep {
  readonly axes: readonly SweepAxis[];
  /** Cells of the grid. */
  readonly count: number;
  /** Those that were checked: all of them, or of a large grid each value once. */
  readonly cells: readonly PlannedCell[];
}

/** Most cells that are checked while a user types. */
const MAX_TYPING_CELLS = 60;

type CheckDocument = (document: ConfigDocument, place: CheckPlace) => Promise<CheckedConfig>;

/**
 * @param document with a `sweep`
 * @param check of one config
 */
export async function checkSweep(
  document: ConfigDocument,
  place: CheckPlace,
  check: CheckDocument,
): Promise<CheckedConfig> {
  const own = gridProblems(document);
  const axes = axesOf(document);
  const count = cellCount(axes);
  const isWhole = !document.problems.some(({ severity }) => severity === 'error');
  if (own.length > 0 || !isWhole) {
    // The keys that the sweep was to give may be missing now, which says nothing: what is written beside it counts.
    const base = await check(withoutSweep(document), place);
    const problems = base.problems.filter(({ code }) => code !== 'missing-key');
    const { config } = base;
    return { document, config, plan: undefined, problems: inTextOrder([...own, ...problems]) };
  }
  const chosen = chosenCells(axes, place.everyCell === true ? MAX_CELLS : MAX_TYPING_CELLS);
  const reader = remembering(place.reader);
  const cells: PlannedCell[] = [];
  const found = new FoundProblems(document, axes, chosen);
  let first: CheckedConfig | undefined;
  for (const cell of chosen) {
    const settings = settingsOf(axes, cell);
    const written = cellText(document, settings);
    if ('blocked' in written) {
      found.add(cell, blocked(document, written.blocked));
      cells.push({ cell, settings, cost: undefined });
      continue;
    }
    const { data } = readDocument(written.text);
    const checked = await check(cellDocument(document, axes, cell, data), { ...place, reader });
    first ??= checked;
    for (const problem of checked.problems) found.add(cell, problem);
    cells.push({ cell, settings, cost: checked.plan && costOf(checked.plan) });
  }
  const isPlanned = cells.every(({ cost }) => cost !== undefined);
  return {
    document,
    config: first?.config,
    plan: isPlanned ? first?.plan : undefined,
    problems: inTextOrder(found.problems()),
    sweep: { axes, count, cells },
  };
}

/** Every cell, or where they are more than `most` each value once, beside the first ones of the other keys. */
function chosenCells(axes: readonly SweepAxis[], most: number): readonly number[] {
  const count = cellCount(axes);
  if (count <= most) return Array.from({ length: count }, (_, cell) => cell);
  let stride = count;
  const chosen = axes.flatMap(({ values: { length } }) => {
    stride /= length;
    return Array.from({ length }, (_, place) => place * stride);
  });
  return [...new Set(chosen)].sort((a, b) => a - b).slice(0, MAX_CELLS);
}

function withoutSweep(document: ConfigDocument): ConfigDocument {
  const entries = Object.entries(document.data as Record<string, unknown>);
  return { ...document, data: Object.fromEntries(entries.filter(([key]) => key !== SWEEP)) };
}

function blocked(document: ConfigDocument, key: string): Problem {
  const span = document.spansAt([SWEEP, key])?.key ?? { start: 0, end: 0 };
  return {
    code: 'sweep-blocked',
    severity: 'error',
    message: `\`${shown(key)}\` can’t be set: a value or an alias stands where its path goes through. Write the config’s own value out.`,
    span,
  };
}

export function costOf({ parameters, flopsPerToken, memory, jobs }: Plan): CellCost {
  const passes = memory.checkpointing ? 4 : 3;
  const sum = (of: (job: Plan['jobs'][number]) => number) =>
    jobs.reduce((total, job) => total + of(job), 0);
  return {
    parameters,
    flopsPerToken,
    tokens: sum(({ tokens }) => tokens),
    trainingFlops: passes * sum((job) => job.tokens * job.flopsPerToken),
    peak: memory.peak,
  };
}

/** Asks the disk once for all cells. */
function remembering(reader: ModelReader): ModelReader {
  const remember = <T>(ask: (name: string, base: string) => Promise<T>) => {
    const answers = new Map<string, Promise<T>>();
    return (name: string, base: string): Promise<T> => {
      const key = JSON.stringify([name, base]);
      const known = answers.get(key) ?? ask(name, base);
      answers.set(key, known);
      return known;
    };
  };
  const jsonl = remember((path, base) => reader.readRecords(path, base, 'jsonl'));
  const parquet = remember((path, base) => reader.readRecords(path, base, 'parquet'));
  return {
    readModel: remember((source, base) => reader.readModel(source, base)),
    readTokenizer: remember((source, base) => reader.readTokenizer(source, base)),
    readFile: remember((path, base) => reader.readFile(path, base)),
    readRecords: (path, base, format) =>
      format === 'jsonl' ? jsonl(path, base) : parquet(path, base),
    readResult: remember((path, base) => reader.readResult(path, base)),
  };
}

interface Found {
  readonly problem: Problem;
  readonly cells: number[];
}

/** The problems of all cells, each said once and where it can be mended. */
class FoundProblems {
  private readonly found = new Map<string, Found>();
  private readonly sweep: TextSpan;
  /** Values of the sweep: where they stand, and the checked cells that have them. */
  private readonly items: readonly { readonly span: TextSpan; readonly cells: readonly number[] }[];

  constructor(
    document: ConfigDocument,
    private readonly axes: readonly SweepAxis[],
    private readonly checked: readonly number[],
  ) {
    this.sweep = document.spansAt([SWEEP])!.value;
    this.items = axes.flatMap(({ key, values }, axis) =>
      values.map((_, place) => ({
        span: document.spansAt([SWEEP, key, String(place)])?.value ?? this.sweep,
        cells: checked.filter((cell) => placesOf(axes, cell)[axis] === place),
      })),
    );
  }

  add(cell: number, problem: Problem): void {
    const { code, severity, message, span } = problem;
    const key = JSON.stringify([code, severity, message, span]);
    const known = this.found.get(key);
    if (known) known.cells.push(cell);
    else this.found.set(key, { problem, cells: [cell] });
  }

  problems(): readonly Problem[] {
    return [...this.found.values()].flatMap((found) => this.placed(found));
  }

  private placed(found: Found): readonly Problem[] {
    const { problem, cells } = found;
    const isEverywhere = cells.length === this.checked.length;
    if (isWithin(problem.span, this.sweep)) return [this.inSweep(found)];
    if (isEverywhere) return [problem];
    // A key that has no effect in some cells has one in others.
    if (problem.severity !== 'error') return [];
    const { code, severity } = problem;
    const message = `${problem.message}${this.named(cells)}`;
    return this.blamed(cells).map((span) => ({ code, severity, message, span }));
  }

  private inSweep({ problem, cells }: Found): Problem {
    const { fixes, ...rest } = problem;
    const item = this.items.find(({ span }) => isWithin(problem.span, span));
    const isItems = (item?.cells ?? this.checked).every((cell) => cells.includes(cell));
    const message = isItems ? problem.message : `${problem.message}${this.named(cells)}`;
    // An edit beside a value would change what the sweep itself is.
    const kept = fixes?.filter(({ edits }) =>
      edits.every((edit) => this.items.some(({ span }) => isWithin(edit.span, span))),
    );
    return { ...rest, message, ...(kept && kept.length > 0 ? { fixes: kept } : {}) };
  }

  /** The values of which every cell has the problem; where there is none, the last value of the first such cell. */
  private blamed(cells: readonly number[]): readonly TextSpan[] {
    const blamed = this.items.filter(
      (item) => item.cells.length > 0 && item.cells.every((cell) => cells.includes(cell)),
    );
    const first = cells[0]!;
    const fallback = this.items.findLast((item) => item.cells.includes(first));
    return (blamed.length > 0 ? blamed : fallback ? [fallback] : []).map(({ span }) => span);
  }

  private named(cells: readonly number[]): string {
    const name = cellName(settingsOf(this.axes, cells[0]!));
    const short = name.length > 160 ? `${name.slice(0, 157)}…` : name;
    const more = cells.length > 1 ? ` and ${cells.length - 1} more` : '';
    return ` (In the cell \`${short}\`${more}.)`;
  }
}

const isWithin = (inner: TextSpan, outer: TextSpan): boolean =>
  outer.start <= inner.start && inner.end <= outer.end;
