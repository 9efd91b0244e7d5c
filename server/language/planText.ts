/** A plan as text for a terminal. */
import type { LraSource } from '../contract/config';
import type { Plan, PlanBlock, PlanComponent } from '../contract/plan';
import type { CellCost, PlannedSweep } from './checkSweep';
import { formatBytes, formatCount } from './format';
import { valueText } from './sweep';

/** Ends with a newline. */
export function planText(plan: Plan): string {
  const { memory, config } = plan;
  const { gate, head, projectors } = config.hybrid;
  const lines = [
    `${plan.name}: ${numberOf(plan.blocks.length, 'block')} of ${numberOf(plan.components.length, 'component')}, width ${plan.width}, vocabulary ${plan.vocabulary}, context ${plan.context}`,
    `gate ${gate}, head of the ${head} block, projectors ${projectors.kind}, ${tokensText(plan)}`,
    '',
    ...table(componentRows(plan)),
    '',
    ...table(blockRows(plan)),
    '',
    `parameters        ${formatCount(plan.parameters)} (${plan.parameters}) in ${plan.tensors.length} tensors`,
    `FLOPs a token     ${formatCount(plan.flopsPerToken)}, forward`,
    `predicted peak    ${formatBytes(memory.peak)} on wasm: parameters ${formatBytes(memory.parameters)}, moments ${formatBytes(memory.moments)}, gradients ${formatBytes(memory.gradients)}, activations ${formatBytes(memory.activations)}`,
    `checkpointing     ${checkpointingText(plan)}`,
    ...programLines(plan),
    '',
    ...table(jobRows(plan)),
  ];
  return `${lines.join('\n')}\n`;
}

/** The grid with what each cell takes, and the plan of the first one. Ends with a newline. */
export function sweepPlanText(sweep: PlannedSweep, plan: Plan): string {
  const { axes, cells, count } = sweep;
  const product = axes.map(({ values }) => values.length).join(' × ');
  const known = cells.flatMap(({ cost }) => (cost ? [cost] : []));
  const sum = (of: (cost: CellCost) => number): number =>
    known.reduce((total, cost) => total + of(cost), 0);
  const peak = Math.max(...known.map((cost) => cost.peak));
  const lines = [
    `${plan.name}: a sweep of ${axes.length > 1 ? `${product} = ` : ''}${numberOf(count, 'run')}`,
    '',
    ...table([
      [
        'cell',
        ...axes.map(({ key }) => key),
        'parameters',
        'FLOPs/token',
        'tokens',
        'training FLOPs',
        'peak',
      ],
      ...cells.map(({ cell, settings, cost }) => [
        String(cell + 1),
        ...settings.map(({ value }) => valueText(value)),
        ...(cost
          ? [
              ...[cost.parameters, cost.flopsPerToken, cost.tokens, cost.trainingFlops].map(
                formatCount,
              ),
              formatBytes(cost.peak),
            ]
          : ['–', '–', '–', '–', '–']),
      ]),
    ]),
    '',
    `in all            ${formatCount(sum(({ tokens }) => tokens))} tokens, ${formatCount(sum((cost) => cost.trainingFlops))} training FLOPs; the largest run peaks at ${formatBytes(peak)} on wasm`,
    '',
    'The first cell:',
    '',
  ];
  return `${lines.join('\n')}\n${planText(plan)}`;
}

/** Where the tokens come from: a component's tokenizer, or a synthetic task. */
function tokensText({ tokenizer, components, config, autoEncoder, classifier }: Plan): string {
  const { train } = config.data;
  if (train.kind === 'lra') {
    const { classes, sequences } = classifier!;
    const what = sequences === 1 ? 'sequences' : 'pairs of sequences';
    return `task ${train.task}: ${lraExamples(train)}, a head for ${what} of ${classes} classes`;
  }
  if (train.kind !== 'mad') return `tokenizer of ${components[tokenizer ?? 0]!.name}`;
  const { task, examples, testExamples } = train;
  const heads = autoEncoder ? ', heads behind the decoder of an auto-encoder' : '';
  return `task ${task}: ${examples} training examples, ${testExamples} to validate and as many to test on${heads}`;
}

