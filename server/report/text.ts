/** Text of a report: names are hostile, numbers are for people. */

// Control and format characters (directions, zero widths, tags) and line separators: none of them has a place in a name.
const invisible = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** A name or message as it may be shown: no control or direction characters, no lone surrogates, at most `limit` characters. */
export function displayText(text: string, limit = 200): string {
  const clean = text
    .replace(/[\t\n\r]+/gu, ' ')
    .replace(invisible, '')
    .replace(/\p{Surrogate}/gu, '\ufffd');
  const characters = Array.from(clean);
  return characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : clean;
}

/** Several lines (a config), cleaned line by line. */
export function displayLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/u)
    .map((line) => displayText(line.replace(/\t/gu, '  '), 2000))
    .join('\n');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for an element or a quoted attribute of HTML or SVG. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => entities[character] ?? '');
}

/** A number of an SVG attribute: two decimals, never `NaN` or an exponent. */
export function coordinate(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value * 100) / 100) : '0';
}

const minus = (text: string): string => text.replace('-', '−');

/** `2.181`; `–` where there is none. */
export function formatFixed(value: number | null, digits = 3): string {
  return value === null || !Number.isFinite(value) ? '–' : minus(value.toFixed(digits));
}

/** `+0.032` or `−0.032`. */
export function formatSigned(value: number, digits = 3): string {
  const text = formatFixed(value, digits);
  return value > 0 && Number.isFinite(value) ? `+${text}` : text;
}

/** `409,600`. */
export function formatCount(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  return minus(String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/gu, ','));
}

/** `1.05 M`, `812 k`, `0.731`: three digits; whole numbers below 1,000 as they are. */
export function formatShort(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const units = ['', ' k', ' M', ' G', ' T', ' P', ' E'];
  let unit = 0;
  let scaled = Math.abs(value);
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const isCount = unit === 0 && Number.isInteger(scaled);
  const digits = isCount ? 0 : scaled < 0.995 ? 3 : scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return `${value < 0 ? '−' : ''}${scaled.toFixed(digits)}${units[unit] ?? ''}`;
}

/** `5.1 GB`, powers of ten. */
export function formatBytes(value: number): string {
  return Number.isFinite(value)
    ? formatShort(value)
        .replace(/ k$/u, ' kB')
        .replace(/ ([MGTPE])$/u, ' $1B')
    : '–';
}

/** `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listInWords(items: readonly string[]): string {
  if (items.length < 2) return items[0] ?? '';
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}

/** `1 block`, `4 blocks`. */
export function formatNumberOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
