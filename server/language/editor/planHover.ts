/** What the plan says of a component or of a block, as Markdown. */
import type { Plan, PlanBlock, PlanComponent } from '../../contract/plan';
import type { CheckedConfig } from '../checkConfig';
import { formatBytes, formatCount } from '../format';
import { checkpointingText } from '../planText';
import { blockCount } from './blocks';
import { dataAt } from './entries';
import { rowsOf, weightTable } from './inlayHints';
import { code, codeCell } from './markdown';
import type { RunWeights } from './runWeights';

/** `undefined` for what is no component of the config. */
export function componentText(checked: CheckedConfig, name: string): string | undefined {
  const { plan, document } = checked;
  const written = dataAt(document.data, ['components', name]);
  if (written === undefined) return undefined;
  const source = dataAt(written, ['source']);
  const origin = typeof source === 'string' ? `source ${code(source)}` : 'from scratch';
  const planned = plan?.components.find((component) => component.name === name);
  const title = `**Component** ${code(name)}, ${origin}`;
  return planned ? [title, facts(planned), groups(planned)].join('\n\n') : title;
}

function facts(component: PlanComponent): string {
  const rows: [string, string][] = [
    ['family', component.family],
    ['layers', String(component.layers)],
    ['width', String(component.width)],
    ['parameters', formatCount(component.parameters)],
    ['FLOPs a token', formatCount(component.flopsPerToken)],
    ['vocabulary', vocabulary(component)],
    ...(component.source.kind === 'random'
      ? []
      : [['folder', component.source.path ?? 'not on this machine'] as [string, string]]),
  ];
  return [
    '| | |',
    '|---|---|',
    ...rows.map(([key, value]) => `| ${key} | ${codeCell(value)} |`),
  ].join('\n');
}

function vocabulary({ vocabulary: kind }: PlanComponent): string {
  switch (kind) {
    case 'own':
      return 'its own';
    case 'transplant':
      return 'made for the hybrid’s tokenizer';
    case 'random':
      return 'drawn anew';
  }
}

const MAX_GROUPS = 32;

function groups({ groups: spans }: PlanComponent): string {
  const parts = spans
    .slice(0, MAX_GROUPS)
    .map((span, index) => `${index + 1}: ${layers(span)}`)
    .join(', ');
  return `Blocks: ${parts}${spans.length > MAX_GROUPS ? ', …' : ''}`;
}

function layers({ first, end }: { readonly first: number; readonly end: number }): string {
  return end - first === 1 ? `layer ${end}` : `layers ${first + 1}–${end}`;
}

/** @param block from 1 */
export function blockText(
  checked: CheckedConfig,
  block: number,
  weights: RunWeights | undefined,
): string | undefined {
  const { plan } = checked;
  const count = blockCount(checked);
  if (!Number.isSafeInteger(block) || block < 1 || (count !== undefined && block > count)) {
    return undefined;
  }
  const title = `**Block ${block}**${count === undefined ? '' : ` of ${count}`}`;
  const planned = plan?.blocks[block - 1];
  const parts =
    plan && planned ? [componentTable(plan, planned, block - 1), total(plan, block - 1)] : [];
  return [title, ...parts, ...runText(weights, block - 1)].join('\n\n');
}

function componentTable(plan: Plan, block: PlanBlock, index: number): string {
  const rows = plan.components.map(({ name, groups: spans }, component) => {
    const live = block.live.includes(component);
    const weight = Number((block.pinned ?? block.initial)[component]!.toFixed(3));
    const state = live ? `${block.pinned ? 'pinned' : 'α'} ${weight}` : 'pruned';
    const flops = live ? formatCount(block.flopsPerToken[component]!) : '–';
    return `| ${codeCell(name)} | ${layers(spans[index]!)} | ${state} | ${flops} |`;
  });
  return [
    '| component | layers | at the start | FLOPs a token |',
    '|---|---|---|--:|',
    ...rows,
  ].join('\n');
}

function total(plan: Plan, index: number): string {
  const parameters = plan.tensors
    .filter(({ place }) => place === index)
    .reduce((sum, { shape }) => sum + shape.reduce((size, side) => size * side, 1), 0);
  return `${formatCount(parameters)} parameters`;
}

function runText(weights: RunWeights | undefined, index: number): readonly string[] {
  if (!weights || weights.alphas[index] === undefined) return [];
  const title = weights.source === 'live' ? 'The run that is going on' : 'The last run';
  return [`${title}:`, weightTable(rowsOf(weights, [index]))];
}

/** What a section of the config comes to: the hybrid's size and cost, or the jobs of a stage. */
export function stageText({ plan }: CheckedConfig, section: string): string | undefined {
  if (!plan) return undefined;
  if (section === 'hybrid') return hybridText(plan);
  const stage = {
    pretrain: 'projectors',
    program: 'program',
    search: 'search',
    finetune: 'finetune',
    baselines: 'baseline',
  }[section];
  const jobs = plan.jobs.filter((job) => job.stage === stage);
  if (jobs.length === 0) return undefined;
  const rows = jobs
    .slice(0, MAX_JOBS)
    .map(
      ({ subject, seed, steps, tokens, flopsPerToken }) =>
        `| ${codeCell(subject)} | ${seed} | ${steps} | ${formatCount(tokens)} | ${formatCount(flopsPerToken)} |`,
    );
  const more = jobs.length > MAX_JOBS ? [`\nand ${jobs.length - MAX_JOBS} more`] : [];
  return [
    '| subject | seed | steps | tokens | FLOPs a token |',
    '|---|--:|--:|--:|--:|',
    ...rows,
    ...more,
  ].join('\n');
}

const MAX_JOBS = 12;

function hybridText(plan: Plan): string {
  const { blocks, components, parameters, flopsPerToken, memory, width, context } = plan;
  return [
    '| | |',
    '|---|---|',
    `| blocks | ${blocks.length} of ${components.length} components |`,
    `| width | ${width} |`,
    `| context | ${context} |`,
    `| parameters | ${formatCount(parameters)} |`,
    `| FLOPs a token | ${formatCount(flopsPerToken)} |`,
    `| predicted peak | ${formatBytes(memory.peak)} on wasm |`,
    `| memory | ${checkpointingText(plan)} |`,
  ].join('\n');
}
