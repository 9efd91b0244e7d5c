/** The predicted peak beside what training steps really take on the `wasm` engine: within a tenth. */
import assert from 'node:assert/strict';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { Engine } from '../../server/compute/engine/engine';
import { openWasm } from '../../server/compute/engine/wasm/openWasm';
import { AlphaTensors } from '../../server/compute/search/alphaTensors';
import { initialAlphaMoments } from '../../server/compute/search/alphaUpdate';
import { initialArchitecture } from '../../server/compute/search/architecture';
import { buildHybridModel, pretrainedTensors } from '../../server/compute/search/hybridModel';
import { disposeAdamw, initialAdamw } from '../../server/compute/search/optimiser';
import { trainingStep } from '../../server/compute/search/trainingStep';
import type { Plan } from '../../server/contract/plan';
import { checkConfig } from '../../server/language/checkConfig';
import { fakeReader, model, quickDisk, tokenizer, type HubConfig } from './fakeReader';
import { quickConfig } from './marked';

const vocab_size = 256;
const context = 64;
const configs: Readonly<Record<string, HubConfig>> = {
  gpt2: { model_type: 'gpt2', n_embd: 48, n_layer: 3, n_head: 4, n_positions: 64, vocab_size },
  neo: {
    model_type: 'gpt_neo',
    hidden_size: 40,
    num_layers: 2,
    num_heads: 4,
    max_position_embeddings: 64,
    window_size: 16,
    attention_types: [[['global', 'local'], 1]],
    vocab_size,
  },
  neox: {
    model_type: 'gpt_neox',
    hidden_size: 64,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    intermediate_size: 256,
    max_position_embeddings: 64,
    vocab_size,
  },
  llama: {
    model_type: 'llama',
    hidden_size: 56,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    intermediate_size: 152,
    vocab_size,
  },
  mamba2: {
    model_type: 'mamba2',
    hidden_size: 48,
    num_hidden_layers: 4,
    num_heads: 6,
    head_dim: 16,
    state_size: 32,
    n_groups: 2,
    vocab_size,
  },
  stack: {
    model_type: 'manticore_stack',
    hidden_size: 56,
    num_attention_heads: 4,
    layer_types: ['mamba', 'attention', 'swiglu', 'mlp', 'attention', 'swiglu'],
    vocab_size,
  },
  hyena: {
    model_type: 'manticore_stack',
    hidden_size: 56,
    layer_types: ['hyena', 'swiglu', 'hyena', 'swiglu'],
    max_seq_len: 64,
    vocab_size,
  },
  mamba: { model_type: 'mamba', hidden_size: 56, num_hidden_layers: 4, vocab_size },
  // What the engine doesn't make again, and layers whose own gradients are the peak.
  dropping: {
    model_type: 'gpt2',
    ...{ n_embd: 48, n_layer: 2, n_head: 4, n_positions: 64, vocab_size },
    ...{ resid_pdrop: 0.1, embd_pdrop: 0.1, attn_pdrop: 0.1 },
  },
  relu: {
    model_type: 'gpt_neox',
    ...{ hidden_act: 'relu', use_parallel_residual: false, hidden_size: 64, vocab_size },
    ...{ num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 },
    max_position_embeddings: 64,
  },
  llamaGelu: {
    model_type: 'llama',
    ...{ hidden_act: 'gelu', hidden_size: 56, intermediate_size: 152, vocab_size },
    ...{ num_hidden_layers: 2, num_attention_heads: 4 },
  },
  mamba2One: {
    model_type: 'mamba2',
    ...{ hidden_size: 48, num_hidden_layers: 2, num_heads: 6, head_dim: 16, state_size: 16 },
    ...{ n_groups: 1, vocab_size },
  },
  mambaFirst: {
    model_type: 'manticore_stack',
    ...{ hidden_size: 56, num_attention_heads: 4, layer_types: ['mamba', 'attention'], vocab_size },
  },
  hyenaLast: {
    model_type: 'manticore_stack',
    ...{ hidden_size: 56, layer_types: ['swiglu', 'hyena'], max_seq_len: 64, vocab_size },
  },
};

async function planOf(
  names: readonly string[],
  hybrid: string,
  search: string,
  steps = 3,
): Promise<Plan> {
  const models = Object.fromEntries(
    Object.entries(configs).map(([name, config]) => [
      `./${name}`,
      model(config, { tokenizer: tokenizer(250) }),
    ]),
  );
  const text = quickConfig({
    components: names.map((name) => `  ${name}: { source: ./${name} }`).join('\n'),
    hybrid: `  ${hybrid}`,
    data: `  train: { text: train.txt }\n  validation: { text: valid.txt }\n  context: ${context}`,
    search: `  { steps: ${steps}, ${search} }`,
  });
  const { plan, problems } = await checkConfig(text, {
    name: 'test',
    base: '/base',
    reader: fakeReader({ ...quickDisk, models }),
  });
  assert.ok(plan, JSON.stringify(problems));
  return plan;
}

