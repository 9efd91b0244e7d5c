/** Hover over keys, values, components and blocks. */
import assert from 'node:assert/strict';
import { hoverAt } from '../../../server/language/editor/hover';
import type { RunWeights } from '../../../server/language/editor/runWeights';
import { model, quickDisk, tinyMamba, tinyNeox } from '../fakeReader';
import { quickConfig } from '../marked';
import { scene } from './scene';

async function hovered(
  marked: string,
  weights?: RunWeights,
  disk = quickDisk,
): Promise<{ word: string; markdown: string } | undefined> {
  const { checked, text, offset } = await scene(marked, disk);
  const hover = hoverAt(checked, offset, weights);
  return hover && { word: text.slice(hover.span.start, hover.span.end), markdown: hover.markdown };
}

describe('hover', () => {
  it('explains a key: what it does, what it takes, its default', async () => {
    assert.deepEqual(await hovered(quickConfig({ search: '  steps: 30\n  war|mup: 0' })), {
      word: 'warmup',
      markdown:
        '**warmup**\n\nShare of the steps in which the rate rises.\n\nTakes a number from 0 to 1. Default `0.05`.',
    });
    const gate = await hovered(quickConfig({ hybrid: '  blocks: 2\n  gate|: none' }));
    assert.match(gate!.markdown, /How projected and unprojected streams mix\./);
    assert.match(gate!.markdown, /- `none`: no projectors/);
  });

  it('explains a value', async () => {
    const found = await hovered(quickConfig({ search: '  steps: 30\n  algorithm: ga|ea' }));
    assert.deepEqual(found, {
      word: 'gaea',
      markdown: '`gaea`: exponentiated gradient on α itself',
    });
  });

  it('shows a component: family, layers, width, parameters, FLOPs, groups of layers', async () => {
    const whole = quickConfig({ hybrid: '  blocks: 2\n  tokenizer: mam|ba' });
    const found = await hovered(whole);
    assert.equal(found?.word, 'mamba');
    assert.equal(
      found.markdown,
      [
        '**Component** `mamba`, source `./mamba`',
        '',
        '| | |',
        '|---|---|',
        '| family | `mamba` |',
        '| layers | `5` |',
        '| width | `24` |',
        '| parameters | `23.9 K` |',
        '| FLOPs a token | `51.6 K` |',
        '| vocabulary | `its own` |',
        '| folder | `/models/some` |',
        '',
        'Blocks: 1: layers 1–3, 2: layers 4–5',
      ].join('\n'),
    );
  });

  it('shows a component of a config without a plan', async () => {
    const found = await hovered('components:\n  ne|ox: { source: ./neox }\n');
    assert.deepEqual(found, { word: 'neox', markdown: '**Component** `neox`, source `./neox`' });
  });

  it('shows a block: layers, pins, FLOPs, parameters, and the run’s α', async () => {
    const text = quickConfig({
      hybrid: '  blocks: 2\n  mixture:\n    1: { pin: neox }\n    2|: { prune: [mamba] }',
    });
    const found = await hovered(text, {
      components: ['neox', 'mamba'],
      alphas: [
        [1, 0],
        [1, 0],
      ],
      before: [
        [1, 0],
        [0.75, 0.25],
      ],
      pinned: [true, false],
      pruned: [
        [false, false],
        [false, true],
      ],
      source: 'last',
    });
    assert.equal(found?.word, '2');
    assert.equal(
      found.markdown,
      [
        '**Block 2** of 2',
        '',
        '| component | layers | at the start | FLOPs a token |',
        '|---|---|---|--:|',
        '| `neox` | layers 3–4 | α 1 | 13.4 K |',
        '| `mamba` | layers 4–5 | pruned | – |',
        '',
        '6.59 K parameters',
        '',
        'The last run:',
        '',
        '| component | α | since the last checkpoint | |',
        '|---|--:|--:|---|',
        '| `neox` | 1.0000 | ↑ +0.2500 |  |',
        '| `mamba` | – |  | pruned |',
      ].join('\n'),
    );
  });

  it('shows what the hybrid and a stage come to', async () => {
    const hybrid = await hovered(quickConfig().replace('hybrid:', 'hyb|rid:'));
    assert.match(hybrid!.markdown, /What is built of the components/);
    assert.match(hybrid!.markdown, /\| blocks \| 2 of 2 components \|\n\| width \| 24 \|/);
    assert.match(hybrid!.markdown, /\| predicted peak \| [\d.]+ [KM]B on wasm \|/);
    const search = await hovered(quickConfig().replace('search:', 'sear|ch:'));
    assert.match(search!.markdown, /\| `hybrid` \| 1 \| 30 \| 3\.84 K \|/);
    const broken = await hovered('hyb|rid:\n  blocks: 1\n');
    assert.ok(!broken!.markdown.includes('width'));
  });

  it('shows the component that a source brings', async () => {
    const found = await hovered(
      quickConfig({ components: '  neox: { source: ./ne|ox }\n  mamba: { source: ./mamba }' }),
    );
    assert.equal(found?.word, './neox');
    assert.match(found.markdown, /\| family \| `gptNeox` \|/);
  });

  it('is none where there is nothing to say', async () => {
    for (const marked of [
      '|',
      '# com|ment',
      quickConfig({ search: '  steps: 3|0' }),
      quickConfig({ rest: 'bana|na: 1' }),
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    9|: {}' }),
    ]) {
      assert.equal(await hovered(marked), undefined, marked);
    }
  });

  it('never lets a name become Markdown', async () => {
    const evil = '](https://evil) `<img src=x>`|\n# h';
    const disk = {
      ...quickDisk,
      models: { './neox': model(tinyNeox, { path: `/m/${evil}` }), './mamba': model(tinyMamba) },
    };
    const found = await hovered(
      quickConfig({ hybrid: '  blocks: 2\n  tokenizer: ne|ox' }),
      undefined,
      disk,
    );
    const folder = found!.markdown.split('\n').filter((line) => line.startsWith('| folder'));
    assert.deepEqual(folder, ['| folder | `/m/](https://evil) ˋ<img src=x>ˋ¦�# h` |']);
    const source = await hovered("components:\n  ne|ox:\n    source: '`]x<script>`'\n");
    assert.equal(source?.markdown, '**Component** `neox`, source `ˋ]x<script>ˋ`');
  });
});
