/** What a run says of α, handed to the editor features by the server. */
import type { Alphas } from '../../contract/events';

export interface RunWeights {
  /** Names, in the order of α's columns. They come from a run folder, and are as untrusted as it is. */
  readonly components: readonly string[];
  /** `alphas[block][component]`. */
  readonly alphas: Alphas;
  /** α at the last checkpoint; `undefined` before there was one. */
  readonly before: Alphas | undefined;
  /** By block. */
  readonly pinned: readonly boolean[];
  /** `pruned[block][component]`. */
  readonly pruned: readonly (readonly boolean[])[];
  /** `live`: the run goes on; `last`: as it ended. */
  readonly source: 'live' | 'last';
}
