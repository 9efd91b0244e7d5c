/** Milliseconds of each (component, block) on the engine that is open: what a cost-aware search can weigh. */
import * as tf from '@tensorflow/tfjs-core';
import { componentEmbedding, componentGroup, headLogits, type Hybrid } from './hybrid';

/** Timed passes of each part; the median counts. One before them isn't timed. */
const PASSES = 5;
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
  const isLive = (m: number, block: number) => hybrid.parameters.isLive(m, block);
  const ids = tf.zeros<tf.Rank.R2>([batch, context], 'int32');
  const h = tf.fill<tf.Rank.R3>([batch, context, width], 0.1);
  const headBlock = head === 'first' ? 0 : blocks - 1;
  const table: number[][] = [];
  try {
    for (let block = 0; block < blocks; block++) {
      const row: number[] = [];
      for (const [m, { architecture }] of components.entries()) {
        let milliseconds = 0;
        const add = async (part: () => tf.Tensor3D) => {
          milliseconds += await timed(part, now);
        };
        if (isLive(m, block)) {
          const u = tf.fill<tf.Rank.R3>([batch, context, architecture.width], 0.1);
          await add(() => componentGroup(hybrid, m, block, u, CONTEXT));
          u.dispose();
          if (block === 0) await add(() => componentEmbedding(hybrid, m, ids));
          const only = hybrid.design.components.map((_, other) => Number(other === m));
          if (block === headBlock && !classifier) await add(() => headLogits(hybrid, h, [only]));
        }
        row.push(milliseconds);
      }
      table.push(row);
    }
  } finally {
    tf.dispose([ids, h]);
  }
  return table;
}

/** Median; what a pass makes is read before its time is taken, since a device computes later. */
async function timed(part: () => tf.Tensor3D, now: () => number): Promise<number> {
  const times: number[] = [];
  for (let pass = 0; pass <= PASSES; pass++) {
    const begun = now();
    const first = tf.tidy(() => tf.slice(part(), [0, 0, 0], [1, 1, 1]));
    await first.data();
    first.dispose();
    if (pass > 0) times.push(now() - begun);
  }
  return times.sort((a, b) => a - b)[Math.floor(PASSES / 2)]!;
}