/** Shallow components, so that their decoders weigh. */
async function compressionPlan(search: string): Promise<Plan> {
  const neox = { ...configs['neox'], vocab_size: 16, num_hidden_layers: 1 };
  const components = [
    `  neox: { family: gptNeox, init: random, config: ${JSON.stringify(neox)} }`,
    '  mamba: { family: mamba, init: random, config: { hidden_size: 48, num_hidden_layers: 1 } }',
  ];
  const text = quickConfig({
    components: components.join('\n'),
    hybrid: '  { blocks: 1, gate: none }',
    data: `  train: { mad: { task: compression, length: ${context}, examples: 8, testExamples: 8 } }`,
    search: `  { steps: 3, ${search} }`,
  });
  return wholePlan(text);
}

/** Transformers and a Mamba whose streams a head of its own reads. */
async function listopsPlan(search: string): Promise<Plan> {
  const neox = { ...configs['neox'], vocab_size: 18 };
  const text = quickConfig({
    components: [
      `  neox: { family: gptNeox, init: random, config: ${JSON.stringify(neox)} }`,
      '  mamba: { family: mamba, init: random, config: { hidden_size: 56, num_hidden_layers: 4 } }',
    ].join('\n'),
    hybrid: '  { blocks: 2 }',
    data: `  train: { lra: { task: listops, length: ${context}, minLength: 9, examples: 8, testExamples: 8 } }`,
    search: `  { steps: 3, ${search} }`,
  });
  return wholePlan(text);
}

async function wholePlan(text: string): Promise<Plan> {
  const { plan, problems } = await checkConfig(text, {
    name: 'test',
    base: '/base',
    reader: fakeReader(),
  });
  assert.ok(plan, JSON.stringify(problems));
  return plan;
}

/** What a batch for a classifier has: where its sequences end, and their classes. */
const labels = (sequences: number) => ({
  lasts: new Int32Array(sequences).fill(context - 1),
  targets: new Int32Array(sequences).fill(1),
  scored: sequences,
});

/** The same plan with weights drawn at random, since the models have none. */
function fromScratch(plan: Plan): Plan {
  return {
    ...plan,
    components: plan.components.map((component) => ({ ...component, source: { kind: 'random' } })),
  };
}

/** Of a run of pretraining alone: its stage's. */
async function measuredPeak(engine: Engine, plan: Plan): Promise<number> {
  const { pretrain } = plan.config.hybrid.projectors;
  const search = { ...plan.config.search, ...pretrain };
  const trained = new Set(pretrainedTensors(plan).map(({ name }) => name));
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  // What another test left on the engine isn't this run's.
  const foreign = engine.memoryBytes();
  const hybrid = await buildHybridModel(fromScratch(plan), live, 1, () =>
    Promise.resolve({ weights: undefined, tokenizer: undefined }),
  );
  const alphaTensors = new AlphaTensors();
  const adamw = initialAdamw();
  const size = search.batch * context;
  const ids = Int32Array.from({ length: size }, (_, index) => (index * 7) % plan.vocabulary);
  const whole = { sequences: search.batch, length: context, ids, targets: ids, scored: size };
  const batch = plan.classifier ? { ...whole, ...labels(search.batch) } : whole;
  engine.resetPeak();
  for (let step = 1; step <= 2; step++) {
    await trainingStep({
      model: {
        lossSum: hybrid.lossSum,
        parameters: () =>
          hybrid.parameters().filter(({ name }) => pretrain === undefined || trained.has(name)),
      },
      alphaTensors,
      adamw,
      architecture: initialArchitecture(search, plan.blocks),
      alphaMoments: initialAlphaMoments(plan.blocks.length, plan.components.length),
      plan: { weights: true, alphas: plan.components.length > 1 },
      batches: Array.from({ length: search.accumulate }, () => batch),
      seed: 1,
      step,
      job: 'memory',
      weights: search,
      alphaLearningRate: search.alphaLearningRate,
    });
  }
  await hybrid.score(
    batch,
    plan.blocks.map(({ initial }) => initial),
  );
  const peak = engine.peakBytes();
  hybrid.dispose();
  disposeAdamw(adamw);
  alphaTensors.dispose();
  return peak - foreign;
}

