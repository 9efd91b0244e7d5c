/** A folder of pretrained projectors beside no hybrid: what is asked for a hybrid says so. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import { projectorFolder } from '../../../server/weights/modelFolder';
import { readProjectorManifest } from '../../../server/weights/projectorManifest';
import { done, onWasm } from '../search/runChecks';
import { optimiser } from '../search/runHarness';

describe('the result of a run that only pretrains projectors', () => {
  onWasm();
  const pretrain = {
    ...optimiser,
    steps: 2,
    data: { kind: 'text' as const, path: '' },
    alphas: true,
    embeddings: true,
  };

  it('is no hybrid, and where another run finds its projectors; a damaged manifest is refused', async () => {
    const { bench } = await done({ hybrid: { projectors: { pretrain } }, search: { steps: 0 } });
    const result = path.join(bench.dir, 'result');
    await assert.rejects(loadHybrid(result), { code: 'no-hybrid' });
    // The folder of a run is told by its `run.json`.
    assert.equal(await projectorFolder(bench.dir), bench.dir);
    await writeFile(path.join(bench.dir, 'run.json'), '{}');
    assert.equal(await projectorFolder(bench.dir), path.join(result, 'projectors'));
    const file = path.join(result, 'projectors', 'projectors.json');
    const text = await readFile(file, 'utf8');
    for (const damaged of ['{', '{}', text.replace('"blocks": 2', '"blocks": -2')]) {
      await writeFile(file, damaged);
      await assert.rejects(readProjectorManifest(path.dirname(file)), { code: 'config-damaged' });
    }
  });
});
