/** `docs/results.md`, written of `docs/results.json`: no figure and no verdict in it is typed by hand. */
import { markdownTable } from '../../server/report/markdown';
import { listInWords } from '../../server/report/text';
import { alphaSection } from './alphaSection';
import { commandOf } from './command';
import { CONFIGS, EXPERIMENTS, usualOptions, type Experiment } from './experiments';
import { gridSection } from './gridSection';
import { handOverSection } from './handOverSection';
import { modelsSection, type Section } from './modelsSection';
import type { RunRecord } from './records';
import { cellText, differenceText, entryName, figureText } from './words';

/** The pages and pictures that stand in `docs`, by name. */
export interface ResultsPage {
  readonly markdown: string;
  readonly pictures: ReadonlyMap<string, string>;
}

const INTRODUCTION = [
  '# Results',
  'Written by `npm run results`, out of `docs/results.json`, which `npm run results -- RUNS… --write docs/results.md` collects from run folders and sweep folders; nothing here is typed by hand.',
  'Small experiments that two cores carry. They show what the method does at this size, and say nothing of its size in the paper. Losses are nats a token (of a synthetic task: a scored position); ± and the brackets are 95 % t-intervals of the mean over seeds; differences are paired over seeds. Every component is trained alone on exactly the tokens and updates of the hybrid’s reported weights (`= tokens`), or on as many training FLOPs (`= FLOPs`). What the search itself read is not in that budget; it stands beside the tables. The best component is the one with the best mean on the split that is reported, which favours it; intervals are not corrected for how many comparisons there are.',
  '**The paper’s numbers** (Roberts et al., arXiv 2406.00894) stand beside none of these: it takes models of hundreds of millions of parameters, other data, and texts with a space between characters. None of its settings is one of these.',
];

export function resultsPage(records: readonly RunRecord[]): ResultsPage {
  const pictures = new Map<string, string>();
  const sections = EXPERIMENTS.map((experiment) => {
    const own = experiment.configs.map((config) =>
      records.filter((each) => each.config === config),
    );
    const section = sectionOf(experiment, own, pictures);
    return { experiment, records: own.flat(), section };
  });
  const made = sections.filter(({ section }) => section !== undefined);
  const parts = [
    ...INTRODUCTION,
    machineText([...new Set(made.flatMap((each) => each.records))]),
    '## Where the hybrid wins, and where it does not',
    overview(made.map(({ experiment, section }) => ({ experiment, section: section! }))),
    ...made.flatMap(({ experiment, records: own, section }) => [
      `## ${experiment.title}`,
      experiment.question,
      commandsText(own),
      ...section!.blocks,
    ]),
    ...(absentConfigs(records).length === 0
      ? []
      : [
          '## Not run here',
          'These are experiments of the page whose runs nobody has collected yet.',
          shellBlock(
            absentConfigs(records).map((config) => commandOf(config, usualOptions(config))),
          ),
        ]),
  ];
  return { markdown: `${parts.join('\n\n')}\n`, pictures };
}

function sectionOf(
  experiment: Experiment,
  byConfig: readonly (readonly RunRecord[])[],
  pictures: Map<string, string>,
): Section | undefined {
  const all = byConfig.flat();
  const absent = experiment.configs.filter((_, place) => byConfig[place]!.length === 0);
  // A table can stand without what is compared with its first config.
  const isTable = experiment.view === 'models' && byConfig[0]!.length > 0;
  if (absent.length > 0 && !isTable) return undefined;
  switch (experiment.view) {
    case 'models': {
      const section = modelsSection(all);
      if (absent.length === 0) return section;
      const missing = listInWords(absent.map((config) => `\`${config}\``));
      return { ...section, blocks: [...section.blocks, `Not run here: ${missing}.`] };
    }
    case 'handOver':
      return handOverSection(all);
    case 'grid':
      return gridSection(all);
    case 'alphas': {
      const name = 'results-alpha.svg';
      const section = alphaSection(byConfig[0]!, byConfig[1]!, name);
      pictures.set(name, section.picture);
      return section;
    }
  }
}

/** Configs of the experiments that no record is of. */
const absentConfigs = (records: readonly RunRecord[]): readonly string[] =>
  CONFIGS.filter((config) => !records.some((each) => each.config === config));

const shellBlock = (lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n');

function overview(
  made: readonly { readonly experiment: Experiment; readonly section: Section }[],
): string {
  const words = { wins: 'yes', loses: '**no**', open: '**no**, not for certain' } as const;
  const rows = made.flatMap(({ experiment, section }) =>
    section.verdicts.map(({ verdict, measure }) => [
      experiment.title,
      cellText(entryName(verdict.hybrid)),
      figureText(measure === 'accuracy' ? verdict.hybrid.accuracy : verdict.hybrid.loss, measure),
      `${cellText(entryName(verdict.best))}, ${verdict.budget === 'both' ? '= tokens and FLOPs' : verdict.budget === 'neither' ? 'another budget' : `= ${verdict.budget}`}`,
      figureText(measure === 'accuracy' ? verdict.best.accuracy : verdict.best.loss, measure),
      `${differenceText(verdict.difference, measure)} ${measure === 'accuracy' ? 'points' : 'nats'}`,
      words[verdict.outcome],
    ]),
  );
  const head = [
    'experiment',
    'hybrid',
    'its score',
    'best beside it',
    'its score',
    'difference',
    'wins?',
  ];
  return markdownTable(head, rows).join('\n');
}

const commandsText = (records: readonly RunRecord[]): string =>
  shellBlock([...new Set(records.map(({ config, options }) => commandOf(config, options)))]);

function machineText(records: readonly RunRecord[]): string {
  const distinct = (of: (record: RunRecord) => string): string =>
    listInWords([...new Set(records.map(of))].sort());
  const engine = distinct(
    ({ engine: { name, device, tier, node } }) =>
      `\`${name}\` (${tier}) on ${device}, Node ${node}`,
  );
  return `${records.length} runs of version ${distinct(({ version }) => version)}, ${distinct(({ day }) => day)}, with the engine ${engine}. How many threads computed a run changes no result.`;
}
