/** The model card of an export: `README.md` as the hub reads it, out of what the run recorded. */
import { escapeMarkdown, markdownTable, yamlString } from './markdown';
import type { ReportModel, ResultSummary } from './modelTypes';
import { formatCount, formatFixed, formatShort } from './text';
import type { Estimate } from './statistics';

/** A component as the card tells of it. */
export interface CardComponent {
  readonly name: string;
  readonly family: string;
  /** `owner/name` on the hub, or undefined. */
  readonly repository: string | undefined;
  /** A path or an id as the config has it; undefined for one from scratch. */
  readonly source: string | undefined;
  /** What its folder says of its licence. */
  readonly licence: string | undefined;
}

export interface CardInput {
  /** What the run recorded; undefined for a folder that is no run's. */
  readonly report: ReportModel | undefined;
  readonly components: readonly CardComponent[];
  /** α of the weights that are exported, [N][K]. */
  readonly alphas: readonly (readonly number[])[];
  /** What it was trained on, one sentence each, as plain text. */
  readonly data: readonly string[];
  readonly hasTokenizer: boolean;
  /** Whether `heatmap.png` stands beside the card. */
  readonly hasPicture: boolean;
}

/** The whole file. */
export function modelCard(input: CardInput): string {
  const sections = [
    frontMatter(input),
    introduction(input),
    usage(input),
    results(input),
    budget(input),
    mixture(input),
    components(input),
  ];
  return `${sections
    .map((lines) => lines.join('\n'))
    .filter(Boolean)
    .join('\n\n')}\n`;
}

function frontMatter({ components: parts, hasTokenizer }: CardInput): string[] {
  const bases = [...new Set(parts.flatMap(({ repository }) => repository ?? []))];
  const families = [...new Set(parts.map(({ family }) => family))];
  const list = (key: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`${key}:`, ...values.map((value) => `  - ${yamlString(value)}`)];
  return [
    '---',
    'library_name: transformers',
    ...(hasTokenizer ? ['pipeline_tag: text-generation'] : []),
    ...list('tags', ['manticore', 'hybrid', 'custom_code', ...families]),
    ...list('base_model', bases),
    '---',
  ];
}

function introduction({ report, components: parts, data }: CardInput): string[] {
  const names = parts.map(({ name, family }) => `${escapeMarkdown(name)} (${family})`).join(', ');
  return [
    `# ${report === undefined ? 'A Manticore hybrid' : escapeMarkdown(report.run.name)}`,
    '',
    `A hybrid language model made with Manticore (Roberts et al., [arXiv 2406.00894](https://arxiv.org/abs/2406.00894)): ${names}, mixed block by block with weights that a differentiable search found or a config fixed.`,
    ...(report === undefined ? [] : ['', escapeMarkdown(report.headline.sentence, 1000)]),
    ...(report?.headline.details ?? []).flatMap((line) => ['', escapeMarkdown(line, 1000)]),
    ...(data.length === 0 ? [] : ['', '## Data', '']),
    ...data.map((sentence) => `- ${escapeMarkdown(sentence, 1000)}`),
  ];
}

function usage({ hasTokenizer }: CardInput): string[] {
  const code = [
    '```python',
    hasTokenizer
      ? 'from transformers import AutoModelForCausalLM, AutoTokenizer'
      : 'import torch\nfrom transformers import AutoModelForCausalLM',
    '',
    'folder = "."  # this folder, or its id on the hub',
    'model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)',
    ...(hasTokenizer
      ? [
          'tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)',
          'inputs = tokenizer("Once upon a time", return_tensors="pt", return_token_type_ids=False)',
          'print(tokenizer.decode(model.generate(**inputs, max_new_tokens=50)[0]))',
        ]
      : [
          'logits = model(input_ids=torch.tensor([[0, 1, 2]])).logits  # [batch, length, vocabulary]',
        ]),
    '```',
  ];
  return [
    '## How to load it',
    '',
    ...code,
    '',
    '`modeling_manticore.py` computes it in plain PyTorch; `trust_remote_code` runs that file. It can be trained on (`labels=…` gives the loss), saved and loaded again.',
    ...(hasTokenizer
      ? []
      : [
          '',
          'It was trained on a synthetic task: its tokens are no text, and it has no tokenizer.',
        ]),
  ];
}

