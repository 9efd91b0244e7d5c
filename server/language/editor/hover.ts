/** Hover: what a key means, what a component or block is made of, and what a run says of it. */
import type { TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import type { Path } from '../configDocument';
import { SWEEP, sweptPath } from '../sweep';
import { entriesOf, fits, type Entry } from './entries';
import { keyDocumentation } from './keyDocs';
import { code, escaped } from './markdown';
import { meaningOf } from './meanings';
import { componentNameAt } from './names';
import { blockText, componentText, stageText } from './planHover';
import type { RunWeights } from './runWeights';

export interface Hover {
  readonly span: TextSpan;
  readonly markdown: string;
}

export function hoverAt(
  checked: CheckedConfig,
  offset: number,
  weights: RunWeights | undefined,
): Hover | undefined {
  const { document } = checked;
  const name = componentNameAt(document, offset);
  if (name) {
    const markdown = componentText(checked, name.name);
    if (markdown !== undefined) return { span: name.span, markdown };
  }
  const found = entryUnder(entriesOf(document), offset);
  if (!found) return undefined;
  const { path, span, part, text } = found;
  const markdown =
    part === 'key'
      ? keyText(checked, path, weights)
      : valueText(checked, path, text(document.text));
  return markdown === undefined ? undefined : { span, markdown };
}

interface Found {
  readonly path: Path;
  readonly span: TextSpan;
  readonly part: 'key' | 'value';
  readonly text: (whole: string) => string;
}

function entryUnder(entries: readonly Entry[], offset: number): Found | undefined {
  const holds = (span: TextSpan) => span.start <= offset && offset <= span.end;
  let found: Found | undefined;
  for (const { path, key, value, through } of entries) {
    if (through) continue;
    if (key && holds(key)) return { path, span: key, part: 'key', text: () => '' };
    if (value.end > value.start && holds(value)) {
      const text = (whole: string) => whole.slice(value.start, value.end);
      found = { path, span: value, part: 'value', text };
    }
  }
  return found;
}

function keyText(
  checked: CheckedConfig,
  path: Path,
  weights: RunWeights | undefined,
): string | undefined {
  if (fits(path, ['hybrid', 'mixture', 'all'])) {
    return '**all**\n\nFor every block without an entry of its own.';
  }
  if (fits(path, ['hybrid', 'mixture', '*'])) return blockText(checked, Number(path[2]), weights);
  if (path[0] === SWEEP && path.length === 2) {
    const swept = keyDocumentation(sweptPath(path));
    const runs = checked.sweep ? `\n\nThis sweep is ${checked.sweep.count} runs.` : '';
    return swept && `**${escaped(path[1]!)}**, swept over\n\n${swept}${runs}`;
  }
  const documentation = keyDocumentation(path);
  if (documentation === undefined) return undefined;
  const isStage = path.length === 1 || path.join('.') === 'hybrid.projectors.pretrain';
  const stage = isStage ? stageText(checked, path.at(-1)!) : undefined;
  return [`**${escaped(path.at(-1)!)}**`, documentation, ...(stage ? [stage] : [])].join('\n\n');
}

/** A value's own meaning; of a source, the component that it brings. */
function valueText(checked: CheckedConfig, path: Path, value: string): string | undefined {
  if (fits(path, ['components', '*', 'source'])) return componentText(checked, path[1]!);
  const meaning = meaningOf(sweptPath(path), value);
  return meaning === undefined ? undefined : `${code(value)}: ${meaning}`;
}
