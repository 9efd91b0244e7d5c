/** The matrix product's GFLOP/s beside what the machine's multiply-adds reach, by threads: `gemm.mjs THREADS`. */
import { openEngine } from '../../../server/compute/engine/engine';
import { rates } from '../../../server/compute/engine/probe';

const engine = await openEngine('wasm', { threads: Number(process.argv[2]) });
const { gflops, peakGflops, peakShare } = await rates(engine);
const { threads, tier } = engine;
process.stdout.write(`${JSON.stringify({ threads, tier, gflops, peakGflops, peakShare })}\n`);
process.exit(0);
