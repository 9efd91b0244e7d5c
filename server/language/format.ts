/** Numbers for people. */

const SI = ['', 'K', 'M', 'G', 'T', 'P'] as const;

/** `1.23 M`: three significant digits and a decimal prefix. */
export function formatCount(value: number): string {
  let scaled = value;
  let power = 0;
  while (scaled >= 999.5 && power < SI.length - 1) {
    scaled /= 1000;
    power++;
  }
  const digits = power === 0 && Number.isInteger(scaled) ? String(scaled) : scaled.toPrecision(3);
  return power === 0 ? digits : `${digits} ${SI[power]!}`;
}

/** `1.23 GB`, decimal as `4 GB` is in a config. */
export function formatBytes(bytes: number): string {
  const text = formatCount(bytes);
  return text.includes(' ') ? `${text}B` : `${text} B`;
}
