/** The panel's head: what runs, how far it is, and what can be done with it. */
import type { PanelToHost } from '../server/contract/panel';
import type { RunState } from '../server/contract/run';
import { make, setAttribute, setHidden, setText } from './dom';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLoss,
  formatShort,
  jobTitle,
  stateTitle,
} from './format';
import { makeIcon, type IconName } from './icons';
import { progressOf, type Progress } from './selectors';
import type { RunData } from './state';
import { makeButton } from './toolkit';

export type Command = (PanelToHost & { readonly type: 'command' })['command'];

interface Action {
  readonly command: Command;
  readonly text: string;
  readonly icon: IconName;
  readonly primary?: boolean;
  readonly title: string;
  readonly when: readonly RunState[];
}

const going: readonly RunState[] = ['starting', 'running', 'paused'];
const ended: readonly RunState[] = ['done', 'stopped', 'failed', 'lost'];
const always: readonly RunState[] = [...going, ...ended];
const begun = always.filter((state) => state !== 'starting');

const actions: readonly Action[] = [
  {
    command: 'pause',
    text: 'Pause',
    icon: 'pause',
    primary: true,
    title: 'Wait after the current step',
    when: ['running'],
  },
  {
    command: 'resume',
    text: 'Resume',
    icon: 'play',
    primary: true,
    title: 'Go on with the run',
    when: ['paused', 'stopped', 'failed', 'lost'],
  },
  {
    command: 'checkpointAndStop',
    text: 'Checkpoint & Stop',
    icon: 'save',
    title: 'Write a checkpoint, then stop: resuming goes on from this very step',
    when: ['running', 'paused'],
  },
  {
    command: 'stop',
    text: 'Stop',
    icon: 'stop',
    title: 'Stop at once: resuming goes on from the last checkpoint',
    when: going,
  },
];

const tools: readonly Action[] = [
  {
    command: 'openReport',
    text: 'Open Report',
    icon: 'report',
    title: 'Results, curves and statistics of this run on one page',
    when: begun,
  },
  {
    command: 'generate',
    text: 'Generate…',
    icon: 'generate',
    title: 'Let the hybrid go on with a text',
    when: begun,
  },
  {
    command: 'writeToConfig',
    text: 'Write to Config',
    icon: 'write',
    title: 'Put this run’s pins and prunings into the config: an edit that can be undone',
    when: begun,
  },
  {
    command: 'openConfig',
    text: 'Open Config',
    icon: 'config',
    title: 'Open the config that this run began with',
    when: always,
  },
  {
    command: 'showLog',
    text: 'Show Log',
    icon: 'log',
    title: 'What the compute process said',
    when: always,
  },
];

const stateIcon: Readonly<Record<RunState, IconName>> = {
  starting: 'clock',
  running: 'play',
  paused: 'pause',
  done: 'check',
  stopped: 'stop',
  failed: 'error',
  lost: 'lost',
};

export interface HeaderHandlers {
  readonly onCommand: (command: Command) => void;
  readonly exportButton: HTMLElement;
}

const factNames = [
  'Loss',
  'Validation loss',
  'Expected cost',
  'Tokens/s',
  'Left in stage',
  'Memory',
  'Engine',
] as const;
type FactName = (typeof factNames)[number];

export class Header {
  readonly root: HTMLElement;
  readonly #name = make('h1', { class: 'run-name' });
  readonly #badge = make('span', { class: 'badge' });
  readonly #where = make('p', { class: 'where' });
  readonly #bar = make('div', { class: 'bar-done' });
  readonly #progress: HTMLElement;
  readonly #facts: Readonly<Record<FactName, HTMLElement>>;
  readonly #buttons: { readonly action: Action; readonly root: HTMLElement }[] = [];
  #state: RunState | undefined;

