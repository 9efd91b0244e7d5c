/** Configs over models on disk, on the wasm engine: what holds of every search, whatever its parts. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import type { EvaluationEvent, RunEvent } from '../../../server/contract/events';
import { ModelScene, type SceneConfig } from './modelScene';

const ALL = ['neox', 'mamba', 'gpt'];
const FIVE = [...ALL, 'llama', 'mamba2'];
/** A learning rate that moves no float32 weight. */
const NONE = 1e-30;

describe('searches over models on disk', () => {
  let engine: Engine;
  let scene: ModelScene;
  before(async () => {
    engine = await openEngine('wasm', { threads: 1 });
    scene = await ModelScene.make();
  });
  after(async () => {
    engine.dispose();
    await scene.remove();
  });

  it('of every algorithm, schedule, gate, head and projector end finite, α on the simplex, memory as it was', async () => {
    const configs = fc.record({
      components: fc.shuffledSubarray(FIVE, { minLength: 1 }),
      blocks: fc.constantFrom(1, 2),
      algorithm: fc.constantFrom('darts', 'gaea', 'dash', 'fixed'),
      schedule: fc.constantFrom('simultaneous', 'alternating', 'bilevel'),
      gate: fc.constantFrom('paper', 'transition', 'none'),
      head: fc.constantFrom('first', 'last'),
      embeddings: fc.constantFrom('transplant', 'random'),
      projectors: fc.constantFrom('linear', 'linear-skip', 'mlp', 'mlp-skip', 'none'),
      init: fc.constantFrom('identity', 'default'),
      accumulate: fc.constantFrom(1, 2),
      alphas: fc.constantFrom('soft', 'argmax', { threshold: 0.3 }),
      weights: fc.constantFrom('rewind', 'keep'),
      match: fc.constantFrom('steps', 'flops'),
      first: fc.constantFrom('open', 'pin', 'prune', 'init'),
    });
    await fc.assert(
      fc.asyncProperty(configs, async (drawn) => {
        const before = { tensors: tf.memory().numTensors, bytes: engine.memoryBytes() };
        const { outcome, events, plan } = await scene.run(configOf(drawn));
        assert.deepEqual(outcome, { status: 'done' });
        assertSound(events);
        if (drawn.algorithm === 'fixed') assertGiven(events, drawn.components.length);
        const updates = plan.jobs.filter(({ stage }) => stage === 'search')[0]!.weightUpdates;
        const searched = resultsOf(events).find(({ stage }) => stage === 'search')!;
        assert.equal(searched.updates, updates);
        assertEqualBudgets(events, drawn);
        const after = { tensors: tf.memory().numTensors, bytes: engine.memoryBytes() };
        assert.deepEqual(after, before);
      }),
      { seed: 20240611, numRuns: 12 },
    );
  });

  for (const name of FIVE) {
    it(`with every block pinned to ${name}, evaluate as ${name} alone before the first step`, async () => {
      const pins = { 1: { pin: name }, 2: { pin: name } };
      const search = { algorithm: 'fixed', steps: 1, learningRate: NONE };
      const hybrid = { blocks: 2, tokenizer: 'neox' };
      const mixed = await scene.run({
        components: FIVE,
        hybrid: { ...hybrid, mixture: pins },
        search,
        baselines: true,
      });
      const [searched, ...baselines] = resultsOf(mixed.events);
      const alone = baselines.find(({ subject }) => subject === name)!;
      assert.equal(searched!.loss, alone.loss);
      // The tokenizer's component is there to give it; its own α is 0 everywhere.
      if (name !== 'neox') return;
      const single = await scene.run({ components: [name], hybrid: { blocks: 2 }, search });
      assert.equal(searched!.loss, resultsOf(single.events)[0]!.loss);
    });
  }

  it('hold one model at a time, rewound or not', async () => {
    const start = engine.memoryBytes();
    const held: number[] = [];
    await scene.run(
      {
        components: ALL,
        hybrid: { blocks: 2, tokenizer: 'neox' },
        finetune: { steps: 2 },
        baselines: true,
      },
      {
        onEvent: (event) => {
          if (event.type === 'evaluation') held.push(engine.memoryBytes() - start);
        },
      },
    );
    // The search holds the whole hybrid and its moments: nothing that follows may hold more, nor a rest of it.
    const [searched, ...later] = held;
    assert.ok(later.length >= 4);
    for (const bytes of later) assert.ok(bytes <= searched! * 1.02, `${bytes} of ${searched!}`);
  });

  it('argmax, kept: what α drops leaves memory', async () => {
    const start = engine.memoryBytes();
    const held: number[] = [];
    await scene.run(
      {
        components: ALL,
        hybrid: { blocks: 2, tokenizer: 'neox' },
        finetune: { steps: 2, alphas: 'argmax', weights: 'keep' },
      },
      {
        onEvent: (event) => {
          if (event.type === 'evaluation') held.push(engine.memoryBytes() - start);
        },
      },
    );
    const [searched, tuned] = held;
    assert.ok(tuned! < 0.75 * searched!, `${tuned!} of ${searched!}`);
  });
});

