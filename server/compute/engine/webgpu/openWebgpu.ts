/** The `webgpu` engine: any vendor's GPU, by Dawn; opens the device and makes its backend tfjs's current one. */
import * as tf from '@tensorflow/tfjs-core';
import type { Engine, EngineOptions } from '../engine';
import { notAvailable } from '../errors';
import { registerUpdateKernels } from '../update';
import { BACKEND_NAME, WebgpuBackend } from './backend';
import { loadDawn } from './dawn';
import { registerEmptyKernels } from './emptyKernels';
import { registerFusedKernels } from './kernels/registerKernels';
import { registerNormKernels } from './normKernels';
import { registerProductKernels } from './productKernels';
import { updateKernels } from './updateKernels';

/** The kernels' own version: bits may change with it, so a run notes it. */
const KERNELS_VERSION = '2';

export interface WebgpuOptions extends EngineOptions {
  /** Whether an adapter that computes on the processor will do: for tests, never faster than `wasm`. */
  readonly allowSoftware: boolean;
}

/** Of these the adapter's own are asked for; a device has the least of all devices else. */
const limits = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** What brings a driver, by system. */
const drivers: Readonly<Record<string, string>> = {
  linux:
    'Install the Vulkan loader and the driver of the GPU (Debian, Ubuntu: libvulkan1, and mesa-vulkan-drivers for AMD and Intel or the NVIDIA driver)',
  darwin: 'A Mac with Metal is needed: update macOS',
  win32: 'Install the current driver of the GPU, which brings Direct3D 12',
};

/** @throws EngineError `not-available` with what is missing and how to get it */
export async function openWebgpu(options: WebgpuOptions): Promise<Engine> {
  const dawn = await loadDawn();
  const adapter = await dawn.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw notAvailable('webgpu', 'no GPU adapter was found', hintOf(drivers[process.platform]));
  }
  // The types are older than this part of the standard.
  const { info } = adapter as GPUAdapter & { readonly info: GPUAdapterInfo };
  if (!options.allowSoftware && isSoftware(info)) {
    throw notAvailable(
      'webgpu',
      `the only adapter is ${nameOf(info)}, which computes on the processor`,
      hintOf(drivers[process.platform]),
    );
  }
  const device = await deviceOf(adapter, nameOf(info));
  const { memoryLimitBytes = Infinity } = options;
  const backend = withNavigator(dawn.gpu, () => new WebgpuBackend(device, info, memoryLimitBytes));
  registerKernelsOnce();
  // One at a time: tfjs knows a backend by its name.
  if (openBackend()) tf.removeBackend(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => backend);
  await tf.setBackend(BACKEND_NAME);
  registerUpdateKernels(BACKEND_NAME, updateKernels(backend));
  return engineOf(backend, nameOf(info), dawn.version);
}

async function deviceOf(adapter: GPUAdapter, name: string): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      requiredLimits: Object.fromEntries(limits.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]!;
    throw notAvailable(
      'webgpu',
      `${name} gives no device: ${reason}`,
      hintOf(drivers[process.platform]),
    );
  }
}

function engineOf(backend: WebgpuBackend, device: string, dawnVersion: string): Engine {
  const { gpuMemory } = backend;
  return {
    ...{ name: 'webgpu', device, tier: 'wgsl', threads: 1 },
    version: `${tf.version_core}-dawn-${dawnVersion}-${KERNELS_VERSION}`,
    memoryBytes: () => gpuMemory.numBytesUsed,
    peakBytes: () => gpuMemory.peak,
    resetPeak: () => (gpuMemory.peak = gpuMemory.numBytesUsed),
    settled: () => backend.settled(),
    dispose: () => {
      if (openBackend() === backend) tf.removeBackend(BACKEND_NAME);
    },
  };
}

const hintOf = (driver = 'Install the driver of the GPU'): string =>
  `${driver}; or use the wasm engine, which every machine runs.`;

/** tfjs types it as if there always were one. */
const openBackend = () => tf.findBackend(BACKEND_NAME) as tf.KernelBackend | null;

let isRegistered = false;

function registerKernelsOnce(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerEmptyKernels();
  registerNormKernels();
  registerProductKernels();
  registerFusedKernels();
}

/** Adapters of Mesa (llvmpipe), of Google (SwiftShader) and of Windows (WARP) that are no GPU. */
function isSoftware(info: GPUAdapterInfo): boolean {
  const { isFallbackAdapter } = info as { isFallbackAdapter?: boolean };
  return (
    isFallbackAdapter === true ||
    /llvmpipe|lavapipe|swiftshader|basic render|software/i.test(nameOf(info))
  );
}

function nameOf({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const name = description || device || [vendor, architecture].filter(Boolean).join(' ');
  return name || 'a GPU without a name';
}

/** tfjs's backend looks for `navigator.gpu` as it is made, and nobody else is to find it. */
function withNavigator<T>(gpu: GPU, make: () => T): T {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return make();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}
