/** A small path of α beside each block of the heatmap: the detail stands in the numbers and in the larger chart. */
import { make, setHidden } from './dom';
import { spreadPositions, type Job } from './jobs';
import { componentStyle, themeColour } from './seriesStyle';

/** Frames of a path that are drawn, at most. */
const maximumPoints = 120;

interface Spark {
  readonly place: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly cursor: HTMLElement;
}

export class Sparks {
  #sparks: Spark[] = [];
  #drawn: Job | undefined;
  #width = 0;
  #height = 0;
  // Measured when it changes, never while the slider moves.
  readonly #observer = new ResizeObserver(([entry]) => {
    this.#width = entry?.contentRect.width ?? 0;
    this.#height = entry?.contentRect.height ?? 0;
    this.#draw(this.#drawn);
    this.#moveCursors();
  });
  #step: number | undefined;

  /** @param step where the slider stands; `undefined` where there is none */
  update(places: readonly HTMLElement[], job: Job | undefined, step: number | undefined): void {
    if (places.length !== this.#sparks.length || places[0] !== this.#sparks[0]?.place) {
      this.#sparks = places.map(makeSpark);
      this.#observer.disconnect();
      if (places[0]) this.#observer.observe(places[0]);
    } else if (job !== this.#drawn) this.#draw(job);
    this.#drawn = job;
    this.#step = step;
    this.#moveCursors();
  }

  /** Draws again in the theme's new colours. */
  repaint(): void {
    this.#draw(this.#drawn);
  }

  #draw(job: Job | undefined): void {
    const width = this.#width;
    const height = this.#height;
    if (width === 0 || height === 0) return;
    const K = job?.alphas[0]?.[0]?.length ?? 0;
    const colours = Array.from({ length: K }, (_, m) => themeColour(componentStyle(m).colour));
    const kept = job ? spreadPositions(job.alphas.length, maximumPoints) : [];
    this.#sparks.forEach(({ canvas }, block) => {
      const ctx = prepare(canvas, width, height);
      if (ctx && job) drawPaths(ctx, { job, kept, block, colours, width, height });
    });
  }

  #moveCursors(): void {
    const from = this.#drawn?.frameSteps[0] ?? 0;
    const to = this.#drawn?.frameSteps.at(-1) ?? 0;
    const step = this.#step;
    const hidden = step === undefined || to <= from || this.#width === 0;
    const share = hidden ? 0 : Math.max(0, (step - from) / (to - from));
    for (const { cursor } of this.#sparks) {
      setHidden(cursor, hidden);
      cursor.style.transform = `translateX(${Math.round(share * (this.#width - 1))}px)`;
    }
  }
}

function makeSpark(place: HTMLElement): Spark {
  const canvas = make('canvas', {});
  const cursor = make('div', { class: 'spark-cursor' });
  place.replaceChildren(canvas, cursor);
  return { place, canvas, cursor };
}

function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const ctx = canvas.getContext('2d');
  ctx?.scale(devicePixelRatio, devicePixelRatio);
  return ctx;
}

interface Paths {
  readonly job: Job;
  readonly kept: readonly number[];
  readonly block: number;
  readonly colours: readonly string[];
  readonly width: number;
  readonly height: number;
}

function drawPaths(ctx: CanvasRenderingContext2D, paths: Paths): void {
  const { job, kept, block, colours, width, height } = paths;
  const from = job.frameSteps[0]!;
  const span = Math.max(1, job.frameSteps.at(-1)! - from);
  const margin = 4;
  ctx.lineJoin = 'round';
  colours.forEach((colour, m) => {
    const style = componentStyle(m);
    ctx.strokeStyle = colour;
    ctx.lineWidth = 1.5;
    ctx.setLineDash(style.dash.map((length) => length * 0.6));
    ctx.beginPath();
    for (const at of kept) {
      const x = ((job.frameSteps[at]! - from) / span) * width;
      const y = margin + (1 - job.alphas[at]![block]![m]!) * (height - 2 * margin);
      ctx.lineTo(x, y);
    }
    ctx.stroke();
  });
}
