/** `manticore engines --install webgpu` for real, where the tests of that engine are asked for. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { EngineReport } from '../../server/contract/engine';
import { Scene } from '../cli/scene';

const isRequired = (process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').split(',').includes('webgpu');

(isRequired ? describe : describe.skip)('manticore engines --install webgpu', function () {
  // An engine that computes on the processor takes its time to compile, and npm to download.
  this.timeout(600_000);
  let scene: Scene;
  before(async () => (scene = await Scene.make('install-webgpu')));
  after(() => scene.remove());

  it('fetches Dawn, tries it, and keeps the binary of this system', async () => {
    const env = { MANTICORE_ENGINES_DIR: scene.path('engines') };
    const installed = await scene.run(['engines', '--install', 'webgpu', '--json'], { env });
    assert.equal(installed.code, 0, installed.err);
    const { where, engine } = JSON.parse(installed.out) as { where: string; engine: EngineReport };
    assert.ok(engine.available && engine.name === 'webgpu');
    assert.ok(engine.selfCheckError <= 1e-4, `${engine.selfCheckError}`);
    assert.equal(path.dirname(where), scene.path('engines'));
    const binaries = readdirSync(path.join(where, 'node_modules', 'webgpu', 'dist'));
    assert.equal(binaries.length, 1, binaries.join(', '));
    assert.deepEqual(readdirSync(scene.path('engines')), [path.basename(where)]);
  });
});
