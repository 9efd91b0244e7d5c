/** Loss, perplexity and accuracy over a whole split; sums in float64. */
import type { EvaluationBatches } from '../tasks/batches';
import { evaluationNotFinite, noScoredToken } from '../failure';
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
 * @throws RunFailure `no-scored-token`, `loss-not-finite`
 */
export async function evaluate(
  model: Pick<TrainableModel, 'score'>,
  batches: EvaluationBatches,
  alphas: readonly (readonly number[])[],
): Promise<Evaluation> {
  let lossSum = 0;
  let correct = 0;
  let scored = 0;
  for (const batch of batches.all()) {
    const score = await model.score(batch, alphas);
    lossSum += score.lossSum;
    correct += score.correct;
    scored += batch.scored;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (scored === 0) throw noScoredToken('the evaluation');
  const loss = lossSum / scored;
  if (!Number.isFinite(loss)) throw evaluationNotFinite(loss);
  // A log is JSON, which has no infinity.
  const perplexity = Math.min(Math.exp(loss), Number.MAX_VALUE);
  return { loss, perplexity, accuracy: correct / scored };
}
