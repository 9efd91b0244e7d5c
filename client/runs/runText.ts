/** What is written about a run: in the tree, the status bar and in lists. Pure. */
import type { RunListEntry, RunProgress } from '../../server/contract/runViews';
import type { RunState } from '../../server/contract/run';
import { escapeMarkdown, messageText, plainText } from '../text/escape';
import {
  formatBytes,
  formatCount,
  formatDate,
  formatDuration,
  formatLoss,
} from '../text/quantities';

/** Its process is alive, as far as is known. */
export function isActive(state: RunState): boolean {
  return state === 'starting' || state === 'running' || state === 'paused';
}

/** It can go on: from where it is paused, or from its last checkpoint. */
export function isResumable(state: RunState): boolean {
  return state === 'paused' || state === 'stopped' || state === 'failed' || state === 'lost';
}

/** It has a hybrid to generate with and to export: a result folder is written when a run ends in order. */
export function hasResult(state: RunState): boolean {
  return state === 'done' || state === 'stopped';
}

const stateNames: Record<RunState, string> = {
  starting: 'starting',
  running: 'running',
  paused: 'paused',
  done: 'done',
  stopped: 'stopped',
  failed: 'failed',
  lost: 'lost',
};

/** A run's name without the date that folders begin with, for where the date stands beside it. */
export function shortName(name: string): string {
  const short = name.replace(/^\d{8}-\d{6}-/u, '');
  return plainText(short === '' ? name : short, 120);
}

/** The icon and colour of a state: names of the editor's own icons and theme colours. */
export function stateIcon(state: RunState): { readonly icon: string; readonly colour: string } {
  switch (state) {
    case 'starting':
      return { icon: 'loading~spin', colour: 'charts.blue' };
    case 'running':
      return { icon: 'sync~spin', colour: 'charts.blue' };
    case 'paused':
      return { icon: 'debug-pause', colour: 'charts.yellow' };
    case 'done':
      return { icon: 'pass', colour: 'testing.iconPassed' };
    case 'stopped':
      return { icon: 'debug-stop', colour: 'descriptionForeground' };
    case 'failed':
      return { icon: 'error', colour: 'testing.iconFailed' };
    case 'lost':
      return { icon: 'warning', colour: 'list.warningForeground' };
  }
}

const stageNames: Record<string, string> = {
  projectors: 'projectors',
  search: 'search',
  finetune: 'fine-tune',
  baseline: 'baseline',
  program: 'program',
};

/** `search 40/120`, with the baseline's component or the program's task named. */
export function progressText(progress: RunProgress): string {
  const stage = stageNames[progress.stage] ?? plainText(progress.stage, 20);
  const isNamed = progress.stage === 'baseline' || progress.stage === 'program';
  const subject = isNamed ? ` ${plainText(progress.subject, 24)}` : '';
  return `${stage}${subject} ${progress.step}/${progress.steps}`;
}

const splitNames: Record<NonNullable<RunListEntry['preparing']>['split'], string> = {
  train: 'training',
  validation: 'validation',
  test: 'test',
  pretrain: 'pretraining',
};

/** `encoding training data 45 %`; what was computed before is shown again once that is done. */
function preparingText({ split, fraction }: NonNullable<RunListEntry['preparing']>): string {
  const percent = Math.floor(Math.min(Math.max(fraction, 0), 1) * 100);
  return `encoding ${splitNames[split]} data ${percent} %`;
}

/** The second part of a run's line: `running · search 40/120 · loss 3.214`, `done · loss 2.943 · 12 Nov 10:31`. */
export function runDescription(run: RunListEntry, now: Date): string {
  const parts: string[] = [stateNames[run.state]];
  if (run.preparing !== undefined) parts.push(preparingText(run.preparing));
  else if (run.progress !== undefined && isActive(run.state)) {
    parts.push(progressText(run.progress));
  }
  if (run.bestValidationLoss !== undefined)
    parts.push(`best ${formatLoss(run.bestValidationLoss)}`);
  else if (run.progress !== undefined) parts.push(`loss ${formatLoss(run.progress.loss)}`);
  parts.push(formatDate(run.startedAt, now));
  return parts.join(' · ');
}

