/** What a config's engine can hold. */
import type { ResolvedConfig } from '../contract/config';

/** What the wasm engine's one shared memory holds: Node refuses a whole 4 GiB, and each thread has room of its own. */
const WASM_MEMORY = 3.7 * 2 ** 30;

export interface MemoryLimit {
  /** Infinity where nothing is known to limit the engine. */
  readonly bytes: number;
  /** Whether `engine.memoryLimit` is what limits it. */
  readonly isWritten: boolean;
}

export function memoryLimit({ engine: { name, memoryLimit: own } }: ResolvedConfig): MemoryLimit {
  const engine = name === 'wasm' || name === 'auto' ? WASM_MEMORY : Infinity;
  const bytes = Math.min(own ?? Infinity, engine);
  return { bytes, isWritten: bytes === own };
}