describe('the predicted peak', () => {
  let engine: Engine;
  before(async () => {
    engine = await openWasm();
  });
  after(() => engine.dispose());

  const holds = async (names: readonly string[], hybrid: string, search: string) => {
    const plan = await planOf(names, hybrid, search);
    const ratio = plan.memory.peak / (await measuredPeak(engine, plan));
    assert.ok(ratio > 0.9 && ratio < 1.1, `predicted / measured = ${ratio}`);
    return plan;
  };

  for (const [names, hybrid, search] of [
    [['neox', 'mamba'], 'blocks: 2', 'batch: 4'],
    [
      ['neox', 'mamba'],
      '{ blocks: 4, gate: transition, projectors: { kind: mlp-skip } }',
      'batch: 1',
    ],
    [
      ['gpt2', 'mamba'],
      '{ blocks: 2, mixture: { 1: { pin: gpt2 }, 2: { prune: [mamba] } } }',
      'batch: 2',
    ],
    [['gpt2', 'neo'], '{ blocks: 2, gate: none, head: first }', 'batch: 2'],
    [['neox'], 'blocks: 1', 'batch: 4, accumulate: 2'],
    [['mamba'], 'blocks: 1', 'batch: 4'],
    [['llama'], 'blocks: 1', 'batch: 4'],
    [['mamba2'], 'blocks: 1', 'batch: 4'],
    [['stack'], 'blocks: 1', 'batch: 4'],
    [['hyena'], 'blocks: 1', 'batch: 4'],
    [['gpt2', 'llama', 'mamba', 'mamba2'], 'blocks: 2', 'batch: 2'],
    ...['dropping', 'relu', 'llamaGelu', 'mamba2One', 'mambaFirst', 'hyenaLast'].map(
      (name) => [[name], 'blocks: 1', 'batch: 16'] as const,
    ),
  ] as const) {
    it(`${names.join(' + ')}, ${hybrid}, ${search}`, async () => {
      await holds(names, hybrid, search);
    });
  }

  describe('with gradient checkpointing', () => {
    for (const [names, hybrid, search] of [
      [['neox', 'mamba'], 'blocks: 1', 'batch: 4'],
      [['neox', 'mamba'], 'blocks: 2', 'batch: 4'],
      [['neox', 'mamba'], 'blocks: 4', 'batch: 8'],
      [['neox', 'mamba'], 'blocks: 4', 'batch: 4, accumulate: 2'],
      [
        ['neox', 'mamba'],
        '{ blocks: 4, gate: transition, projectors: { kind: mlp-skip } }',
        'batch: 1',
      ],
      [['gpt2', 'neox', 'mamba'], 'blocks: 3', 'batch: 8'],
      [
        ['gpt2', 'mamba'],
        '{ blocks: 2, mixture: { 1: { pin: gpt2 }, 2: { prune: [mamba] } } }',
        'batch: 4',
      ],
      [['gpt2', 'neo'], '{ blocks: 2, gate: none, head: first }', 'batch: 2'],
      [['neox'], 'blocks: 4', 'batch: 4, accumulate: 2'],
      [['mamba'], 'blocks: 4', 'batch: 4'],
      [['llama', 'mamba2'], 'blocks: 4', 'batch: 4'],
      [['stack'], 'blocks: 3', 'batch: 4'],
      [['hyena'], 'blocks: 2', 'batch: 4'],
    ] as const) {
      it(`${names.join(' + ')}, ${hybrid}, ${search}`, async () => {
        await holds(names, hybrid, `${search}, checkpointing: on`);
      });
    }
  });

  for (const checkpointing of ['off', 'on']) {
    it(`components frozen while projectors are pretrained, checkpointing ${checkpointing}`, async () => {
      const stage = '{ data: { text: train.txt }, steps: 2, batch: 2, accumulate: 2 }';
      const frozen = `{ blocks: 2, projectors: { pretrain: ${stage} } }`;
      const plan = await planOf(['neox', 'mamba'], frozen, `checkpointing: ${checkpointing}`, 0);
      const ratio = plan.memory.peak / (await measuredPeak(engine, plan));
      assert.ok(ratio > 0.9 && ratio < 1.1, `predicted / measured = ${ratio}`);
      const { moments, parameters } = plan.memory;
      assert.ok(moments < parameters, 'most weights are frozen');
    });

    it(`a classifier of sequences, checkpointing ${checkpointing}`, async () => {
      const plan = await listopsPlan(`batch: 4, checkpointing: ${checkpointing}`);
      const ratio = plan.memory.peak / (await measuredPeak(engine, plan));
      assert.ok(ratio > 0.9 && ratio < 1.1, `predicted / measured = ${ratio}`);
    });

    it(`the compression task’s auto-encoder, checkpointing ${checkpointing}`, async () => {
      const plan = await compressionPlan(`batch: 8, checkpointing: ${checkpointing}`);
      const ratio = plan.memory.peak / (await measuredPeak(engine, plan));
      assert.ok(ratio > 0.9 && ratio < 1.1, `predicted / measured = ${ratio}`);
    });
  }

  it('of a deep hybrid falls with checkpointing by as much as is measured', async () => {
    const measured: number[] = [];
    const predicted: number[] = [];
    for (const setting of ['off', 'on']) {
      const plan = await planOf(
        ['neox', 'mamba'],
        'blocks: 4',
        `batch: 8, checkpointing: ${setting}`,
      );
      measured.push(await measuredPeak(engine, plan));
      predicted.push(plan.memory.peak);
    }
    const [off, on] = measured as [number, number];
    assert.ok(on < 0.8 * off, `${on} of ${off} bytes`);
    const ratio = predicted[1]! / predicted[0]! / (on / off);
    assert.ok(ratio > 0.9 && ratio < 1.1, `predicted / measured fall = ${ratio}`);
  });
});
