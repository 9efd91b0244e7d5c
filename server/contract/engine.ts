/** What `manticore engines --json` prints: measured in the compute process, as a run would have it. */

export type EngineName = 'wasm' | 'webgpu' | 'tensorflow' | 'cpu';

export type EngineReport =
  | { readonly name: EngineName; readonly available: false; readonly reason: string }
  | {
      readonly name: EngineName;
      readonly available: true;
      readonly device: string;
      readonly version: string;
      readonly threads: number;
      readonly tier?: string;
      readonly gflops: number;
      readonly peakGflops: number;
      readonly peakShare: number;
      readonly copyGBs: number;
      /** Largest relative difference of one tiny training step from the `cpu` oracle's. */
      readonly selfCheckError: number;
    };
