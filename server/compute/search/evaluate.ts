/** Loss, perplexity and accuracy over a whole split; sums in float64. */
import type { EvaluationBatches } from '../tasks/batches';
import { noScoredToken } from './failure';
import type { TrainableModel } from './model';

export interface Evaluation {
  /** Mean cross-entropy of the scored tokens, nats. */
  readonly loss: number;
  /** exp(loss). */
  readonly perplexity: number;
  /** Share of scored tokens whose largest logit is the target. */
  readonly accuracy: number;
}

/**
 * Between two batches it lets other work of the process run (controls, sockets).
 * @throws RunFailure `no-scored-token`
 */
export async function evaluate(
  model: TrainableModel,
  batches: EvaluationBatches,
  alphas: readonly (readonly number[])[],
): Promise<Evaluation> {
  let lossSum = 0;
  let correct = 0;
  let scored = 0;
  for (const batch of batches.all()) {
    const score = model.score(batch, alphas);
    lossSum += score.lossSum;
    correct += score.correct;
    scored += batch.scored;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (scored === 0) throw noScoredToken('the evaluation');
  const loss = lossSum / scored;
  return { loss, perplexity: Math.exp(loss), accuracy: correct / scored };
}
