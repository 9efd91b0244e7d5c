/** Short jobs: one ComputeJob from standard input, ComputeMessages to standard output. */
import path from 'node:path';
import { z } from 'zod';
import { EXPORT_FORMATS, type ComputeJob, type ComputeMessage } from '../../contract/jobs';
import type { Plan } from '../../contract/plan';
import { isTask } from '../../models/tasks';
import { readPlanFile } from '../../runs/runFolder';
import { loadTokenizer, type Tokenizer } from '../../weights/tokenizer';
import { openEngine } from '../engine/engine';
import { probeEngines } from '../engine/probe';
import { classifierHasNoText, tokensAreNoText } from '../hybrid/errors';
import { exportComponent, exportHybrid, hasTokenizer } from '../hybrid/export';
import { generateText } from '../hybrid/generate';
import { loadHybrid } from '../hybrid/load';
import { exportForTransformers } from '../hybrid/transformers/exportTransformers';
import { evaluate } from '../search/evaluate';
import { asRunFailure, RunFailure } from '../failure';
import { scoreHybrid } from '../search/hybridModel';
import { EvaluationBatches, type Split } from '../tasks/batches';
import { isConversation } from '../tasks/conversations';
import { loadTaskData } from '../tasks/taskData';
import { encodeSource, type LoadOptions } from '../tasks/text';
import { TokenStore } from '../tasks/tokenStore';
import { textTokenizerOf } from '../tasks/tokens';
import { dataSourceSchema } from './dataSource';
import { templateProgram } from './runData';
import { modelCardFiles } from './modelCard';
import { writeFolder } from './writeFolder';

const jobSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('engines') }),
  z.object({
    kind: z.literal('generate'),
    model: z.string(),
    engine: z.enum(['auto', 'wasm', 'webgpu', 'tensorflow']),
    prompt: z.string(),
    maxTokens: z.int().min(0),
    temperature: z.number().min(0),
    topP: z.number().min(0).max(1),
    seed: z.int().min(0),
  }),
  z.object({
    kind: z.literal('eval'),
    model: z.string(),
    engine: z.enum(['auto', 'wasm', 'webgpu', 'tensorflow']),
    data: dataSourceSchema.optional(),
    run: z.string().optional(),
    context: z.int().min(1).optional(),
    batch: z.int().min(1),
  }),
  z.object({
    kind: z.literal('export'),
    model: z.string(),
    run: z.string().optional(),
    to: z.string(),
    component: z.string().optional(),
    format: z.enum(EXPORT_FORMATS),
    dtype: z.enum(['F32', 'F16', 'BF16']),
  }),
]);
type Job<K extends ComputeJob['kind']> = Extract<z.output<typeof jobSchema>, { kind: K }>;

const send = (message: ComputeMessage): void =>
  void process.stdout.write(`${JSON.stringify(message)}\n`);

/** @returns whether the job was done; if not, its last message says why */
export async function runJobFromInput(): Promise<boolean> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    await runJob(jobSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    return true;
  } catch (error) {
    const { code, message, hint, cause } = asRunFailure(error);
    if (code === 'internal-error' && cause instanceof Error) console.error(cause.stack);
    send({ type: 'failed', code, message, hint });
    return false;
  }
}

async function runJob(job: z.output<typeof jobSchema>): Promise<void> {
  switch (job.kind) {
    case 'engines':
      send({ type: 'engines', engines: await probeEngines() });
      return;
    case 'generate':
      return generate(job);
    case 'eval':
      return evaluateOn(job);
    case 'export':
      return exportTo(job);
  }
}

async function generate(job: Job<'generate'>): Promise<void> {
  await openEngine(job.engine);
  const hybrid = await loadHybrid(job.model);
  if (hybrid.design.classifier) throw classifierHasNoText(job.model);
  const tokenizer = await textTokenizer(job.model);
  const { eos, bos } = tokenizer.special;
  const special = { ...(bos === undefined ? {} : { bos }), ...(eos === undefined ? {} : { eos }) };
  const stop = eos === undefined ? [] : [eos];
  const { maxTokens, temperature, topP, seed } = job;
  const source = { encode: tokenizer.encode, decode: tokenizer.decode, special };
  const pieces = generateText(hybrid, hybrid.alphas, source, job.prompt, {
    maxTokens,
    temperature,
    topP,
    seed,
    stop,
  });
  let tokens = 0;
  let first = performance.now();
  for (;;) {
    const { value, done } = await pieces.next();
    if (done === true) {
      send({ type: 'text', text: value });
      break;
    }
    // The first token carries the whole prompt: the rate is that of the tokens after it.
    if (tokens++ === 0) first = performance.now();
    send({ type: 'text', text: value.text });
  }
  const seconds = (performance.now() - first) / 1000;
  const tokensPerSecond = tokens > 1 ? (tokens - 1) / Math.max(seconds, 1e-9) : 0;
  send({ type: 'generated', tokens, tokensPerSecond });
}

