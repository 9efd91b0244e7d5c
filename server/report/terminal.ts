/**
 * A run in the terminal. On a TTY one region at the bottom is redrawn at most ten times a second, and what is worth
 * keeping scrolls above it; elsewhere plain lines that read well aloud: each evaluation, each tenth of a stage.
 */
import type { EvaluationEvent, RunEvent, StepEvent } from '../contract/events';
import { costLines } from './costReport';
import { stageInWords } from './curvesSvg';
import { jobKey } from './curveReport';
import { buildReportModel, taskOf } from './model';
import type { BlockMarks, ReportModel } from './modelTypes';
import {
  alphaLines,
  ansi,
  fit,
  measureLine,
  plain,
  progressLine,
  summaryLines,
  wrap,
} from './terminalDrawings';
import type { Paint } from './terminalDrawings';
import {
  displayText,
  formatBytes,
  formatCount,
  formatDuration,
  formatFixed,
  formatNumberOf,
} from './text';
import { wellFormedEvent, wellFormedPlan } from './wellFormed';
import type { ReportPlan } from './wellFormed';

export interface TerminalIo {
  out(text: string): void;
  readonly isTTY: boolean;
  /** Read anew at each drawing, so that a resized terminal is met. */
  readonly columns: number;
}

export interface TerminalOptions {
  /** `plan.json`: with it a stage is `stage 2 of 8`. */
  readonly plan?: unknown;
  /** What stands in the log before the first event that is shown: a resumed run has a past. */
  readonly past?: readonly RunEvent[];
  /** Default: unless `NO_COLOR` is set to something. */
  readonly colour?: boolean;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

export interface TerminalView {
  update(event: RunEvent): void;
  /** A line that stays: on a TTY above what is redrawn, which would cover it otherwise. */
  say(text: string): void;
  /** Puts the cursor back. Safe to call twice; also done when the process exits. */
  end(): void;
}

const drawEvery = 100;
const deadly = ['SIGTERM', 'SIGHUP'] as const;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
// Terminals that know it show a frame whole; the others ignore it.
const beginFrame = '\u001b[?2026h';
const endFrame = '\u001b[?2026l';

export function createTerminalView(io: TerminalIo, options: TerminalOptions = {}): TerminalView {
  return new View(io, options);
}

class View implements TerminalView {
  readonly #io: TerminalIo;
  readonly #paint: Paint;
  readonly #now: () => number;
  readonly #plan: ReportPlan | undefined;
  /** All but the steps: what marks and the summary are made from. */
  readonly #kept: RunEvent[] = [];
  readonly #stages: string[] = [];
  /** The job that the last step belongs to. */
  #current = '';
  #step: StepEvent | undefined;
  #evaluation = '';
  #marks: readonly BlockMarks[] = [];
  #tenth = -1;
  #drawnLines = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #ended = false;
  #summarised = false;
  readonly #lastSteps = new Map<string, StepEvent>();
  readonly #restore = (): void => this.#io.out(showCursor);
  // Without a listener the signal would end the process before `exit` could put the cursor back.
  readonly #restoreAndDie = (signal: NodeJS.Signals): void => {
    this.#restore();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  constructor(io: TerminalIo, options: TerminalOptions) {
    this.#io = io;
    const wanted = options.colour ?? (process.env['NO_COLOR'] ?? '') === '';
    this.#paint = io.isTTY && wanted ? ansi : plain;
    this.#now = options.now ?? Date.now;
    this.#plan = wellFormedPlan(options.plan);
    this.#remember(options.past ?? []);
    if (io.isTTY) {
      io.out(hideCursor);
      process.once('exit', this.#restore);
      for (const signal of deadly) process.once(signal, this.#restoreAndDie);
    }
  }

  update(event: RunEvent): void {
    const checked = wellFormedEvent(event);
    if (!checked || this.#ended) return;
    if (checked.type === 'step') this.#takeStep(checked);
    else {
      this.#kept.push(checked);
      this.#take(checked);
    }
  }

  /** Names of components, finished stages and their results, without a word said. */
  #remember(past: readonly RunEvent[]): void {
    for (const event of past) {
      const checked = wellFormedEvent(event);
      if (checked?.type === 'step') {
        const key = jobKey(checked);
        if (!this.#stages.includes(key)) this.#stages.push(key);
        this.#lastSteps.set(key, checked);
      } else if (checked && checked.type !== 'finished' && checked.type !== 'failed') {
        // An end that was none: the run goes on.
        this.#kept.push(checked);
      }
    }
  }

  say(text: string): void {
    if (!this.#ended) this.#say(text);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#io.isTTY) return;
    if (!this.#summarised) this.#draw();
    this.#io.out(showCursor);
    process.off('exit', this.#restore);
    for (const signal of deadly) process.off(signal, this.#restoreAndDie);
  }

  get #columns(): number {
    // The last column stays free: some terminals wrap when it is written.
    const columns = this.#io.isTTY ? this.#io.columns - 1 : this.#io.columns;
    return Number.isFinite(columns) && columns >= 20 ? Math.min(columns, 200) : 79;
  }

  #takeStep(event: StepEvent): void {
    this.#enter(event);
    this.#step = event;
    this.#lastSteps.set(jobKey(event), event);
    if (this.#io.isTTY) {
      if (this.#now() - this.#drawnAt >= drawEvery || event.step === event.steps) this.#draw();
      return;
    }
    const tenth = Math.floor((event.step * 10) / Math.max(1, event.steps));
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    const speed = `${formatCount(event.tokensPerSecond)} tokens a second`;
    const left = event.step < event.steps ? `, ${formatDuration(event.etaSeconds)} left` : '';
    const share = event.cost === undefined ? '' : ` at ${formatFixed(event.cost * 100, 1)} % cost`;
    this.#say(
      `  step ${formatCount(event.step)} of ${formatCount(event.steps)}: loss ${formatFixed(event.loss)}${share}, ${speed}${left}`,
    );
  }

  /** The first event of a job says its name. */
  #enter(event: StepEvent): void {
    const key = jobKey(event);
    if (this.#current === key) return;
    this.#current = key;
    if (!this.#stages.includes(key)) this.#stages.push(key);
    this.#tenth = 0;
    this.#evaluation = '';
    this.#marks = this.#modelOf(event.seed, event).alphas.marks;
    if (!this.#io.isTTY) {
      this.#say(`${this.#stageName(event)}: ${formatCount(event.steps)} steps`);
    }
  }

  /** One seed by itself: pins and prunings shown live are its own. */
  #modelOf(seed: number, step = this.#step): ReportModel {
    const own = this.#kept.filter((event) => !('seed' in event) || event.seed === seed);
    return buildReportModel(step?.seed === seed ? [step, ...own] : own, this.#plan);
  }

  #stageName(event: StepEvent): string {
    const total = this.#plan?.jobs.length ?? 0;
    const place = this.#stages.indexOf(jobKey(event)) + 1;
    const of = total >= place ? ` of ${total}` : '';
    return `Stage ${place}${of}: ${stageInWords(event.stage, event.subject, this.#plan?.config?.program !== undefined)}, seed ${event.seed}`;
  }

  /** What an evaluation says beside its loss: of a text the perplexity, of a task the accuracy. */
  #secondFigure({ perplexity, accuracy }: EvaluationEvent): string {
    return taskOf(this.#plan) === null || accuracy === undefined
      ? `perplexity ${formatFixed(perplexity, 2)}`
      : `accuracy ${formatFixed(accuracy * 100, 1)} %`;
  }

  #take(event: Exclude<RunEvent, StepEvent>): void {
    switch (event.type) {
      case 'started': {
        const { name, device, threads } = event.engine;
        const parts = event.components.map(
          (c) => `${displayText(c.name, 40)} (${displayText(c.family, 40)}, ${c.layers} layers)`,
        );
        this.#say(`${parts.join(' + ')} in ${formatNumberOf(event.blocks, 'block')}`);
        this.#say(
          `on ${displayText(name)}, ${displayText(device)}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
        );
        break;
      }
      case 'preparing':
        this.#say(
          `Encoding the ${event.split} data: ${formatBytes(event.bytes)} of ${formatBytes(event.totalBytes)}`,
        );
        break;
      case 'costs':
        costLines(event.costs, this.#componentNames()).forEach((line) => this.#say(line));
        break;
      case 'evaluation': {
        const words = `${event.split} loss ${formatFixed(event.loss)}, ${this.#secondFigure(event)}`;
        this.#evaluation = `${words} at step ${formatCount(event.step)}`;
        if (!this.#io.isTTY) this.#say(`  step ${formatCount(event.step)}: ${words}`);
        break;
      }
      case 'control': {
        const model = this.#modelOf(event.seed);
        this.#marks = model.alphas.marks;
        const what = model.controls.at(-1)?.sentence ?? '';
        this.#say(`  seed ${event.seed}, after step ${formatCount(event.step)}: ${what}`);
        break;
      }
      case 'checkpoint':
        break;
      case 'warning':
        this.#say(`Warning ${displayText(event.code, 80)}: ${displayText(event.message, 500)}`);
        break;
      case 'resumed':
        this.#say(`Going on from step ${formatCount(event.fromStep)}.`);
        break;
      case 'failed':
        this.#say(`Failed (${displayText(event.code, 80)}): ${displayText(event.message, 500)}`);
        this.#say(displayText(event.hint, 500));
        break;
      case 'finished':
        this.#summarise();
        break;
    }
  }

  /** Lines that stay: above the live region where there is one. */
  #say(text: string): void {
    const columns = this.#columns;
    const lines = this.#io.isTTY ? wrap(text, columns) : [text];
    this.#io.out(`${this.#clear()}${lines.map((line) => `${line}\n`).join('')}`);
    if (this.#io.isTTY) this.#draw();
  }

  /** Moves to the region's first line and forgets it. */
  #clear(): string {
    if (this.#drawnLines === 0) return '';
    const text = `\u001b[${this.#drawnLines}A\r\u001b[J`;
    this.#drawnLines = 0;
    return text;
  }

  #draw(): void {
    if (!this.#io.isTTY || !this.#step || this.#summarised) return;
    const lines = this.#frame(this.#step);
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A\r` : '';
    // Each line is overwritten and its rest erased: nothing is blank in between.
    const body = lines.map((line) => `${line}\u001b[K\n`).join('');
    this.#io.out(`${beginFrame}${up}${body}\u001b[J${endFrame}`);
    this.#drawnLines = lines.length;
    this.#drawnAt = this.#now();
  }

  #frame(step: StepEvent): string[] {
    const columns = this.#columns;
    const names = this.#componentNames();
    return [
      this.#paint(fit(this.#stageName(step), columns), 'bold'),
      progressLine(step.step, step.steps, columns, this.#paint),
      measureLine(step, columns),
      ...(this.#evaluation ? [fit(this.#evaluation, columns)] : []),
      ...(step.alphas && names.length > 0
        ? alphaLines(names, step.alphas, this.#marks, columns, this.#paint)
        : []),
    ];
  }

  #componentNames(): string[] {
    const started = this.#kept.find((event) => event.type === 'started');
    return started?.components.map((component) => component.name) ?? [];
  }

  #summarise(): void {
    const text = this.#clear();
    this.#summarised = true;
    const model = buildReportModel([...this.#lastSteps.values(), ...this.#kept], this.#plan);
    const lines = summaryLines(model, this.#columns, this.#paint);
    this.#io.out(`${text}${lines.map((line) => `${line}\n`).join('')}\n`);
  }
}