function lraExamples({ folder, examples, testExamples }: LraSource): string {
  const from = folder === undefined ? '' : ` of ${folder}`;
  if (examples === undefined || testExamples === undefined) {
    return examples === undefined && testExamples === undefined
      ? `all examples${from}`
      : `${examples ?? 'all'} training examples${from}, ${testExamples ?? 'all'} to validate and to test on`;
  }
  return `${examples} training examples${from}, ${testExamples} to validate and as many to test on`;
}

/** Where α come of, and what the supernets are. */
function programLines({ config: { program }, jobs, subplans = [] }: Plan): string[] {
  if (!program) return [];
  const { tasks, weights, width, layers } = program;
  const names = jobs.flatMap(({ stage, subplan }) =>
    stage === 'program' && subplan !== undefined ? [subplans[subplan]!] : [],
  );
  const sizes = [...new Set(names.map(({ parameters }) => formatCount(parameters)))];
  const shares = tasks.map((_, index) => {
    const share = Number((weights[index]! * 100).toFixed(1));
    return `${subplans[index]!.name} ${share} %`;
  });
  return [
    `program           α are the mean of ${shares.join(', ')}`,
    `                  supernets from scratch: width ${width}, ${numberOf(layers, 'layer')} of each component a block, gate none, ${sizes.join(' or ')} parameters`,
  ];
}

/** What `search.checkpointing` comes to, the peak the other way, and what it costs. */
export function checkpointingText({ memory, config }: Plan): string {
  const { checkpointing: setting } = config.search;
  const why = setting === 'auto' ? 'auto: ' : '';
  const other = formatBytes(memory.otherPeak);
  return memory.checkpointing
    ? `gradient checkpointing on (${why}${other} without it); one more forward pass a step: training takes 4 × forward FLOPs, not 3 ×`
    : `gradient checkpointing off (${why}${other} with it)`;
}

function componentRows(plan: Plan): readonly string[][] {
  return [
    [
      'component',
      'family',
      'layers',
      'width',
      'parameters',
      'FLOPs/token',
      'vocabulary',
      'dropout',
    ],
    ...[...plan.components, ...stackedBaselines(plan)].map((component) => [
      component.name,
      component.family,
      String(component.layers),
      String(component.width),
      formatCount(component.parameters),
      formatCount(component.flopsPerToken),
      component.vocabulary,
      Object.entries(component.dropout)
        .filter(([, rate]) => rate > 0)
        .map(([key, rate]) => `${key} ${rate}`)
        .join(', ') || 'none',
    ]),
  ];
}

/** Of the baselines that are designed by hand. */
function stackedBaselines({ jobs, subplans = [] }: Plan): readonly PlanComponent[] {
  const isBaseline = (index: number) =>
    jobs.some(({ stage, subplan }) => stage === 'baseline' && subplan === index);
  return subplans.flatMap(({ components }, index) => (isBaseline(index) ? components : []));
}

function blockRows(plan: Plan): readonly string[][] {
  return [
    ['block', ...plan.components.map(({ name }) => name), 'parameters'],
    ...plan.blocks.map((block, index) => [
      String(index + 1),
      ...plan.components.map(({ groups }, component) => cell(block, component, groups[index]!)),
      formatCount(blockParameters(plan, index)),
    ]),
  ];
}

/** `layers 1–2, α 0.5`: layers counted from 1, as blocks are. */
function cell(
  block: PlanBlock,
  component: number,
  { first, end }: { readonly first: number; readonly end: number },
): string {
  if (!block.live.includes(component)) return 'pruned';
  const layers = end - first === 1 ? `layer ${end}` : `layers ${first + 1}–${end}`;
  const weight = Number((block.pinned ?? block.initial)[component]!.toFixed(3));
  return `${layers}, ${block.pinned ? 'pinned' : 'α'} ${weight}`;
}

function blockParameters(plan: Plan, block: number): number {
  return plan.tensors
    .filter(({ place }) => place === block)
    .reduce((sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1), 0);
}

function jobRows(plan: Plan): readonly string[][] {
  return [
    ['job', 'subject', 'seed', 'steps', 'θ updates', 'α updates', 'tokens', 'FLOPs/token'],
    ...plan.jobs.map((job) => [
      job.stage,
      job.subject,
      String(job.seed),
      String(job.steps),
      String(job.weightUpdates),
      String(job.alphaUpdates),
      formatCount(job.tokens),
      formatCount(job.flopsPerToken),
    ]),
  ];
}

/** Columns as wide as their widest cell, two spaces between. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 block`, `4 blocks`. */
function numberOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
