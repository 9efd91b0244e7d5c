/** Milliseconds of each (component, block) on the engine that is open: what a cost-aware search can weigh. */
import * as tf from '@tensorflow/tfjs-core';
import { componentEmbedding, componentGroup, headLogits, type Hybrid } from './hybrid';

/** Rounds over all parts; the median counts. */
const ROUNDS = 5;
/** Before them: the first passes of a process compile what they call, and would price the first parts above the others. */
const UNTIMED_ROUNDS = 2;
const CONTEXT = { training: false, dropoutKey: 0 };

export interface MeasuredShape {
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each. */
  readonly context: number;
}

/**
 * Forward pass of one micro-batch through each group of layers, projectors left out; a component's embedding counts with the
 * first block, its head with the block whose α mixes the heads.
 * @param now milliseconds
 * @returns [N][K]; 0 for pairs that the hybrid doesn't hold
 */
export async function measureCosts(
  hybrid: Hybrid,
  { batch, context }: MeasuredShape,
  now: () => number,
): Promise<number[][]> {
  const { components, blocks, head, width, classifier } = hybrid.design;
  const ids = tf.zeros<tf.Rank.R2>([batch, context], 'int32');
  const filled = (size: number) => tf.fill<tf.Rank.R3>([batch, context, size], 0.1);
  const h = filled(width);
  const inputs = components.map(({ architecture }) => filled(architecture.width));
  const headBlock = head === 'first' ? 0 : blocks - 1;
  const parts: Part[] = [];
  for (let block = 0; block < blocks; block++) {
    for (const m of components.keys()) {
      if (!hybrid.parameters.isLive(m, block)) continue;
      const add = (run: Part['run']) => parts.push({ block, component: m, run, times: [] });
      add(() => componentGroup(hybrid, m, block, inputs[m]!, CONTEXT));
      if (block === 0) add(() => componentEmbedding(hybrid, m, ids));
      const only = components.map((_, other) => Number(other === m));
      if (block === headBlock && !classifier) add(() => headLogits(hybrid, h, [only]));
    }
  }
  try {
    for (let round = 0; round < UNTIMED_ROUNDS + ROUNDS; round++) {
      for (const { run, times } of parts) {
        const milliseconds = await timed(run, now);
        if (round >= UNTIMED_ROUNDS) times.push(milliseconds);
      }
    }
  } finally {
    tf.dispose([ids, h, ...inputs]);
  }
  return Array.from({ length: blocks }, (_, block) =>
    components.map((__, m) =>
      parts
        .filter((part) => part.block === block && part.component === m)
        .reduce((sum, { times }) => sum + median(times), 0),
    ),
  );
}

interface Part {
  readonly block: number;
  readonly component: number;
  readonly run: () => tf.Tensor3D;
  readonly times: number[];
}

/** What a pass makes is read before its time is taken, since a device computes later. */
async function timed(run: () => tf.Tensor3D, now: () => number): Promise<number> {
  const begun = now();
  const first = tf.tidy(() => tf.slice(run(), [0, 0, 0], [1, 1, 1]));
  await first.data();
  first.dispose();
  return now() - begun;
}

const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
