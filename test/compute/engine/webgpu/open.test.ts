/** Why the engine is not to be had, where it isn't, and what it says of itself where it is. */
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../../server/compute/engine/engine';
import { EngineError } from '../../../../server/compute/engine/errors';
import { openWebgpu } from '../../../../server/compute/engine/webgpu/openWebgpu';
import { installedEngine } from '../../../../server/files/userCache';
import { onWebgpu } from './onWebgpu';

const isMissing = (message: RegExp, hint: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EngineError, String(error));
  assert.equal(error.code, 'not-available');
  assert.match(error.message, message);
  assert.match(error.hint, hint);
  assert.match(error.hint, /wasm/, 'there is always another way');
  return true;
};

/** What `body` meets with a folder of engines that holds what `entry` says of Dawn, if anything. */
async function withInstalled(entry: string | undefined, body: () => Promise<void>): Promise<void> {
  const before = process.env['MANTICORE_ENGINES_DIR'];
  const folder = await mkdtemp(path.join(tmpdir(), 'engines-'));
  process.env['MANTICORE_ENGINES_DIR'] = folder;
  try {
    if (entry !== undefined) {
      const installed = path.join(installedEngine(folder, 'webgpu'), 'node_modules', 'webgpu');
      await mkdir(installed, { recursive: true });
      await writeFile(path.join(installed, 'index.mjs'), entry);
      const manifest = { name: 'webgpu', version: '0.0.1', main: 'index.mjs' };
      await writeFile(path.join(installed, 'package.json'), JSON.stringify(manifest));
    }
    await body();
  } finally {
    if (before === undefined) delete process.env['MANTICORE_ENGINES_DIR'];
    else process.env['MANTICORE_ENGINES_DIR'] = before;
    await rm(folder, { recursive: true });
  }
}

describe('the webgpu engine, where it is not to be had', () => {
  it('without Dawn: how it is installed', () =>
    withInstalled(undefined, () =>
      assert.rejects(
        openEngine('webgpu'),
        isMissing(/Dawn is not installed/, /manticore engines --install webgpu/),
      ),
    ));

  it('with a Dawn that does not load: its own reason, and to install it anew', () =>
    withInstalled('throw new Error("GLIBC_9.9 not found\\nat line 3")', () =>
      assert.rejects(
        openEngine('webgpu'),
        isMissing(/does not load: GLIBC_9\.9 not found$/, /anew/),
      ),
    ));

  it('without an adapter: which driver is missing', () =>
    withInstalled(
      'export const globals = {}; export const create = () => ({ requestAdapter: async () => null });',
      () =>
        assert.rejects(openEngine('webgpu'), isMissing(/no GPU adapter was found/, /driver|Metal/)),
    ));

  it("in VS Code's own Node: that another one is needed, and where it is named", async () => {
    Object.defineProperty(process.versions, 'electron', { value: '37.0.0', configurable: true });
    try {
      await assert.rejects(
        openEngine('webgpu'),
        isMissing(/VS Code's own Node/, /manticore\.nodePath/),
      );
    } finally {
      Reflect.deleteProperty(process.versions, 'electron');
    }
  });

  it('a device that is refused: why, in its own words', () =>
    withInstalled(
      `export const globals = {};
       const info = { vendor: 'acme', architecture: 'toaster', device: '', description: '' };
       const adapter = { info, limits: {}, requestDevice: async () => { throw new Error('hung up') } };
       export const create = () => ({ requestAdapter: async () => adapter });`,
      () =>
        assert.rejects(
          openEngine('webgpu'),
          isMissing(/acme toaster gives no device: hung up/, /driver/),
        ),
    ));
});

onWebgpu('the webgpu engine, where it is to be had', () => {
  it('names its device and its versions, and asks for the limits that the adapter has', async () => {
    const engine = await openEngine('webgpu');
    assert.equal(engine.name, 'webgpu');
    assert.equal(engine.tier, 'wgsl');
    assert.ok(engine.device.length > 3);
    assert.match(engine.version, /^4\.22\.0-dawn-\d+\.\d+\.\d+-\d+$/);
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    assert.ok(device.limits.maxStorageBuffersPerShaderStage >= 8);
    const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
    assert.equal(navigator?.gpu, undefined, 'nobody else finds it');
    engine.dispose();
  });

  it('is not what auto takes where it computes on the processor', async function () {
    const engine = await openEngine('webgpu');
    const isSoftware = /llvmpipe|SwiftShader/i.test(engine.device);
    engine.dispose();
    if (!isSoftware) return this.skip();
    await assert.rejects(
      openWebgpu({ allowSoftware: false }),
      isMissing(/computes on the processor/, /driver/),
    );
    const taken = await openEngine('auto');
    assert.notEqual(taken.name, 'webgpu');
    assert.deepEqual(taken.passedOver, [], 'what is not there is not said');
    taken.dispose();
  });

  it('opens again after it was disposed, with other tensors', async () => {
    for (const value of [1, 2]) {
      const engine = await openEngine('webgpu');
      const y = await tf.tidy(() => tf.add(tf.fill([2000], value), 1)).data();
      assert.equal(y[1999], value + 1);
      engine.dispose();
    }
  });
});