  constructor(handlers: HeaderHandlers) {
    const button = (action: Action): HTMLElement => {
      const root = makeButton({
        text: action.text,
        icon: makeIcon(action.icon),
        title: action.title,
        primary: action.primary === true,
        onClick: () => handlers.onCommand(action.command),
      });
      this.#buttons.push({ action, root });
      return root;
    };
    const facts = factNames.map((name) => [name, make('dd', {})] as const);
    this.#facts = Object.fromEntries(facts) as Record<FactName, HTMLElement>;
    this.#progress = make(
      'div',
      { class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100 },
      this.#bar,
    );
    this.#progress.setAttribute('aria-label', 'Progress of the whole run');
    this.root = make(
      'header',
      { class: 'head' },
      make(
        'div',
        { class: 'head-top' },
        make(
          'div',
          { class: 'head-names' },
          make('div', { class: 'title' }, this.#name, this.#badge),
          this.#where,
        ),
        make(
          'div',
          { class: 'actions', role: 'group', 'aria-label': 'Run' },
          ...actions.map(button),
        ),
      ),
      this.#progress,
      make(
        'div',
        { class: 'head-bottom' },
        make(
          'dl',
          { class: 'facts' },
          ...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), value)),
        ),
        make(
          'div',
          { class: 'actions tools', role: 'group', 'aria-label': 'Tools' },
          ...tools.map(button),
          handlers.exportButton,
        ),
      ),
    );
  }

  update(run: RunData): void {
    const progress = progressOf(run);
    setText(this.#name, run.name);
    this.#name.title = run.dir;
    this.#updateState(run.state);
    setText(this.#where, whereabouts(run, progress));
    const share = Math.round((progress?.fraction ?? 0) * 1000) / 10;
    this.#bar.style.transform = `scaleX(${share / 100})`;
    setAttribute(this.#progress, 'aria-valuenow', String(Math.round(share)));
    this.#updateFacts(run, progress);
  }

  #updateState(state: RunState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#badge.className = `badge ${state}`;
    this.#badge.replaceChildren(makeIcon(stateIcon[state]), stateTitle(state));
    this.root.dataset['state'] = state;
    for (const { action, root } of this.#buttons) setHidden(root, !action.when.includes(state));
  }

  #updateFacts(run: RunData, progress: Progress | undefined): void {
    const latest = progress?.latest;
    const isGoing = going.includes(run.state);
    const started = run.events.find((event) => event.type === 'started');
    const engine = started?.engine;
    const validated = newestValidation(run);
    const facts: Record<FactName, string | undefined> = {
      Loss: progress && run.state !== 'done' ? formatLoss(progress.loss) : undefined,
      'Validation loss': validated === undefined ? undefined : formatLoss(validated),
      'Expected cost': formatShare(latest?.cost),
      'Tokens/s': isGoing && latest ? formatShort(latest.tokensPerSecond) : undefined,
      'Left in stage': isGoing && latest ? formatDuration(latest.etaSeconds) : undefined,
      Memory: latest ? formatBytes(latest.memoryBytes) : undefined,
      Engine: engine ? engineName(engine) : undefined,
    };
    for (const name of factNames) {
      const value = facts[name];
      const pair = this.#facts[name].parentElement;
      if (pair) setHidden(pair, value === undefined);
      setText(this.#facts[name], value ?? '');
    }
  }
}

const engineName = (engine: { name: string; device: string; threads: number }): string =>
  [engine.name, engine.device, engine.threads > 1 ? `${engine.threads} threads` : '']
    .filter((part) => part !== '')
    .join(' · ');

/** Of the hybrid: what the run is after. */
function newestValidation(run: RunData): number | undefined {
  const newest = run.events.findLast(
    (event) =>
      event.type === 'evaluation' && event.subject === 'hybrid' && event.split === 'validation',
  );
  return newest?.type === 'evaluation' ? newest.loss : undefined;
}

/** `Search, seed 2 · step 45 of 120 · 18 % of the run`; afterwards what it took. */
function whereabouts(run: RunData, progress: Progress | undefined): string {
  if (!progress) return run.state === 'starting' ? 'Loading components' : 'No step was taken';
  if (run.state === 'done') return summary(run);
  const seeds = new Set(run.plan?.jobs.map(({ seed }) => seed)).size;
  return [
    jobTitle(progress.where, seeds),
    `step ${formatCount(progress.step)} of ${formatCount(progress.steps)}`,
    `${Math.floor(progress.fraction * 100)} % of the run`,
  ].join(' · ');
}

function summary(run: RunData): string {
  const steps = run.jobs.reduce((sum, job) => sum + (job.steps.at(-1) ?? 0), 0);
  const jobs = run.jobs.length === 1 ? '1 job' : `${run.jobs.length} jobs`;
  const from = Date.parse(run.events.find(({ type }) => type === 'started')?.time ?? '');
  const to = Date.parse(run.events.findLast(({ type }) => type === 'finished')?.time ?? '');
  const took = (to - from) / 1000;
  return [
    jobs,
    `${formatCount(steps)} steps`,
    ...(took > 0 ? [`took ${formatDuration(took)}`] : []),
  ].join(' · ');
}

/** Of a cost-aware search: what its α are expected to cost, of all components together. */
const formatShare = (share: number | undefined): string | undefined =>
  share === undefined || !Number.isFinite(share) ? undefined : `${(share * 100).toFixed(1)} %`;
