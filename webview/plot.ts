/** A chart of lines over steps, drawn by uPlot; the only file that knows it. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { make } from './dom';
import { formatCount } from './format';
import { themeColour, type LineStyle } from './seriesStyle';

export interface PlotLine {
  readonly key: string;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
  readonly style: LineStyle;
  /** Drawn thin and pale, as the ground of another line. */
  readonly faint?: boolean;
  readonly marks?: readonly PlotMark[];
}

export interface PlotMark {
  readonly step: number;
  readonly value: number;
  readonly shape: 'dot' | 'diamond';
}

export interface PlotView {
  readonly lines: readonly PlotLine[];
  /** Ends of the x axis. */
  readonly range: readonly [number, number];
  /** Ends of the y axis; `undefined`: as the values have it. */
  readonly values: readonly [number, number] | undefined;
  readonly logarithmic: boolean;
  /** Where the slider stands. */
  readonly step: number | undefined;
}

export interface PlotHandlers {
  /** The step under the pointer; `undefined` when it left. */
  readonly onHover: (step: number | undefined) => void;
  readonly onPick: (step: number) => void;
  /** A stretch was dragged over. */
  readonly onZoom?: (from: number, to: number) => void;
  readonly onReset?: () => void;
}

/** By number: an ambient enum can't be named where each file is compiled alone. */
const logarithmicScale = { distr: 3, log: 10 } as unknown as uPlot.Scale;

export class Plot {
  readonly root: HTMLElement;
  readonly #marker = make('div', { class: 'step-marker' });
  #plot: uPlot | undefined;
  #view: PlotView | undefined;
  #shape = '';
  #dragged = false;

  constructor(
    private readonly height: number,
    private readonly handlers: PlotHandlers,
  ) {
    this.root = make('div', { class: 'plot', 'aria-hidden': 'true' });
    this.root.style.height = `${height}px`;
    new ResizeObserver(() => this.#resize()).observe(this.root);
  }

  update(view: PlotView): void {
    const before = this.#view;
    this.#view = view;
    const shape = JSON.stringify([
      view.logarithmic,
      view.values,
      view.lines.map(({ key, style, faint }) => [key, style, faint]),
    ]);
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#build();
    } else if (before && (before.lines !== view.lines || !sameRange(before, view))) {
      this.#plot?.setData(dataOf(view), false);
      this.#plot?.batch(() => this.#scale());
    }
    this.#placeMarker();
  }

