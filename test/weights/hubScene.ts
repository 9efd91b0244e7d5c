/** A hub on localhost, an empty cache, and a model to pull. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { WeightsError } from '../../server/weights/errors';
import type { HubModel } from '../../server/weights/hubId';
import { pull, type PullOptions } from '../../server/weights/pull';
import { COMMIT, HubServer } from './hubServer';
import { inTemporaryFolder } from './temporaryFolder';

/** A token that must never be shown. */
export const TOKEN = 'hf_verySecret';
export const ID = 'someone/small-model';
export const MODEL: HubModel = { id: ID, revision: 'main' };

/** Bytes that differ everywhere: a part put in a wrong place changes the hash. */
export const noise = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24));

export const WEIGHTS = noise(300_000, 1);
export const FILES = {
  'config.json': Buffer.from('{"model_type":"gpt2"}'),
  'tokenizer.json': Buffer.from('{"model":{}}'),
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': noise(1000, 2),
  'README.md': Buffer.from('# Small'),
};
export const index = (map: Record<string, string>) =>
  Buffer.from(JSON.stringify({ weight_map: map }));
export const SHARDED = {
  'config.json': FILES['config.json'],
  'model.safetensors.index.json': index({
    a: 'model-00001-of-00002.safetensors',
    b: 'model-00002-of-00002.safetensors',
  }),
  'model-00001-of-00002.safetensors': noise(5000, 3),
  'model-00002-of-00002.safetensors': noise(6000, 4),
};

export interface Scene {
  readonly server: HubServer;
  readonly cache: string;
  readonly blobs: string;
  readonly snapshot: string;
  readonly pull: (options?: PullOptions, model?: HubModel) => ReturnType<typeof pull>;
  readonly environment: Record<string, string>;
}

export async function scene(
  body: (scene: Scene) => Promise<void>,
  files: Record<string, Buffer> = FILES,
  id: string = ID,
): Promise<void> {
  await inTemporaryFolder(async (cache) => {
    const server = await HubServer.start(id, files);
    const environment: Record<string, string> = {
      HF_HUB_CACHE: cache,
      HF_ENDPOINT: server.endpoint,
    };
    const repository = path.join(cache, `models--${id.replace('/', '--')}`);
    try {
      await body({
        server,
        cache,
        environment,
        blobs: path.join(repository, 'blobs'),
        snapshot: path.join(repository, 'snapshots', COMMIT),
        pull: (options = {}, model = { ...MODEL, id }) =>
          pull(model, { environment, patience: 2000, ...options }),
      });
    } finally {
      await server.stop();
    }
  });
}

export const failure = async (promise: Promise<unknown>): Promise<WeightsError> => {
  const error = await promise.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WeightsError, String(error));
  return error;
};
