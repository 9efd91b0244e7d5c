import type { Example } from '../examples';

/**
 * A sequence as a model that predicts the next token reads it: the last token is only a target, the first only an input.
 * @param scored by position of `tokens`: the token where it is scored in testing
 * @param training the target is then the next token, everywhere
 */
export function shifted(
  tokens: readonly number[],
  scored: readonly number[],
  training: boolean,
): Example {
  return { ids: tokens.slice(0, -1), targets: (training ? tokens : scored).slice(1) };
}
