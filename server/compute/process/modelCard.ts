/** What stands beside a model that is exported for others: its card, and the picture of α. */
import { z } from 'zod';
import { heatmapSvg } from '../../report/heatmapSvg';
import { modelCard, type CardComponent } from '../../report/modelCard';
import { readReportModel } from '../../report/write';
import { readPlanFile } from '../../runs/runFolder';
import { readInFolder } from '../../weights/modelFiles';
import { WeightsError } from '../../weights/errors';
import type { LoadedHybrid } from '../hybrid/load';
import type { ExtraFile } from '../hybrid/transformers/exportTransformers';

/** The part of `plan.json` that a card tells; a run folder can come from anywhere, and what doesn't fit isn't told. */
const planSchema = z.object({
  components: z.array(
    z.object({
      name: z.string(),
      source: z.object({
        kind: z.string(),
        path: z.string().optional(),
        id: z.string().optional(),
        revision: z.string().optional(),
      }),
    }),
  ),
  config: z.object({
    components: z.record(z.string(), z.object({ source: z.string().optional() })),
    data: z.record(z.string(), z.unknown()),
  }),
});
type CardPlan = z.output<typeof planSchema>;

const sourceSchema = z.object({
  kind: z.string(),
  path: z.string().optional(),
  task: z.string().optional(),
});

const REPOSITORY = /^[\w.-]+\/[\w.-]+$/;
const LICENCE_FILES = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE', 'COPYING'];
const MAX_TEXT_BYTES = 1 << 20;

/** @param run folder of the run that the hybrid is of; without one the card has no results */
export async function modelCardFiles(
  hybrid: LoadedHybrid,
  run: string | undefined,
  hasTokenizer: boolean,
): Promise<ExtraFile[]> {
  const report = run === undefined ? undefined : await readReportModel(run);
  const plan = run === undefined ? undefined : await readCardPlan(run);
  const components = await Promise.all(
    hybrid.design.components.map(({ name, architecture }) =>
      cardComponent(name, architecture.family, plan),
    ),
  );
  const { alphas } = hybrid;
  const data = plan === undefined ? [] : dataSentences(plan.config.data);
  const hasPicture = report !== undefined;
  const files: ExtraFile[] = [
    {
      name: 'README.md',
      content: modelCard({ report, components, alphas, data, hasTokenizer, hasPicture }),
    },
  ];
  if (report === undefined) return files;
  const drawing = heatmapSvg(report);
  // Loaded when a picture is drawn: a drawing engine and its fonts.
  const { renderPng } = await import('../../report/png');
  return [
    ...files,
    { name: 'heatmap.svg', content: drawing },
    { name: 'heatmap.png', content: await renderPng(drawing) },
  ];
}

async function readCardPlan(run: string): Promise<CardPlan | undefined> {
  const parsed = planSchema.safeParse((await readPlanFile(run)).plan);
  return parsed.success ? parsed.data : undefined;
}

async function cardComponent(
  name: string,
  family: string,
  plan: CardPlan | undefined,
): Promise<CardComponent> {
  const planned = plan?.components.find((component) => component.name === name);
  const written = plan?.config.components[name]?.source;
  const { id, path: folder } = planned?.source ?? {};
  return {
    name,
    family,
    repository: id !== undefined && REPOSITORY.test(id) ? id : undefined,
    source: written,
    licence: folder === undefined ? undefined : await licenceOf(folder),
  };
}

/** What a model's folder says of its licence: its card's `license`, else the first line of a licence file. */
async function licenceOf(folder: string): Promise<string | undefined> {
  const card = await textIn(folder, 'README.md');
  const named =
    /^---\r?\n(?:(?!---).*\r?\n)*?license:[ \t]*["']?([\w.+-]{1,64})["']?[ \t]*\r?\n/.exec(
      card ?? '',
    )?.[1];
  if (named !== undefined) return `Its model card names the licence ${named}.`;
  for (const name of LICENCE_FILES) {
    const text = await textIn(folder, name);
    const first = text?.split(/\r?\n/).find((line) => line.trim() !== '');
    if (first !== undefined) return `Its folder's ${name} begins: ${first.trim().slice(0, 100)}`;
  }
  return undefined;
}

/** A text of a model's folder; undefined where it isn't there, or is no regular file of a sensible size. */
async function textIn(folder: string, name: string): Promise<string | undefined> {
  try {
    return (await readInFolder(folder, name, MAX_TEXT_BYTES)).toString('utf8');
  } catch (error) {
    if (error instanceof WeightsError) return undefined;
    throw error;
  }
}

function dataSentences(data: Readonly<Record<string, unknown>>): string[] {
  const sentences = (['train', 'validation', 'test'] as const).flatMap((split) => {
    const value = data[split];
    if (typeof value === 'number') return [`${split}: ${value} of train, cut from its end`];
    const source = sourceSchema.safeParse(value);
    if (!source.success) return [];
    const { kind, path: file, task } = source.data;
    return [`${split}: ${[kind, task ?? file].filter((part) => part !== undefined).join(' ')}`];
  });
  const { context } = data;
  return typeof context === 'number'
    ? [...sentences, `${context} tokens predicted in each sequence`]
    : sentences;
}
