/** What a person reads where there is nothing to draw, or where the run needs them: words, and the next step. */
import type { UserError } from '../server/contract/editor';
import { make } from './dom';
import { formatBytes } from './format';
import { makeIcon, type IconName } from './icons';
import { progressOf } from './selectors';
import type { PanelModel, RunData } from './state';

export interface Banner {
  readonly tone: 'wait' | 'plain' | 'bad';
  readonly title: string;
  readonly lines: readonly string[];
  /** There is nothing else on the page. */
  readonly alone?: true;
}

const lostWords: UserError = {
  code: 'run-lost',
  message: 'The compute process is gone, and nobody told the log why: it was ended from outside.',
  hint: 'Resume the run: it goes on from its last checkpoint.',
};

/** The banner of a state; `undefined` where the drawings say it all. Pure. */
export function bannerOf(model: PanelModel): Banner | undefined {
  const { run, unavailable } = model;
  if (unavailable) {
    return {
      tone: 'bad',
      title: 'There is nothing to show',
      lines: [unavailable.message, unavailable.hint],
      alone: true,
    };
  }
  if (!run) return { tone: 'wait', title: 'Reading the run…', lines: [], alone: true };
  return runBanner(run);
}

function runBanner(run: RunData): Banner | undefined {
  const moved = progressOf(run) !== undefined;
  switch (run.state) {
    case 'starting':
      return {
        tone: 'wait',
        title: 'Starting',
        lines: ['Components are being loaded. The first weights come with the first step.'],
      };
    case 'running':
      return moved
        ? undefined
        : { tone: 'wait', title: 'The first step is on its way', lines: preparingLines(run) };
    case 'failed': {
      const failed = run.events.findLast((event) => event.type === 'failed');
      return {
        tone: 'bad',
        title: 'The run failed',
        lines: failed ? [failed.message, failed.hint] : ['The log doesn’t say why. Look into it.'],
      };
    }
    case 'lost':
      return {
        tone: 'bad',
        title: 'The run was lost',
        lines: [lostWords.message, lostWords.hint],
      };
    case 'stopped':
      return {
        tone: 'plain',
        title: 'Stopped before its end',
        lines: [
          moved
            ? 'Everything up to here is kept. Resume goes on from the last checkpoint.'
            : 'It was stopped before its first step. Resume starts it again.',
        ],
      };
    case 'paused':
    case 'done':
      return undefined;
  }
}

/** How far large data are read and encoded, until that is done. */
function preparingLines({ events }: RunData): string[] {
  const last = events.findLast((event) => event.type === 'preparing');
  if (last === undefined || last.bytes >= last.totalBytes) return [];
  const { split, bytes, totalBytes } = last;
  return [
    `Encoding the ${split} data: ${formatBytes(bytes)} of ${formatBytes(totalBytes)} (${Math.floor((100 * bytes) / totalBytes)} %).`,
  ];
}

/** Lines of the log that couldn't be read, and warnings of the run. */
export function warningsOf(run: RunData): string[] {
  const warnings = run.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  const lines = run.skipped === 1 ? 'One line' : `${run.skipped} lines`;
  const skipped =
    run.skipped > 0 ? [`${lines} of the log could not be read and were left out.`] : [];
  return [...new Set([...skipped, ...warnings])];
}

const toneIcon: Readonly<Record<Banner['tone'], IconName | undefined>> = {
  wait: undefined,
  plain: 'stop',
  bad: 'error',
};

/** Shows one banner, and the run's warnings below it. */
export class BannerView {
  readonly root = make('div', { class: 'banners' });
  #shown = '';

  update(banner: Banner | undefined, warnings: readonly string[]): void {
    const key = JSON.stringify([banner, warnings]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.root.replaceChildren(
      ...(banner ? [makeBanner(banner)] : []),
      ...(warnings.length > 0 ? [makeWarnings(warnings)] : []),
    );
  }
}

function makeBanner({ tone, title, lines, alone }: Banner): HTMLElement {
  const icon = toneIcon[tone];
  return make(
    'section',
    { class: `banner ${tone}${alone ? ' alone' : ''}`, 'aria-label': title },
    // Not the toolkit's ring: its template holds a style attribute, which the page's policy forbids.
    icon ? makeIcon(icon) : make('span', { class: 'spinner', 'aria-hidden': 'true' }),
    make(
      'div',
      {},
      make(alone ? 'h1' : 'h2', {}, title),
      ...lines.filter((line) => line !== '').map((line) => make('p', {}, line)),
    ),
  );
}

function makeWarnings(warnings: readonly string[]): HTMLElement {
  const title = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  return make(
    'details',
    { class: 'warnings' },
    make('summary', {}, makeIcon('warning'), title),
    make('ul', {}, ...warnings.map((text) => make('li', {}, text))),
  );
}