describe('embeddings: random', () => {
  let engine: Engine;
  let scene: ModelScene;
  before(async () => {
    engine = await openEngine('wasm', { threads: 1 });
    scene = await ModelScene.make();
  });
  after(async () => {
    engine.dispose();
    await scene.remove();
  });
  const config: SceneConfig = {
    components: ['neox', 'kin'],
    hybrid: { blocks: 2 },
    search: { steps: 1, learningRate: NONE, alphaLearningRate: NONE },
    finetune: { steps: 1, learningRate: NONE },
    baselines: true,
  };

  it('starts the hybrid anew where tokenizers agree, and leaves its components’ baselines as they are', async () => {
    const hybrid = { blocks: 2, embeddings: 'random' };
    const own = resultsOf((await scene.run(config)).events);
    const anew = resultsOf((await scene.run({ ...config, hybrid })).events);
    const [searched, tuned, ...alone] = anew;
    assert.notEqual(searched!.loss, own[0]!.loss);
    assert.equal(searched!.loss, tuned!.loss);
    assert.deepEqual(
      alone.map(({ subject, loss, parameters }) => [subject, loss, parameters]),
      own.slice(2).map(({ subject, loss, parameters }) => [subject, loss, parameters]),
    );
    // The transformer's untied head is its own alone; in the hybrid the table serves both.
    assert.equal(own[0]!.parameters - searched!.parameters, 402 * 8);
  });
});

describe('projectors.from', () => {
  let engine: Engine;
  let scene: ModelScene;
  before(async () => {
    engine = await openEngine('wasm', { threads: 1 });
    scene = await ModelScene.make();
  });
  after(async () => {
    engine.dispose();
    await scene.remove();
  });

  it('lends the hybrid its projectors and embeddings, and a component’s baseline nothing', async () => {
    const hybrid = { blocks: 2, embeddings: 'random', projectors: { init: 'default' } };
    const components = ['neox', 'kin'];
    await scene.exportTo('lent', { components, hybrid });
    const search = { steps: 1, learningRate: NONE, alphaLearningRate: NONE };
    const run = async (projectors: object) =>
      resultsOf(
        (
          await scene.run({
            components,
            hybrid: { blocks: 2, embeddings: 'random', projectors },
            search,
            baselines: true,
          })
        ).events,
      );
    const [own, lent] = [await run({ init: 'default' }), await run({ from: './lent' })];
    assert.notEqual(lent[0]!.loss, own[0]!.loss);
    assert.deepEqual(
      lent.slice(1).map(({ subject, loss }) => [subject, loss]),
      own.slice(1).map(({ subject, loss }) => [subject, loss]),
    );
  });
});

interface Drawn {
  readonly components: readonly string[];
  readonly blocks: number;
  readonly algorithm: string;
  readonly schedule: string;
  readonly gate: string;
  readonly head: string;
  readonly embeddings: string;
  readonly projectors: string;
  readonly init: string;
  readonly accumulate: number;
  readonly alphas: string | { readonly threshold: number };
  readonly weights: string;
  readonly match: string;
  /** What the config says of block 1. */
  readonly first: string;
}