async function evaluateOn(job: Job<'eval'>): Promise<void> {
  const plan = job.run === undefined ? undefined : ((await readPlanFile(job.run)).plan as Plan);
  await openEngine(job.engine);
  const hybrid = await loadHybrid(job.model);
  if (hybrid.design.classifier && job.data) throw classifierHasNoText(job.model);
  const store = new TokenStore();
  try {
    const { split, name, source, context } = await splitToScore(job, plan, store);
    const batches = new EvaluationBatches(split, context, job.batch, name);
    const { loss, perplexity, accuracy } = await evaluate(
      { score: (batch, alphas) => scoreHybrid(hybrid, batch, alphas) },
      batches,
      hybrid.alphas,
    );
    const unit = hybrid.design.classifier ? 'example' : 'token';
    send({ type: 'evaluated', loss, perplexity, accuracy, tokens: batches.scored, unit, source });
  } finally {
    await store.close();
  }
}

interface ScoredSplit {
  readonly split: Split;
  readonly name: 'validation' | 'test';
  /** For the user: a path, or the split's name. */
  readonly source: string;
  readonly context: number;
}

async function splitToScore(
  job: Job<'eval'>,
  plan: Plan | undefined,
  store: TokenStore,
): Promise<ScoredSplit> {
  const tokenizer = async () => textTokenizerOf(await textTokenizer(job.model));
  const options: LoadOptions = { store, templateProgram: templateProgram() };
  const { data } = job;
  const context = job.context ?? plan?.context;
  if (context === undefined) throw runNeeded(await hasTokenizer(job.model));
  if (data !== undefined) {
    const base = path.dirname(data.path);
    const encoding = { ...options, base, context, tokenizer: await tokenizer() };
    const split = await encodeSource(data, 'test', encoding);
    return { split, name: 'test', source: data.path, context };
  }
  if (plan === undefined) throw runNeeded(await hasTokenizer(job.model));
  const { train } = plan.config.data;
  // Conversations are cut at the context; a task has one of its own.
  const isRows = !isTask(train) && isConversation(train);
  const config = isRows ? { ...plan.config, data: { ...plan.config.data, context } } : plan.config;
  const { test, validation } = await loadTaskData(config, plan.base, tokenizer, options);
  const what = isTask(train) || isRows ? 'examples' : 'text';
  const rest = { context: isTask(train) ? plan.context : context };
  return test === undefined
    ? { split: validation, name: 'validation', source: `the validation ${what}`, ...rest }
    : { split: test, name: 'test', source: `the test ${what}`, ...rest };
}

/** @throws HybridError for a hybrid of a synthetic task */
async function textTokenizer(model: string): Promise<Tokenizer> {
  if (!(await hasTokenizer(model))) throw tokensAreNoText(model);
  return loadTokenizer(model);
}

async function exportTo(job: Job<'export'>): Promise<void> {
  await openEngine('auto');
  const hybrid = await loadHybrid(job.model);
  const tokenizer = (await hasTokenizer(job.model)) ? job.model : undefined;
  const { alphas, configs } = hybrid;
  const input = { hybrid, tokenizer, dtype: job.dtype, alphas, configs };
  const files = await writeFolder(job.to, async (folder) => {
    if (job.component !== undefined) return exportComponent(folder, job.component, input);
    if (job.format === 'manticore') return exportHybrid(folder, input);
    return exportForTransformers(folder, input, () =>
      modelCardFiles(hybrid, job.run, tokenizer !== undefined),
    );
  });
  send({ type: 'exported', path: job.to, files });
}

/** @param hasText whether the hybrid reads text: that of a task has no tokenizer, and can't be given some */
function runNeeded(hasText: boolean): RunFailure {
  return new RunFailure(
    'run-needed',
    `A folder that is no run says neither what ${hasText ? 'text' : 'examples'} to score nor with what context.`,
    hasText
      ? 'Give `--text` or `--jsonl`, and `--context`.'
      : 'Score the run that it was exported from: its task makes the examples.',
  );
}
