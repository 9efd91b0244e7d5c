/** What a job says as it goes, and the table of engines. Pure. */
import type { EngineReport, MeasuredEngine } from '../../server/contract/engine';
import type { ServerNotifications } from '../../server/contract/editor';
import { messageText, plainText } from './escape';
import { formatBytes } from './quantities';

type JobMessage = ServerNotifications['manticore/jobProgress']['message'];

/** A line for the notification; `undefined` where the message is none of progress. `fraction`: 0 to 1, where it is known. */
export function jobProgress(
  message: JobMessage,
): { readonly text: string; readonly fraction: number | undefined } | undefined {
  switch (message.type) {
    case 'download': {
      const { file, doneBytes, totalBytes } = message;
      const name = messageText(file, 60);
      return totalBytes > 0
        ? {
            text: `${name} · ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
            fraction: Math.min(1, doneBytes / totalBytes),
          }
        : { text: `${name} · ${formatBytes(doneBytes)}`, fraction: undefined };
    }
    case 'line': {
      const text = messageText(message.text.trim(), 100);
      return text === '' ? undefined : { text, fraction: undefined };
    }
    case 'progress':
      return message.total > 0
        ? {
            text: `${message.done} of ${message.total}`,
            fraction: Math.min(1, message.done / message.total),
          }
        : undefined;
    case 'text':
    case 'engines':
    case 'generated':
    case 'evaluated':
    case 'exported':
    case 'failed':
      return undefined;
  }
}

const share = (engine: MeasuredEngine): string =>
  engine.peakShare === null ? '' : ` (${Math.round(engine.peakShare * 100)} % of its peak)`;

/** Without the name that a reason begins with: it stands beside it. */
const reasonOf = ({ name, reason }: { readonly name: string; readonly reason: string }): string =>
  reason.startsWith(`engine ${name}: `) ? reason.slice(`engine ${name}: `.length) : reason;

/** Engines as rows for a list: name, one line of measures or the reason why not. */
export function engineRows(
  engines: readonly EngineReport[],
): readonly { readonly name: string; readonly available: boolean; readonly line: string }[] {
  return engines.map((engine) => ({
    name: engine.name,
    available: engine.available,
    line: engine.available
      ? [
          plainText(engine.device, 80),
          `${engine.gflops.toFixed(0)} GFLOP/s${share(engine)}`,
          `${engine.copyGBs.toFixed(0)} GB/s`,
        ].join(' · ')
      : plainText(reasonOf(engine), 300),
  }));
}

/** The same as a document. */
export function engineText(engines: readonly EngineReport[]): string {
  const lines = engines.map((engine) => {
    if (!engine.available)
      return `${engine.name}\n  not available: ${plainText(reasonOf(engine), 600)}`;
    const fields: readonly (readonly [string, string])[] = [
      ['device', plainText(engine.device, 200)],
      ['version', plainText(engine.version, 80)],
      ['threads', String(engine.threads)],
      ...(engine.tier === undefined ? [] : ([['kernels', plainText(engine.tier, 40)]] as const)),
      ['matrix product', `${engine.gflops.toFixed(1)} GFLOP/s${share(engine)}`],
      ['memory', `${engine.copyGBs.toFixed(1)} GB/s`],
      ['self-check', `largest relative difference ${engine.selfCheckError.toExponential(1)}`],
    ];
    return [engine.name, ...fields.map(([name, value]) => `  ${name.padEnd(16)}${value}`)].join(
      '\n',
    );
  });
  return [
    'Engines on this machine, measured in the process that a search runs in',
    '',
    ...lines.flatMap((line) => [line, '']),
  ].join('\n');
}
