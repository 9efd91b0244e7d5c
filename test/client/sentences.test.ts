/** Why a command can't run, what it is called with, and what a user types. */
import assert from 'node:assert/strict';
import { isConfigName, runDirOf } from '../../client/commands/arguments';
import { noConfig, noRun, refuseToRead, refuseToRun } from '../../client/commands/refusals';
import { engineRows, engineText, jobProgress } from '../../client/text/jobText';
import { hubSource } from '../../client/text/modelId';

describe('refusals', () => {
  it('nothing runs without trust: the sentence says what needs it, and the way', () => {
    const refusal = refuseToRun('Running a search', { trusted: false, virtual: false });
    assert.match(refusal!.sentence, /^Running a search needs a trusted workspace/u);
    assert.equal(refusal!.wayOut?.command, 'workbench.trust.manage');
  });

  it('nothing runs in a virtual workspace', () => {
    const refusal = refuseToRun('Exporting', { trusted: true, virtual: true });
    assert.match(refusal!.sentence, /virtual/u);
  });

  it('on a disk and trusted it runs', () => {
    assert.equal(refuseToRun('Exporting', { trusted: true, virtual: false }), undefined);
  });

  it('runs are not read without trust: the sentence says why, and the way', () => {
    const refusal = refuseToRead({ trusted: false, virtual: false });
    assert.match(refusal!.sentence, /once this workspace is trusted/u);
    assert.equal(refusal!.wayOut?.command, 'workbench.trust.manage');
    assert.equal(refuseToRead({ trusted: true, virtual: true }), undefined);
  });

  it('without a config: by whether a folder is open', () => {
    assert.equal(noConfig(false).wayOut?.command, 'manticore.openQuickstart');
    assert.equal(noConfig(true).wayOut?.command, 'manticore.newConfig');
  });

  it('every need has a sentence', () => {
    for (const need of ['any', 'active', 'running', 'resumable', 'result'] as const) {
      assert.match(noRun(need).sentence, /^[A-Z].*\.$/u);
    }
  });
});

describe('arguments of commands', () => {
  it('a run is named by its folder, or by its row', () => {
    assert.equal(runDirOf('/runs/a'), '/runs/a');
    assert.equal(runDirOf({ kind: 'run', dir: '/runs/a' }), '/runs/a');
  });

  it('anything else names none', () => {
    for (const argument of [undefined, null, '', 3, {}, { dir: 3 }, []]) {
      assert.equal(runDirOf(argument), undefined);
    }
  });

  it('a config is known by its name', () => {
    assert.ok(isConfigName('/a/b.manticore.yaml'));
    assert.ok(isConfigName('C:\\a\\b.manticore.yml'));
    for (const other of ['/etc/passwd', 'a.yaml', 'manticore.yaml.sh', 'a.manticore.yaml/x']) {
      assert.ok(!isConfigName(other), other);
    }
  });
});

describe('a model of the hub', () => {
  for (const [typed, source] of [
    ['state-spaces/mamba-130m-hf', 'hf:state-spaces/mamba-130m-hf'],
    [' hf:EleutherAI/pythia-160m@step1000 ', 'hf:EleutherAI/pythia-160m@step1000'],
    ['https://huggingface.co/a/b', 'hf:a/b'],
    ['https://huggingface.co/a/b/tree/main', 'hf:a/b@main'],
  ] as const) {
    it(`${typed.trim()} is ${source}`, () => assert.deepEqual(hubSource(typed), { source }));
  }

  for (const typed of [
    '',
    'mamba',
    'a/b/c',
    '../../etc',
    'a/..',
    'a/b@../x',
    './models/x',
    'a b/c',
  ]) {
    it(`“${typed}” is none`, () => assert.ok('problem' in hubSource(typed)));
  }
});

describe('what a job says', () => {
  it('a download: file, bytes and the share that is done', () => {
    const message = {
      type: 'download',
      file: 'model.safetensors',
      doneBytes: 512,
      totalBytes: 1024,
    } as const;
    assert.deepEqual(jobProgress(message), {
      text: 'model.safetensors · 512 B of 1 kB',
      fraction: 0.5,
    });
    assert.equal(jobProgress({ ...message, totalBytes: 0 })?.fraction, undefined);
  });

  it('a line of an installer, but no empty one', () => {
    assert.equal(
      jobProgress({ type: 'line', text: ' added 3 packages\n' })?.text,
      'added 3 packages',
    );
    assert.equal(jobProgress({ type: 'line', text: '\n' }), undefined);
  });

  it('what is no progress is none', () => {
    assert.equal(jobProgress({ type: 'text', text: 'Once' }), undefined);
  });

  it('engines: measures of one, the reason against another', () => {
    const engines = [
      {
        name: 'wasm',
        available: true,
        device: '8 threads',
        version: '1',
        threads: 8,
        tier: 'relaxed',
        gflops: 123.4,
        peakGflops: 250,
        peakShare: 0.4936,
        copyGBs: 11.2,
        selfCheckError: 1.2e-6,
      },
      { name: 'tensorflow', available: false, reason: 'engine tensorflow: it is not installed' },
    ] as const;
    assert.deepEqual(
      engineRows(engines).map(({ line }) => line),
      ['8 threads · 123 GFLOP/s (49 % of its peak) · 11 GB/s', 'it is not installed'],
    );
    assert.match(engineText(engines), /wasm\n {2}device {10}8 threads/u);
    assert.match(engineText(engines), /tensorflow\n {2}not available: it is not installed/u);
  });
});