const figure = ({ mean, interval }: Estimate, digits: number, scale = 1): string =>
  interval === null
    ? formatFixed(mean * scale, digits)
    : `${formatFixed(mean * scale, digits)} (${formatFixed(interval.low * scale, digits)} to ${formatFixed(interval.high * scale, digits)})`;

function results({ report }: CardInput): string[] {
  const summary = report?.results.summary ?? [];
  if (report === undefined || summary.length === 0) return [];
  const accuracies = summary.some(({ accuracy }) => accuracy !== null);
  const row = (entry: ResultSummary): string[] => [
    `${escapeMarkdown(entry.subject)}, ${entry.stage}${entry.final ? '' : ' (not finished)'}`,
    entry.split,
    figure(entry.loss, 4),
    figure(entry.perplexity, 2),
    ...(accuracies ? [entry.accuracy === null ? '–' : `${figure(entry.accuracy, 1, 100)} %`] : []),
    String(entry.seeds.length),
    formatShort(entry.parameters),
    formatShort(entry.flopsPerToken),
  ];
  return [
    '## Results',
    '',
    'Loss in nats a token; means over seeds, with a 95 % interval where there are several. Components stand beside the hybrid as they do alone, trained under the budget below.',
    '',
    ...markdownTable(
      [
        'model, stage',
        'split',
        'loss',
        'perplexity',
        ...(accuracies ? ['accuracy'] : []),
        'seeds',
        'parameters',
        'FLOPs a token',
      ],
      summary.map(row),
    ),
    '',
    `The weights here are those of one seed${report.seeds.length > 1 ? ': the one with the lowest validation loss' : ''}.`,
  ];
}

function budget({ report }: CardInput): string[] {
  if (report === undefined || report.budgets.rows.length === 0) return [];
  return [
    '## Budget',
    '',
    ...markdownTable(
      ['model, stage', 'updates', 'tokens', 'training FLOPs'],
      report.budgets.rows.map(({ subject, stage, updates, tokens, trainingFlops }) => [
        `${escapeMarkdown(subject)}, ${stage}`,
        formatCount(updates),
        formatCount(tokens),
        formatShort(trainingFlops),
      ]),
    ),
    ...report.budgets.sentences.flatMap((sentence) => ['', escapeMarkdown(sentence, 1000)]),
  ];
}

function mixture({ alphas, components: parts, hasPicture }: CardInput): string[] {
  return [
    '## Mixture',
    '',
    ...(hasPicture ? ['![Mixture weights by block and component](heatmap.png)', ''] : []),
    'The weights α of these weights’ own seed, by block.',
    '',
    ...markdownTable(
      ['block', ...parts.map(({ name }) => escapeMarkdown(name))],
      alphas.map((row, block) => [String(block + 1), ...row.map((alpha) => formatFixed(alpha, 4))]),
    ),
  ];
}

function components({ components: parts }: CardInput): string[] {
  return [
    '## Components and their licences',
    '',
    ...parts.map(({ name, family, source, licence }) => {
      const from = source === undefined ? 'made from scratch' : `from ${escapeMarkdown(source)}`;
      const said =
        licence === undefined
          ? source === undefined
            ? ''
            : ' Its folder says nothing of a licence.'
          : ` ${escapeMarkdown(licence)}`;
      return `- ${escapeMarkdown(name)} (${family}), ${from}.${said}`;
    }),
    '',
    'The terms of every component that weights were taken from hold for the hybrid too.',
  ];
}