  /** Draws again in the theme's new colours. */
  repaint(): void {
    if (this.#view) this.#build();
  }

  #build(): void {
    const view = this.#view;
    const width = this.root.clientWidth;
    this.#plot?.destroy();
    this.#plot = undefined;
    if (!view || width === 0) return;
    this.#plot = new uPlot(this.#options(view, width), dataOf(view), this.root);
    this.#plot.over.append(this.#marker);
    this.#plot.over.addEventListener('click', (event) => {
      const at = this.#plot?.posToVal(event.offsetX, 'x');
      // The end of a drag is a click, too.
      if (at !== undefined && !this.#dragged) this.handlers.onPick(Math.round(at));
      this.#dragged = false;
    });
    this.#plot.over.addEventListener('dblclick', () => this.handlers.onReset?.());
    this.#placeMarker();
  }

  #resize(): void {
    const width = this.root.clientWidth;
    if (!this.#plot) this.#build();
    else if (width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: this.height });
      this.#placeMarker();
    }
  }

  #scale(): void {
    const view = this.#view;
    if (!view || !this.#plot) return;
    this.#plot.setScale('x', { min: view.range[0], max: view.range[1] });
  }

  #placeMarker(): void {
    const step = this.#view?.step;
    const plot = this.#plot;
    if (!plot || step === undefined) {
      this.#marker.hidden = true;
      return;
    }
    const x = plot.valToPos(step, 'x');
    const width = plot.bbox.width / devicePixelRatio;
    this.#marker.hidden = !(x >= 0 && x <= width + 1);
    this.#marker.style.transform = `translateX(${x}px)`;
  }

  #options(view: PlotView, width: number): uPlot.Options {
    const ink = themeColour('--quiet');
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const line = themeColour('--grid-line');
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const zooms = this.handlers.onZoom !== undefined;
    return {
      width,
      height: this.height,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 6 },
        drag: { x: zooms, y: false, setScale: false },
      },
      scales: {
        // Asked again at every drawing: the run grows.
        x: { time: false, range: () => [...(this.#view ?? view).range], auto: false },
        y: {
          ...(view.logarithmic && logarithmicScale),
          ...(view.values && { range: [...view.values] as [number, number] }),
        },
      },
      axes: [
        {
          ...axis,
          size: 28,
          gap: 6,
          space: 64,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
          values: (_, splits) => splits.map(formatCount),
        },
        {
          ...axis,
          size: 48,
          gap: 6,
          space: 28,
          values: (_, splits) =>
            splits.map((value: number | null) =>
              value === null ? '' : String(Number(value.toPrecision(4))),
            ),
        },
      ],
      series: [{}, ...view.lines.map(seriesOf)],
      hooks: {
        draw: [(plot) => drawMarks(plot, this.#view?.lines ?? [])],
        setCursor: [
          (plot) => {
            const left = plot.cursor.left ?? -1;
            this.handlers.onHover(left < 0 ? undefined : Math.round(plot.posToVal(left, 'x')));
          },
        ],
        setSelect: [
          (plot) => {
            const { left, width: dragged } = plot.select;
            if (dragged < 4) return;
            this.#dragged = true;
            const from = plot.posToVal(left, 'x');
            const to = plot.posToVal(left + dragged, 'x');
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.handlers.onZoom?.(from, to);
          },
        ],
      },
    };
  }
}

const sameRange = (left: PlotView, right: PlotView): boolean =>
  left.range[0] === right.range[0] && left.range[1] === right.range[1];

function seriesOf({ style, faint }: PlotLine): uPlot.Series {
  return {
    stroke: themeColour(style.colour),
    width: faint ? 1 : style.width,
    alpha: faint ? 0.35 : 1,
    dash: faint ? [] : [...style.dash],
    points: { show: false },
    spanGaps: false,
  };
}

/** One x for all lines; a step that a line lacks is left out of it, a loss that was no number is a gap. */
function dataOf({ lines }: PlotView): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  return uPlot.join(
    lines.map(({ steps, values }) => [[...steps], [...values]] as uPlot.AlignedData),
  );
}

function drawMarks(plot: uPlot, lines: readonly PlotLine[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - 8, bbox.top - 8, bbox.width + 16, bbox.height + 16);
  ctx.clip();
  ctx.setLineDash([]);
  const ground = themeColour('--card');
  for (const { marks, style } of lines) {
    ctx.strokeStyle = themeColour(style.colour);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const { step, value, shape } of marks ?? []) {
      const x = plot.valToPos(step, 'x', true);
      const y = plot.valToPos(value, 'y', true);
      ctx.fillStyle = shape === 'dot' ? themeColour(style.colour) : ground;
      tracePoint(ctx, x, y, shape);
      ctx.fill();
      ctx.stroke();
    }
  }
  ctx.restore();
}

function tracePoint(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  shape: PlotMark['shape'],
): void {
  const size = 3.5 * devicePixelRatio;
  ctx.beginPath();
  if (shape === 'dot') {
    ctx.arc(x, y, size * 0.9, 0, 2 * Math.PI);
    return;
  }
  ctx.moveTo(x, y - size * 1.3);
  ctx.lineTo(x + size * 1.3, y);
  ctx.lineTo(x, y + size * 1.3);
  ctx.lineTo(x - size * 1.3, y);
  ctx.closePath();
}