function configOf(drawn: Drawn): SceneConfig {
  const { components, blocks, gate, head, embeddings, projectors, init } = drawn;
  const { algorithm, schedule, accumulate, alphas, weights, match } = drawn;
  return {
    components,
    hybrid: {
      blocks,
      gate,
      head,
      embeddings,
      projectors: { kind: projectors, init },
      mixture: mixtureOf(drawn),
    },
    search: { algorithm, schedule, accumulate },
    finetune: { steps: 2, alphas, weights, accumulate: 3 - accumulate },
    baselines: { components: true, match, uniform: components.length > 1 },
  };
}

/** `fixed` has uneven α in every block; otherwise block 1 is open, pinned, pruned or starts unevenly. */
function mixtureOf({ algorithm, components, blocks, first }: Drawn) {
  const total = (components.length * (components.length + 1)) / 2;
  const uneven = Object.fromEntries(components.map((name, m) => [name, (m + 1) / total]));
  if (algorithm === 'fixed') {
    const key = first === 'init' ? 'init' : 'pin';
    const rows = Array.from({ length: blocks }, (_, block) => [block + 1, { [key]: uneven }]);
    return Object.fromEntries(rows) as Record<string, unknown>;
  }
  if (components.length === 1 || first === 'open') return {};
  return { 1: first === 'prune' ? { prune: [components.at(-1)] } : { [first]: uneven } };
}

function resultsOf(events: readonly RunEvent[]) {
  const last = events.at(-1);
  assert.ok(last?.type === 'finished');
  return last.results;
}

function assertSound(events: readonly RunEvent[]): void {
  for (const event of events) {
    if (event.type === 'step' || event.type === 'evaluation') {
      assert.ok(Number.isFinite(event.loss) && event.loss > 0);
    }
    if (event.type === 'evaluation') assertPerplexity(event);
    const alphas = event.type === 'step' || event.type === 'finished' ? event.alphas : undefined;
    for (const row of alphas ?? []) {
      assert.ok(row.every((alpha) => alpha >= 0 && alpha <= 1));
      assert.ok(Math.abs(row.reduce((sum, alpha) => sum + alpha, 0) - 1) < 1e-12);
    }
  }
}

/** `fixed` keeps the config's vector, a pin or an init. */
function assertGiven(events: readonly RunEvent[], count: number): void {
  const last = events.at(-1);
  assert.ok(last?.type === 'finished');
  for (const row of last.alphas) {
    row.forEach((alpha, m) => {
      assert.ok(Math.abs(alpha - (2 * (m + 1)) / (count * (count + 1))) < 1e-12);
    });
  }
}

function assertPerplexity({ loss, perplexity, accuracy }: EvaluationEvent): void {
  assert.equal(perplexity, Math.exp(loss));
  assert.ok(accuracy! >= 0 && accuracy! <= 1);
}

/** Equal budgets: the updates and tokens of the reported hybrid's weights, or as many updates as cost what those did. */
function assertEqualBudgets(events: readonly RunEvent[], { match, weights }: Drawn): void {
  const results = resultsOf(events);
  const [searched, hybrid] = [results[0]!, results.find(({ stage }) => stage === 'finetune')!];
  const baselines = results.filter(({ stage }) => stage === 'baseline');
  assert.ok(baselines.length > 0);
  const phases = [
    ...(weights === 'keep' ? [searched] : []),
    {
      flopsPerToken: hybrid.flopsPerToken,
      updates: 2,
      tokens: hybrid.tokens - (weights === 'keep' ? searched.tokens : 0),
    },
  ];
  for (const { updates, tokens, flopsPerToken } of baselines) {
    const cost = (phase: (typeof phases)[number]) => phase.flopsPerToken / flopsPerToken;
    const wanted = phases.map((phase) =>
      match === 'steps' ? phase.updates : Math.max(1, Math.round(phase.updates * cost(phase))),
    );
    const seen = phases.map((phase, at) => (phase.tokens / phase.updates) * wanted[at]!);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    assert.deepEqual([updates, tokens], [sum(wanted), sum(seen)]);
    if (match === 'steps') assert.deepEqual([updates, tokens], [hybrid.updates, hybrid.tokens]);
  }
}