/** A run's details, one a row, as the tree shows them below it. */
export function runDetails(
  run: RunListEntry,
  now: Date,
): readonly { readonly label: string; readonly value: string; readonly icon: string }[] {
  const rows: { label: string; value: string; icon: string }[] = [];
  const { progress } = run;
  if (run.failure !== undefined) {
    rows.push({ label: 'Reason', value: plainText(run.failure.message), icon: 'error' });
    rows.push({ label: 'What to do', value: plainText(run.failure.hint), icon: 'lightbulb' });
  }
  if (run.preparing !== undefined) {
    rows.push({ label: 'Progress', value: preparingText(run.preparing), icon: 'pulse' });
  } else if (progress !== undefined && isActive(run.state)) {
    rows.push({
      label: 'Progress',
      value: [
        progressText(progress),
        `${Math.floor(Math.min(Math.max(progress.fraction, 0), 1) * 100)} % of the run`,
        timeLeft(run.state, progress),
      ]
        .filter(Boolean)
        .join(' · '),
      icon: 'pulse',
    });
    rows.push({ label: 'Speed', value: speedText(progress), icon: 'dashboard' });
  }
  rows.push({
    label: 'Best validation loss',
    value:
      run.bestValidationLoss === undefined
        ? 'none yet'
        : `${formatLoss(run.bestValidationLoss)} nats`,
    icon: 'graph-line',
  });
  if (run.engine !== '')
    rows.push({ label: 'Engine', value: plainText(run.engine, 80), icon: 'chip' });
  rows.push({ label: 'Started', value: formatDate(run.startedAt, now), icon: 'calendar' });
  rows.push({ label: 'Config', value: plainText(run.config), icon: 'file-code' });
  return rows;
}

function speedText(progress: RunProgress): string {
  return [
    `${formatCount(progress.tokensPerSecond)} tokens/s`,
    progress.memoryBytes > 0 ? formatBytes(progress.memoryBytes) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

function timeLeft(state: RunState, progress: RunProgress): string {
  if (state === 'paused') return '';
  const eta = formatDuration(progress.etaSeconds);
  return eta === '' ? '' : `${eta} left`;
}

/** Markdown for a hover; every name in it is escaped. */
export function runTooltip(run: RunListEntry, now: Date): string {
  const rows = runDetails(run, now).map(
    ({ label, value }) => `| ${escapeMarkdown(label)} | ${escapeMarkdown(value)} |`,
  );
  return [
    `**${escapeMarkdown(run.name)}** — ${stateNames[run.state]}`,
    '',
    '| | |',
    '|:--|:--|',
    ...rows,
  ].join('\n');
}

/** The status bar's text of an active run, without its icon: state, steps, loss, speed, time left, memory. */
export function statusText(run: RunListEntry, others: number): string {
  const more = others > 0 ? ` (+${others})` : '';
  const { progress, preparing } = run;
  if (preparing !== undefined) return `Manticore: ${preparingText(preparing)}${more}`;
  if (progress === undefined) return `Manticore: ${stateNames[run.state]}${more}`;
  return [
    `${run.state === 'running' ? '' : `${stateNames[run.state]} · `}${progressText(progress)}`,
    `loss ${formatLoss(progress.loss)}`,
    run.state === 'running' ? `${formatCount(progress.tokensPerSecond)} tok/s` : '',
    timeLeft(run.state, progress),
    progress.memoryBytes > 0 ? formatBytes(progress.memoryBytes) : '',
  ]
    .filter(Boolean)
    .join(' · ')
    .concat(more);
}

/** The status bar as a screen reader says it. */
export function statusSpoken(run: RunListEntry): string {
  const { progress } = run;
  const name = plainText(run.name, 80);
  if (run.preparing !== undefined) {
    return `Manticore run ${name}, ${stateNames[run.state]}, ${preparingText(run.preparing)}`;
  }
  if (progress === undefined) return `Manticore run ${name}, ${stateNames[run.state]}`;
  return `Manticore run ${name}, ${stateNames[run.state]}, step ${progress.step} of ${progress.steps}, loss ${formatLoss(progress.loss)}`;
}

/** How a run's end is told, where the report's headline can't be had. */
export function endSentence(run: RunListEntry): string {
  const name = `“${messageText(run.name, 80)}”`;
  const best =
    run.bestValidationLoss === undefined
      ? ''
      : ` Best validation loss: ${formatLoss(run.bestValidationLoss)}.`;
  switch (run.state) {
    case 'done':
      return `Search ${name} is done.${best}`;
    case 'stopped':
      return `Search ${name} has stopped.${best}`;
    case 'failed':
      return `Search ${name} failed: ${failureText(run)}`;
    case 'lost':
      return run.failure === undefined
        ? `Search ${name} ended without a word: its process is gone. Resume it from its last checkpoint.`
        : `Search ${name} was lost: ${failureText(run)}`;
    case 'starting':
    case 'running':
    case 'paused':
      return `Search ${name} is ${stateNames[run.state]}.`;
  }
}

function failureText(run: RunListEntry): string {
  if (run.failure === undefined) return 'the reason was not recorded. See its log.';
  return messageText(`${run.failure.message} ${run.failure.hint}`.trim(), 600);
}
