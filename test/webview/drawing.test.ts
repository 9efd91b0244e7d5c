/** The pure parts of drawing: colours, curves, files, questions to the host. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { StepEvent, Where } from '../../server/contract/events';
import { AlphaRequests } from '../../webview/alphaRequests';
import {
  outcomeWords,
  pinTo,
  pinWeights,
  prune,
  restore,
  unpin,
} from '../../webview/blockControls';
import { heatRgb, inkOn, luminance } from '../../webview/colour';
import { alphasCsv, frameCsv } from '../../webview/csv';
import { formatBytes, formatDuration, formatLoss, formatShort } from '../../webview/format';
import { addSteps, maximumFrames, nearestPosition, type Job } from '../../webview/jobs';
import { centredMean, withStretch } from '../../webview/lossCurves';
import { escapeMarkup, heatmapSvg } from '../../webview/pictures';
import type { BlockMarks } from '../../webview/marks';
import type { Component } from '../../webview/selectors';
import type { RunData } from '../../webview/state';

const component = (name: string): Component => ({
  name,
  family: 'gptNeox',
  parameters: undefined,
  layers: [{ first: 1, last: 2 }],
});
const free: BlockMarks = {
  pinned: false,
  pinnedByConfig: false,
  weights: undefined,
  pruned: [],
  prunedByConfig: [],
};

describe('the colour map', () => {
  it('rises in luminance all the way', () => {
    for (let at = 1; at <= 100; at++) {
      assert.ok(luminance(heatRgb(at / 100)) > luminance(heatRgb((at - 1) / 100)));
    }
  });

  it('leaves at least 4.5 : 1 to the number on every ground', () => {
    for (let at = 0; at <= 1000; at++) {
      const ground = luminance(heatRgb(at / 1000));
      const ink = inkOn(heatRgb(at / 1000)) === '#000000' ? 0 : 1;
      const [low, high] = [ground, ink].sort((left, right) => left - right) as [number, number];
      assert.ok((high + 0.05) / (low + 0.05) >= 4.5, `α ${at / 1000}`);
    }
  });
});

describe('questions for exact α', () => {
  const where: Where = { stage: 'search', subject: 'hybrid', seed: 1 };

  it('are asked one at a time, and of those that wait the newest only', () => {
    const asked: number[] = [];
    const requests = new AlphaRequests((_, step) => asked.push(step));
    for (const step of [5, 6, 7, 8]) requests.want(where, step);
    assert.deepEqual(asked, [5]);
    requests.answered(where, 5, true);
    assert.deepEqual(asked, [5, 8]);
    requests.answered(where, 8, true);
    assert.deepEqual(asked, [5, 8]);
  });

  it('are forgotten when what is on show is exact', () => {
    const asked: number[] = [];
    const requests = new AlphaRequests((_, step) => asked.push(step));
    requests.want(where, 5);
    requests.want(where, 6);
    requests.satisfied();
    requests.answered(where, 5, true);
    assert.deepEqual(asked, [5]);
  });

  it('are not asked again where the log has none', () => {
    const asked: number[] = [];
    const requests = new AlphaRequests((_, step) => asked.push(step));
    requests.want(where, 5);
    requests.answered(where, 5, false);
    requests.want(where, 5);
    requests.want(where, 6);
    assert.deepEqual(asked, [5, 6]);
  });

  it('are asked again after a snapshot, whose page may never have got the answer', () => {
    const asked: number[] = [];
    const requests = new AlphaRequests((_, step) => asked.push(step));
    requests.want(where, 5);
    requests.reset();
    requests.want(where, 5);
    assert.deepEqual(asked, [5, 5]);
  });
});

describe('steps of a job', () => {
  const eventAt = (step: number): StepEvent => ({
    ...{ seq: step, time: '', type: 'step', stage: 'search', subject: 'hybrid', seed: 1 },
    ...{ step, steps: 1e6, loss: step % 1000 === 500 ? 99 : 3, alphas: [[0.5, 0.5]] },
    ...{ tokensPerSecond: 1, etaSeconds: 1, memoryBytes: 1 },
  });

  it('are thinned where there are many: the first, the latest and every spike stay', () => {
    let jobs: readonly Job[] = [];
    for (let from = 1; from < 60_000; from += 1000) {
      jobs = addSteps(
        jobs,
        Array.from({ length: 1000 }, (_, at) => eventAt(from + at)),
      );
    }
    const [job] = jobs;
    assert.ok(job!.steps.length <= 16_384);
    assert.ok(job!.frameSteps.length <= 2 * maximumFrames(2));
    assert.deepEqual([job!.steps[0], job!.steps.at(-1)], [1, 60_000]);
    assert.deepEqual([job!.frameSteps[0], job!.frameSteps.at(-1)], [1, 60_000]);
    assert.equal(job!.loss.filter((loss) => loss === 99).length, 60);
  });

  it('are found by the nearest', () => {
    const ascending = fc
      .uniqueArray(fc.nat(1000), { minLength: 1 })
      .map((steps) => steps.sort((left, right) => left - right));
    fc.assert(
      fc.property(ascending, fc.nat(1000), (steps, wanted) => {
        const found = Math.abs(steps[nearestPosition(steps, wanted)]! - wanted);
        assert.equal(found, Math.min(...steps.map((each) => Math.abs(each - wanted))));
      }),
    );
  });
});

describe('loss curves', () => {
  it('take a stretch in full, in place of what they had of it', () => {
    const curve = { steps: [1, 10, 20, 30], loss: [9, 8, 7, 6] };
    const stretch = { steps: [9, 10, 11, 12], loss: [1, 2, 3, 4] };
    assert.deepEqual(withStretch(curve, stretch), {
      steps: [1, 9, 10, 11, 12, 20, 30],
      loss: [9, 1, 2, 3, 4, 7, 6],
    });
  });

  it('are smoothed by a mean that leaves gaps where they are', () => {
    assert.deepEqual(centredMean([2, 4, null, 9, 1], 1), [2, 3, null, 5, 1]);
  });
});

describe('files', () => {
  const hostile = '<script>"&\u0000\ud800';

  it('hold names as text', () => {
    assert.equal(escapeMarkup(hostile), '&lt;script&gt;&quot;&amp;\ufffd\ufffd');
    const svg = heatmapSvg({
      title: 'α',
      subtitle: hostile,
      components: [component(hostile), component('mamba')],
      alphas: [[0.25, 0.75]],
      marks: [{ ...free, pinned: true }],
    });
    assert.ok(!svg.includes('<script'));
    assert.match(svg, />0\.75</);
    assert.match(svg, />pinned</);
  });

  it('quote fields, and keep a spreadsheet from taking a name for a formula', () => {
    const text = frameCsv([[0.5, 0.5]], [component('=1+1'), component('a,"b"')]);
    assert.equal(text, 'block,\'=1+1,"a,""b"""\r\n1,0.5,0.5\r\n');
  });

  it('hold every step of a path', () => {
    const job = {
      ...{ stage: 'search', subject: 'hybrid', seed: 3, total: 9, steps: [], loss: [] },
      frameSteps: [1, 2],
      alphas: [[[0.5, 0.5]], [[0.25, 0.75]]],
    } as const;
    assert.equal(
      alphasCsv(job as unknown as Job, [component('neox'), component('mamba')]),
      'stage,seed,step,block,neox,mamba\r\nsearch,3,1,1,0.5,0.5\r\nsearch,3,2,1,0.25,0.75\r\n',
    );
  });
});

describe('controls of a cell', () => {
  const run = { state: 'running', jobs: [], events: [], latest: undefined } as unknown as RunData;
  const context = (marks: Partial<BlockMarks>) => ({
    run,
    components: [component('neox'), component('mamba')],
    block: 1,
    component: 1,
    marks: { ...free, ...marks },
  });

  it('pin to one component, or to weights that then sum to 1', () => {
    assert.deepEqual(pinTo(context({})), {
      control: { action: 'pin', block: 2, weights: { neox: 0, mamba: 1 } },
    });
    const ask = pinWeights(context({}), [0.3333, 0.6666]);
    assert.ok('control' in ask && ask.control.action === 'pin');
    const sum = Object.values(ask.control.weights).reduce((all, weight) => all + weight, 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
  });

  it('are refused with a sentence where they make no sense', () => {
    const words = (ask: object): string => ('refusal' in ask ? String(ask.refusal) : 'asked');
    assert.match(words(pinTo(context({ pruned: [1] }))), /mamba is pruned from block 2/);
    assert.match(words(unpin(context({}))), /isn’t pinned/);
    assert.match(words(prune(context({ pruned: [1] }))), /already pruned/);
    assert.match(words(prune(context({ pruned: [0] }))), /last component/);
    assert.match(words(restore(context({}))), /isn’t pruned/);
    const byConfig = { pruned: [1], prunedByConfig: [1] };
    assert.match(words(restore(context(byConfig))), /in the config/);
    assert.equal(words(restore(context({ pruned: [1] }))), 'asked');
  });

  it('say what they did', () => {
    const weights = { neox: 0.7, mamba: 0.3 };
    const pinned = { action: 'pin', block: 2, weights } as const;
    const outcome = { request: 1, control: pinned, step: 40, error: undefined };
    assert.equal(
      outcomeWords(outcome),
      'Block 2 is pinned to neox 0.70, mamba 0.30, after step 40.',
    );
  });
});

describe('numbers in words', () => {
  it('are short', () => {
    assert.deepEqual([0, 59, 61, 3600, 7500, 90_000].map(formatDuration), [
      '0 s',
      '59 s',
      '1 min 1 s',
      '1 h',
      '2 h 5 min',
      '1 d 1 h',
    ]);
    assert.deepEqual([950, 1_055_488, 123_456_789].map(formatShort), ['950', '1.06 M', '123 M']);
    assert.deepEqual([512, 28_311_552].map(formatBytes), ['512 B', '28 MB']);
    assert.deepEqual([4.28873, 12.3456, null].map(formatLoss), ['4.289', '12.35', '–']);
  });
});
