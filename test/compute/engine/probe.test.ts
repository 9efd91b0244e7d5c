import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { EngineError, notAvailable } from '../../../server/compute/engine/errors';
import { probeEngines } from '../../../server/compute/engine/probe';
import { SELF_CHECK_LIMIT } from '../../../server/compute/engine/selfCheck';
import { useOwnCache } from '../../files/ownCache';

describe('the probe of engines', () => {
  useOwnCache();

  it('tells for each engine what it measured or why it is not there', async () => {
    const numTensors = tf.memory().numTensors;
    const reports = await probeEngines();
    assert.deepEqual(
      reports.map((report) => report.name),
      ['tensorflow', 'webgpu', 'wasm', 'cpu'],
    );
    for (const report of reports) {
      if (!report.available) {
        assert.match(report.reason, /\. [A-Z].*\./, 'a reason and a way out');
        continue;
      }
      assert.ok(
        report.selfCheckError <= SELF_CHECK_LIMIT,
        `${report.name} ${report.selfCheckError}`,
      );
      assert.ok(report.gflops > 0);
      // Only the wasm engine's instructions can be measured without memory; no other claims a peak.
      assert.equal(report.peakGflops !== null, report.name === 'wasm');
      if (report.peakGflops !== null) {
        assert.ok(report.peakGflops > 0);
        assert.equal(report.peakShare, report.gflops / report.peakGflops);
      } else assert.equal(report.peakShare, null);
      assert.ok(report.copyGBs > 0);
    }
    assert.ok(reports.some((report) => report.name === 'wasm' && report.available));
    assert.equal(tf.memory().numTensors, numTensors);
    if (process.env['SHOW_ENGINES']) console.log(reports);
  });

  it('lists an engine that breaks, with the reason, beside those that don’t', async () => {
    const reports = await probeEngines((name, options) => {
      if (name === 'wasm') throw new TypeError('a driver’s own words');
      if (name === 'cpu') return openEngine(name, options);
      throw notAvailable(name, 'left out here', 'Take cpu.');
    });
    const [tensorflow, webgpu, wasm, cpu] = reports;
    assert.ok(tensorflow?.available === false && webgpu?.available === false);
    assert.equal(webgpu.reason, 'engine webgpu: left out here. Take cpu.');
    assert.ok(wasm?.available === false);
    assert.match(wasm.reason, /^engine wasm: .*a driver’s own words\. [A-Z].*\.$/);
    assert.equal(cpu?.available, true);
  });

  it('auto takes an engine that passes its self-check', async () => {
    const engine = await openEngine('auto');
    assert.notEqual(engine.name, 'cpu');
    engine.dispose();
  });

  it('an engine that is not there is refused by name, with a way out', async () => {
    const before = process.env['MANTICORE_ENGINES_DIR'];
    process.env['MANTICORE_ENGINES_DIR'] = path.join(tmpdir(), 'no-such-folder');
    try {
      await assert.rejects(openEngine('webgpu'), (error: unknown) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.code, 'not-available');
        assert.match(error.message, /webgpu/);
        assert.match(error.hint, /wasm/);
        return true;
      });
    } finally {
      if (before === undefined) delete process.env['MANTICORE_ENGINES_DIR'];
      else process.env['MANTICORE_ENGINES_DIR'] = before;
    }
  });
});
