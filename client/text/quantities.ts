/** Numbers as the status bar, the tree and notifications write them. */

/** Seconds as `8 s`, `12 min`, `3 h 20 min`, `2 d 4 h`; empty for what is no time. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '';
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** Bytes as `812 MB`, `3.4 GB` in powers of ten, as `memoryLimit: 4 GB` in a config. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 && unit > 2 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`;
}

/** A count as `940`, `1.2k`, `14k`, `3.1M`. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count) || count < 0) return '';
  for (const [size, suffix] of [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (count < size * 0.9995) continue;
    const value = count / size;
    return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}${suffix}`;
  }
  return String(Math.round(count));
}

/** A loss with three digits; `–` where there is none. */
export function formatLoss(loss: number | undefined): string {
  return loss === undefined || !Number.isFinite(loss) ? '–' : loss.toFixed(3);
}

/** `12 Nov 10:31`, with the year where it isn't this one; the text itself, shortened, where it is no date. */
export function formatDate(iso: string, now: Date): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso.slice(0, 24);
  const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const sameDay = date.toDateString() === now.toDateString();
  if (sameDay) return `today ${time}`;
  const day = `${date.getDate()} ${months[date.getMonth()] ?? ''}`;
  return date.getFullYear() === now.getFullYear()
    ? `${day} ${time}`
    : `${day} ${date.getFullYear()} ${time}`;
}
