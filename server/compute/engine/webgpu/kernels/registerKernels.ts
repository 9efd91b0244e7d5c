/** All kernels of ours in WGSL but products, norms and updates. */
import { registerAttention } from './attention';
import { registerScan } from './scan';
import { registerScanGrad } from './scanGrad';

export function registerFusedKernels(): void {
  registerAttention();
  registerScan();
  registerScanGrad();
}
