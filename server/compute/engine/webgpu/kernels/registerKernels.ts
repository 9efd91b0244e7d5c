/** All kernels of ours in WGSL but products, norms and updates. */
import { registerActivations } from './activations';
import { registerAttention } from './attention';
import { registerCausalConv } from './causalConv';
import { registerCrossEntropy } from './crossEntropy';
import { registerEmbedding } from './embedding';
import { registerMixture } from './mixture';
import { registerRotary } from './rotary';
import { registerScan } from './scan';
import { registerScanGrad } from './scanGrad';

export function registerFusedKernels(): void {
  registerActivations();
  registerAttention();
  registerCausalConv();
  registerCrossEntropy();
  registerEmbedding();
  registerMixture();
  registerRotary();
  registerScan();
  registerScanGrad();
}
