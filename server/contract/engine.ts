/** What `manticore engines --json` prints: measured in the compute process, as a run would have it. */

export type EngineName = 'wasm' | 'webgpu' | 'tensorflow' | 'cpu';

export type EngineReport =
  | { readonly name: EngineName; readonly available: false; readonly reason: string }
  | MeasuredEngine;

export interface MeasuredEngine {
  readonly name: EngineName;
  readonly available: true;
  readonly device: string;
  readonly version: string;
  readonly threads: number;
  readonly tier?: string;
  /** 10⁹ floating-point operations a second of a matrix product. */
  readonly gflops: number;
  /** The same of multiply-adds that wait for no memory; null where they can't be measured alone. */
  readonly peakGflops: number | null;
  /** gflops / peakGflops, as measured: above 1 where other work on the machine slowed the second down. */
  readonly peakShare: number | null;
  /** 10⁹ bytes a second, read and written. */
  readonly copyGBs: number;
  /** Largest relative difference of one tiny training step from the `cpu` oracle's. */
  readonly selfCheckError: number;
}
