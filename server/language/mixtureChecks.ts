/** Checks of `hybrid.mixture` that need no model: names, sums, and that every block keeps a component. */
import type { MixtureSettings, ResolvedConfig } from '../contract/config';
import type { Report } from './report';

/** How far a sum of weights may be from 1. */
const SUM_TOLERANCE = 1e-6;

/** The key that stands for every block without an entry of its own. */
const ALL = 'all';

type Weights = Readonly<Record<string, number>>;

export function checkMixture(report: Report, config: ResolvedConfig): void {
  const names = Object.keys(config.components);
  const { blocks, mixture } = config.hybrid;
  const written = Object.keys(report.parsed.value?.hybrid.mixture ?? {});
  for (const block of written) {
    const path = ['hybrid', 'mixture', block];
    const others = written.filter((other) => other !== ALL && Number(other) <= blocks);
    if (block === ALL && others.length >= blocks) {
      report.add(path, {
        code: 'no-effect',
        severity: 'warning',
        message: '`all` has no effect here: every block has an entry of its own.',
        part: 'key',
      });
    }
    if (Number(block) > blocks) {
      report.add(path, {
        code: 'block-above-count',
        message: `There is no block ${block}: \`hybrid.blocks\` is ${blocks}. Delete this entry, or raise \`blocks\`.`,
        part: 'key',
      });
      continue;
    }
    // What `all` says is checked once, as some block has it; where no block does, it has been said to have no effect.
    const of = block === ALL ? blockOfAll(others, blocks) : block;
    const settings = mixture[of];
    if (!settings) continue;
    checkPrune(report, block, settings, names);
    if (settings.pin) checkPin(report, block, settings, names);
    if (settings.init) checkInit(report, block, settings, names);
  }
}

/** The first block without an entry of its own. */
function blockOfAll(written: readonly string[], blocks: number): string {
  const numbers = Array.from({ length: blocks }, (_, index) => String(index + 1));
  return numbers.find((block) => !written.includes(block)) ?? ALL;
}

/** A block as the middle of a sentence has it. */
const inWords = (block: string): string => (block === ALL ? 'every block' : `block ${block}`);
const atStart = (block: string): string => (block === ALL ? 'Every block' : `Block ${block}`);

function checkPrune(
  report: Report,
  block: string,
  mixture: MixtureSettings,
  names: readonly string[],
): void {
  const path = ['hybrid', 'mixture', block, 'prune'];
  mixture.prune.forEach((name, index) => {
    const item = [...path, String(index)];
    if (!report.checkComponent(item, 'value', name, names)) return;
    if (mixture.prune.indexOf(name) < index) {
      const message = `\`${name}\` is pruned from ${inWords(block)} already: delete this one.`;
      report.add(item, { code: 'pruned-twice', severity: 'warning', message });
    }
  });
  if (names.length > 0 && names.every((name) => mixture.prune.includes(name))) {
    report.add(path, {
      code: 'last-component',
      message: `This prunes every component of ${inWords(block)}, and nothing would be left to compute it: keep at least one.`,
    });
  }
}

function checkPin(
  report: Report,
  block: string,
  mixture: MixtureSettings,
  names: readonly string[],
): void {
  const path = ['hybrid', 'mixture', block, 'pin'];
  const weights = mixture.pin!;
  const named = typeof report.parsed.value?.hybrid.mixture[block]?.pin === 'string';
  const known = checkNames(report, path, weights, names, named);
  for (const name of Object.keys(weights)) {
    if (!mixture.prune.includes(name) || weights[name] === 0) continue;
    report.add(named ? path : [...path, name], {
      code: 'pinned-and-pruned',
      message: `${atStart(block)} pins \`${name}\` and prunes it: do one or the other.`,
      part: named ? 'value' : 'key',
    });
  }
  if (known && !named) checkSum(report, path, weights, 'pin-sum');
  if (mixture.init) {
    report.add(['hybrid', 'mixture', block, 'init'], {
      code: 'no-effect',
      severity: 'warning',
      message: `${atStart(block)} is pinned, so \`init\` has no effect: delete one of the two.`,
      part: 'key',
    });
  }
}

function checkInit(
  report: Report,
  block: string,
  mixture: MixtureSettings,
  names: readonly string[],
): void {
  const path = ['hybrid', 'mixture', block, 'init'];
  const weights = mixture.init!;
  if (!checkNames(report, path, weights, names, false)) return;
  for (const name of names) {
    const weight = Object.hasOwn(weights, name) ? weights[name]! : 0;
    const pruned = mixture.prune.includes(name);
    if (pruned && weight > 0) {
      report.add([...path, name], {
        code: 'pinned-and-pruned',
        message: `${atStart(block)} prunes \`${name}\`, so it can’t begin with a weight: give it 0 or don’t prune it.`,
        part: 'key',
      });
    }
    if (!pruned && weight === 0) {
      report.add(Object.hasOwn(weights, name) ? [...path, name] : path, {
        code: 'init-zero',
        message: `\`${name}\` begins at 0 in ${inWords(block)}, and a search never leaves 0: give it a small weight, or prune it.`,
      });
    }
  }
  checkSum(report, path, weights, 'init-sum');
}

function checkNames(
  report: Report,
  path: readonly string[],
  weights: Weights,
  names: readonly string[],
  named: boolean,
): boolean {
  return Object.keys(weights)
    .map((name) =>
      named
        ? report.checkComponent(path, 'value', name, names)
        : report.checkComponent([...path, name], 'key', name, names),
    )
    .every(Boolean);
}

function checkSum(report: Report, path: readonly string[], weights: Weights, code: string): void {
  const entries = Object.entries(weights);
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  if (Math.abs(sum - 1) <= SUM_TOLERANCE) return;
  const message = `These weights sum to ${Number(sum.toPrecision(6))}, and must sum to 1.`;
  if (sum === 0 || !Number.isFinite(sum)) {
    report.add(path, { code, message });
    return;
  }
  const edits = entries.flatMap(([name, weight], index) => {
    const spans = report.parsed.document.spansAt([...path, name]);
    const text = String(normalised(entries, index, weight / sum));
    return spans ? [{ span: spans.value, text }] : [];
  });
  report.add(path, { code, message, fixes: [{ title: 'Divide by the sum', edits }] });
}

/** Six decimals; the last entry takes what rounding left, so that the sum is 1 again. */
function normalised(entries: readonly (readonly [string, number])[], index: number, share: number) {
  const round = (value: number) => Math.round(value * 1e6) / 1e6;
  if (index < entries.length - 1) return round(share);
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  const others = entries.slice(0, -1).reduce((total, [, weight]) => total + round(weight / sum), 0);
  return Math.max(0, round(1 - others));
}

/** Blocks, from 1, whose α are neither pinned nor those of one component. */
export function openBlocks({ components, hybrid }: ResolvedConfig): number[] {
  const count = Object.keys(components).length;
  const blocks = Array.from({ length: Math.min(hybrid.blocks, 4096) }, (_, index) => index + 1);
  return blocks.filter((block) => {
    const mixture = hybrid.mixture[block];
    return mixture?.pin === undefined && count - new Set(mixture?.prune).size > 1;
  });
}
