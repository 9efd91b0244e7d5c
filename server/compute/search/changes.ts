/** What the files of a run have become since its checkpoint: a run that goes on with others says so. */
import { createHash } from 'node:crypto';
import type { WarningEvent } from '../../contract/events';
import { digestOf } from '../tasks/taskData';
import type { RunServices } from './services';
import type { RunSnapshot } from './snapshot';

/** Of the data of every job. */
export async function digestOfAll({ data, subplans }: RunServices): Promise<string> {
  const others = new Set(subplans.map((each) => each.data));
  others.delete(data);
  const digests = [await digestOf(data)];
  for (const other of others) digests.push(await digestOf(other));
  if (digests.length === 1) return digests[0]!;
  return createHash('sha256').update(digests.join()).digest('hex');
}

type Warning = Pick<WarningEvent, 'type' | 'code' | 'message'>;

/** @param data digest of the tokens as they are now */
export function changesSince(
  snapshot: Pick<RunSnapshot, 'data' | 'weights'>,
  data: string,
  { weights }: Pick<RunServices, 'weights'>,
): Warning[] {
  const changed = Object.keys(weights).filter((name) => snapshot.weights[name] !== weights[name]);
  const warnings: Warning[] = [];
  if (snapshot.data !== data) {
    warnings.push({
      type: 'warning',
      code: 'data-changed',
      message:
        'The text or its tokenizer has changed since the checkpoint: the run goes on with the new tokens, and is not what it would have been uncut.',
    });
  }
  if (changed.length > 0) {
    warnings.push({
      type: 'warning',
      code: 'weights-changed',
      message: `The pretrained weights of ${changed.join(' and ')} have changed since the checkpoint: what has been trained is kept, but fine-tuning and baselines that begin from here on start from the new weights, and the run is not what it would have been uncut.`,
    });
  }
  return warnings;
}
