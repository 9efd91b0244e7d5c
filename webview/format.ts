/** Numbers and names in words. */
import type { Where } from '../server/contract/events';
import type { RunState } from '../server/contract/run';

const minus = '−';

/** A weight, two digits: `0.62`. */
export const formatAlpha = (alpha: number): string =>
  Number.isFinite(alpha) ? alpha.toFixed(2) : '–';

/** Nats, four significant digits. */
export function formatLoss(loss: number | null | undefined): string {
  if (loss === null || loss === undefined || !Number.isFinite(loss)) return '–';
  const digits = Math.abs(loss) >= 100 ? 1 : Math.abs(loss) >= 10 ? 2 : 3;
  return loss.toFixed(digits).replace('-', minus);
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A share as `62.5 %`. */
export const formatShare = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '–' : `${(value * 100).toFixed(1)} %`;

/** `12,000`. */
export const formatCount = (value: number): string =>
  Number.isFinite(value) ? grouped.format(value) : '–';

/** `1.06 M`. */
export function formatShort(value: number): string {
  if (!Number.isFinite(value)) return '–';
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (Math.abs(value) >= size) return `${significant(value / size)} ${unit}`;
  }
  return significant(value);
}

const significant = (value: number): string =>
  value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2).replace(/\.0+$/, '');

/** Powers of ten, as `memoryLimit: 4 GB` in a config: `1.4 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  let value = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 999.5) return `${value.toFixed(value < 10 && unit !== 'B' ? 1 : 0)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pairs = [
    [86_400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ] as const;
  for (const [size, unit, smaller, smallerUnit] of pairs) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / smaller);
    const first = `${Math.floor(whole / size)} ${unit}`;
    return rest > 0 ? `${first} ${rest} ${smallerUnit}` : first;
  }
  return `${whole} s`;
}

/** `Search`, `Baseline neox`, with the seed where there are several. */
export function jobTitle(where: Where, seeds: number): string {
  const seed = seeds > 1 ? `, seed ${where.seed}` : '';
  switch (where.stage) {
    case 'projectors':
      return `Projectors${seed}`;
    case 'search':
      return `Search${seed}`;
    case 'finetune':
      return `Fine-tune${seed}`;
    case 'baseline':
      return `Baseline ${where.subject}${seed}`;
    case 'program':
      return `Program ${where.subject}${seed}`;
  }
}

export function stateTitle(state: RunState): string {
  switch (state) {
    case 'starting':
      return 'Starting';
    case 'running':
      return 'Running';
    case 'paused':
      return 'Paused';
    case 'done':
      return 'Done';
    case 'stopped':
      return 'Stopped';
    case 'failed':
      return 'Failed';
    case 'lost':
      return 'Lost';
  }
}

/** `layers 1–2`, `layer 3`. */
export const layerRange = (first: number, last: number): string =>
  first > last ? 'no layers' : first === last ? `layer ${first}` : `layers ${first}–${last}`;
