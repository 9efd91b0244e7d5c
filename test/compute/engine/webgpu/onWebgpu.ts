/** A suite that runs where there is an adapter, software or not; `MANTICORE_ENGINES_REQUIRED` makes its absence a failure. */
import { openEngine, type Engine } from '../../../../server/compute/engine/engine';
import { EngineError } from '../../../../server/compute/engine/errors';
import { WebgpuBackend } from '../../../../server/compute/engine/webgpu/backend';
import * as tf from '@tensorflow/tfjs-core';

const isRequired = (process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').split(',').includes('webgpu');

/** Whether it opens is found out before the first test. */
const missing = await reasonMissing();

async function reasonMissing(): Promise<string | undefined> {
  try {
    (await openEngine('webgpu')).dispose();
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError) || isRequired) throw error;
    return error.message;
  }
}

/** `body` with an engine that is opened anew for each test. */
export function onWebgpu(title: string, body: () => void): void {
  if (missing === undefined) describe(title, body);
  else describe(title, () => it(`opens (${missing})`));
}

export interface Opened {
  readonly engine: Engine;
  readonly backend: WebgpuBackend;
}

export async function open(memoryLimitBytes?: number): Promise<Opened> {
  const engine = await openEngine('webgpu', {
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
  const backend: unknown = tf.backend();
  if (!(backend instanceof WebgpuBackend)) throw new Error('another backend is current');
  return { engine, backend };
}
