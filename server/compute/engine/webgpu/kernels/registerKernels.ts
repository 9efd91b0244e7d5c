/** All kernels of ours in WGSL but norms and updates. */
import { registerScan } from './scan';
import { registerScanGrad } from './scanGrad';

export function registerFusedKernels(): void {
  registerScan();
  registerScanGrad();
}
