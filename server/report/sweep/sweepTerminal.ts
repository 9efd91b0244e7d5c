/** A sweep in the terminal: a line for each running cell that is redrawn, and what has ended above it. */
import type { SweepEvent } from '../../contract/sweep';
import { stageInWords } from '../curvesSvg';
import { ansi, bar, fit, plain, type Paint } from '../terminalDrawings';
import { displayText, formatCount, formatDuration, formatFixed, formatNumberOf } from '../text';
import { labelOf } from './axes';

export interface SweepTerminalIo {
  out(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
}

type Progress = Extract<SweepEvent, { type: 'progress' }>;

const DRAW_EVERY_MS = 100;

export class SweepTerminal {
  private readonly paint: Paint;
  private readonly names = new Map<number, string>();
  private readonly running = new Map<number, Progress | undefined>();
  private readonly stages = new Map<number, string>();
  private done = 0;
  private cells = 0;
  private drawn = 0;
  private drawnAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly io: SweepTerminalIo) {
    this.paint = io.isTTY && (process.env['NO_COLOR'] ?? '') === '' ? ansi : plain;
  }

  update(event: SweepEvent): void {
    switch (event.type) {
      case 'sweep': {
        this.cells = event.cells.length;
        for (const { cell, settings, state } of event.cells) {
          const name = settings
            .map(({ key, value }) => `${key.split('.').at(-1)} ${labelOf(value)}`)
            .join(', ');
          this.names.set(cell, displayText(name, 120));
          if (state === 'done') this.done++;
        }
        const before = this.done > 0 ? `, ${this.done} done before` : '';
        this.say(`${formatNumberOf(this.cells, 'run')}${before}`);
        return;
      }
      case 'cell':
        this.take(event);
        return;
      case 'progress':
        this.progress(event);
        return;
      case 'end':
        this.clear();
        return;
    }
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.io.out(`${text}\n`);
    this.draw();
  }

  end(): void {
    this.clear();
  }

  private take({ cell, state, message }: Extract<SweepEvent, { type: 'cell' }>): void {
    if (state === 'running') {
      this.running.set(cell, undefined);
      if (!this.io.isTTY) this.say(`${this.place(cell)}: started`);
      return;
    }
    if (state === 'starting' || state === 'waiting') return;
    if (state === 'done') this.done++;
    this.running.delete(cell);
    const why = message === undefined ? '' : `: ${displayText(message, 500)}`;
    this.say(`${this.place(cell)}: ${state}${why}`);
  }

  private place(cell: number): string {
    return `Cell ${cell} of ${this.cells} (${this.names.get(cell) ?? ''})`;
  }

  private progress(event: Progress): void {
    this.running.set(event.cell, event);
    if (this.io.isTTY) {
      if (performance.now() - this.drawnAt >= DRAW_EVERY_MS) this.draw();
      return;
    }
    const stage = `${stageInWords(event.stage, event.subject)}, seed ${event.seed}`;
    if (this.stages.get(event.cell) === stage) return;
    this.stages.set(event.cell, stage);
    this.say(`  cell ${event.cell}: ${stage}, ${formatCount(event.steps)} steps`);
  }

  private draw(): void {
    if (!this.io.isTTY) return;
    const columns = Math.max(20, this.io.columns - 1);
    const lines = [...this.running].map(([cell, progress]) => this.line(cell, progress, columns));
    const head = `${this.done} of ${formatNumberOf(this.cells, 'run')} done`;
    const text = [this.paint(fit(head, columns), 'bold'), ...lines];
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A\r` : '';
    this.io.out(`${up}${text.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    this.drawn = text.length;
    this.drawnAt = performance.now();
  }

  private line(cell: number, progress: Progress | undefined, columns: number): string {
    const name = `${String(cell).padStart(String(this.cells).length)}  ${this.names.get(cell) ?? ''}`;
    if (!progress) return fit(`${name}  starting`, columns);
    const { stage, subject, step, steps, loss, etaSeconds } = progress;
    const share = steps > 0 ? step / steps : 0;
    const width = Math.max(24, columns - 70);
    const words = `${bar(share, 12)} ${String(Math.floor(share * 100)).padStart(3)} %  loss ${formatFixed(loss)}  ${formatDuration(etaSeconds)} left  ${stageInWords(stage, subject)}`;
    return fit(`${fit(name, width).padEnd(width)}  ${words}`, columns);
  }

  private clear(): void {
    if (this.drawn === 0) return;
    this.io.out(`\u001b[${this.drawn}A\r\u001b[J`);
    this.drawn = 0;
  }
}
