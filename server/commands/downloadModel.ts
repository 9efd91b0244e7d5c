/** Downloads a model of the hub into the shared cache. */
import { parseHubId, type Environment, type HubModel } from '../weights/hubId';
import { pull, type PullProgress, type PullResult } from '../weights/pull';
import { CommandError } from './commandError';

export interface DownloadOptions {
  readonly onProgress: (progress: PullProgress) => void;
  /** Aborted: the error is `hub-stopped`; a later download goes on from there. */
  readonly signal: AbortSignal;
  readonly environment?: Environment;
}

export interface DownloadedModel extends PullResult {
  readonly model: HubModel;
}

/**
 * @param source `hf:owner/name[@revision]`
 * @throws CommandError `hub-id`; WeightsError as `pull`
 */
export async function downloadModel(
  source: string,
  options: DownloadOptions,
): Promise<DownloadedModel> {
  const parsed = parseHubId(source);
  if (!parsed.ok) throw new CommandError('hub-id', parsed.message, '');
  return { ...(await pull(parsed.model, options)), model: parsed.model };
}
