import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import {
  contrast,
  darkTheme,
  heat,
  lightTheme,
  luminance,
  textOn,
} from '../../server/report/colour';
import { placeLabels, ticks } from '../../server/report/curvesSvg';
import { heatmapSvg } from '../../server/report/heatmapSvg';
import { reportHtml } from '../../server/report/html';
import { buildReportModel } from '../../server/report/model';
import { renderPng } from '../../server/report/png';
import { displayText, escapeMarkup } from '../../server/report/text';
import { reportJson } from '../../server/report/write';
import { syntheticConfig, syntheticPlan, syntheticRun } from './fixtures';
import type { SyntheticRun } from './fixtures';

const modelOf = (options: SyntheticRun = {}, config = syntheticConfig) =>
  buildReportModel(syntheticRun(options), syntheticPlan(options), config);

const hostileNames = [
  '<script>alert(1)</script>',
  '" onload="alert(1)',
  "'><img src=x onerror=alert(1)>",
  '</script><svg onload=alert(1)>',
  '\u202egpj.exe\u2066',
  '🦁🐐🐍',
  'a\u0000b\u001b[31mc\u0085d',
  ']]>&amp;<!--',
];

/** Fails where tags of HTML or SVG don't pair up, or an attribute isn't quoted. */
function assertBalanced(markup: string): void {
  const open: string[] = [];
  const empty = new Set(['meta', 'input', 'br', 'img', 'link']);
  const body = markup
    .replace(/<!doctype html>/u, '')
    .replace(/<(script|style)([^>]*)>[\s\S]*?<\/\1>/gu, '<$1$2></$1>');
  for (const match of body.matchAll(
    /<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>|</gu,
  )) {
    const [whole, closing, name, , selfClosing] = match;
    assert.notEqual(whole, '<', `a stray < at ${body.slice(match.index, match.index + 60)}`);
    if (closing) assert.equal(open.pop(), name);
    else if (!selfClosing && !empty.has(name!)) open.push(name!);
  }
  assert.deepEqual(open, []);
}

describe('names in a report', () => {
  it('lose control and direction characters and lone surrogates, and keep the rest', () => {
    assert.equal(displayText('a\u0000b\u001b[31mc'), 'ab[31mc');
    assert.equal(displayText('\u202egpj.exe'), 'gpj.exe');
    assert.equal(displayText('x\ud800y'), 'x\ufffdy');
    assert.equal(displayText('Ωμέγα 🦁'), 'Ωμέγα 🦁');
    assert.equal(displayText('a'.repeat(300)).length, 200);
  });

  it('are inert in markup, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        assert.doesNotMatch(escapeMarkup(displayText(name)), /[<>"'\p{Cc}]/u);
      }),
    );
  });

  for (const name of hostileNames) {
    it(`can be ${JSON.stringify(name)}`, async () => {
      const options = { components: [name, 'mamba'], searchSteps: 20, finetuneSteps: 20 };
      const model = modelOf(options, `components: { ${name}: x }`);
      const html = reportHtml(model);
      assertBalanced(html);
      assertBalanced(heatmapSvg(model));
      assert.doesNotMatch(html, /<img|onload="|<script>alert|\u202e|\p{Cs}/u);
      assert.equal(html.match(/<\/script>/gu)!.length, 2);
      // resvg's parser takes well-formed XML only.
      assert.ok((await renderPng(heatmapSvg(model), 1)).length > 1000);
    });
  }
});

describe('colours', () => {
  it('of the map grow lighter all the way', () => {
    for (let step = 1; step <= 100; step++) {
      assert.ok(luminance(heat(step / 100)) > luminance(heat((step - 1) / 100)));
    }
  });

  it('of the numbers in the cells have 4.5 : 1 on every α', () => {
    for (let step = 0; step <= 1000; step++) {
      const ground = heat(step / 1000);
      assert.ok(contrast(ground, textOn(ground)) >= 4.5, ground);
    }
  });

  for (const [name, theme] of Object.entries({ light: lightTheme, dark: darkTheme })) {
    it(`of every word have 4.5 : 1 on every ground of the ${name} theme`, () => {
      const words = [
        theme.ink,
        theme.quiet,
        theme.link,
        theme.good,
        theme.bad,
        theme.hybrid,
        ...theme.series,
      ];
      for (const ground of [theme.page, theme.panel]) {
        for (const word of words) assert.ok(contrast(word, ground) >= 4.5, `${word} on ${ground}`);
      }
      assert.ok(contrast(theme.ink, theme.empty) >= 4.5);
    });
  }

  it('are measured as WCAG does', () => {
    assert.equal(contrast('#000000', '#ffffff'), 21);
    assert.ok(Math.abs(contrast('#777777', '#ffffff') - 4.478) < 1e-3);
  });
});

describe('heatmap.svg', () => {
  it('has the number of every cell, and marks for pinned and pruned that need no colour', () => {
    const model = modelOf();
    const svg = heatmapSvg(model);
    for (const alpha of [model.alphas.mean![0]![0]!, model.alphas.mean![2]![1]!]) {
      assert.ok(svg.includes(`>${alpha.toFixed(2)}</text>`));
    }
    assert.match(svg, />pinned<\/text>/);
    assert.match(svg, /url\(#heatmap-hatch\)[\s\S]*>pruned<\/text>/);
    assert.match(
      svg,
      /<title id="heatmap-title">[\s\S]*<desc id="heatmap-desc">block 1: neox 0\.\d\d, mamba 0\.\d\d/,
    );
    assertBalanced(svg);
  });

  it('is drawn for any shape, also none', async () => {
    for (const options of [{ blocks: 1 }, { blocks: 30 }, { components: ['one'] }]) {
      const model = modelOf({ ...options, seeds: [1], searchSteps: 4, finetuneSteps: 4 });
      assert.ok((await renderPng(heatmapSvg(model), 1)).length > 500);
    }
    assertBalanced(heatmapSvg(buildReportModel([])));
  });
});

describe('heatmap.png', () => {
  it('is the same picture at twice the size, with the colour of its cells', async () => {
    const model = modelOf();
    const svg = heatmapSvg(model);
    const [, width, height] = /width="(\d+)" height="(\d+)"/u.exec(svg)!.map(Number);
    const png = Buffer.from(await renderPng(svg));
    assert.equal(png.subarray(1, 4).toString('latin1'), 'PNG');
    assert.equal(png.readUInt32BE(16), 2 * width!);
    assert.equal(png.readUInt32BE(20), 2 * height!);
    const chunks: Buffer[] = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
      if (png.toString('latin1', at + 4, at + 8) === 'IDAT') {
        chunks.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
      }
    }
    assert.equal(inflateSync(Buffer.concat(chunks)).length, 2 * height! * (1 + 4 * 2 * width!));
  });

  it('has glyphs: text changes the picture', async () => {
    const draw = (text: string): string =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><text x="2" y="15" font-family="Inter, sans-serif">${text}</text></svg>`;
    assert.notDeepEqual(await renderPng(draw('α 0.74')), await renderPng(draw('')));
    assert.notDeepEqual(await renderPng(draw('α')), await renderPng(draw('\ue000')));
  });
});

describe('report.html', () => {
  const html = reportHtml(modelOf());

  it('is well-formed', () => assertBalanced(html));

  it('asks the network for nothing', () => {
    assert.doesNotMatch(html, /(?:src|href|action|poster)=|@import|url\((?!#)/u);
    assert.doesNotMatch(html, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/u);
  });

  it('names its own script and style in the policy, by hash, and has no inline handlers or styles', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/u.exec(html)![1]!;
    assert.match(policy, /^default-src 'none'; /);
    const hash = (text: string): string =>
      `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const style = /<style>([\s\S]*?)<\/style>/u.exec(html)![1]!;
    const script = /<script>([\s\S]*?)<\/script>/u.exec(html)![1]!;
    assert.ok(policy.includes(`style-src ${hash(style)};`));
    assert.ok(policy.includes(`script-src ${hash(script)};`));
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(
      html.replace(/<(script|style)>[\s\S]*?<\/\1>/gu, ''),
      /\s(?:style|on[a-z]+)="/u,
    );
  });

  it('has ids that occur once', () => {
    const ids = [...html.matchAll(/\sid="([^"]+)"/gu)].map((match) => match[1]!);
    assert.deepEqual(ids, [...new Set(ids)]);
  });

  it('has a script that parses', () => {
    assert.doesNotThrow(() => new Script(/<script>([\s\S]*?)<\/script>/u.exec(html)![1]!));
  });

  it('carries its data where the script finds it', () => {
    const data = JSON.parse(
      /<script type="application\/json" id="report-data">([\s\S]*?)<\/script>/u.exec(html)![1]!,
    ) as { path: { step: number }[]; curves: unknown[] };
    assert.equal(data.path.at(-1)!.step, 300);
    assert.equal(data.curves.length, 4);
  });

  it('is written for an empty log and for a failed run too', () => {
    assertBalanced(reportHtml(buildReportModel([])));
    const failed = reportHtml(modelOf({ end: 'failed' }));
    assertBalanced(failed);
    assert.match(failed, /No space is left on the disk\.[\s\S]*Free some space/u);
  });

  it('stays small for 100,000 steps', () => {
    const model = modelOf({ seeds: [1], searchSteps: 60_000, finetuneSteps: 13_334, blocks: 8 });
    const recorded = model.curves.reduce((sum, curve) => sum + curve.recorded, 0);
    assert.ok(recorded >= 99_000, String(recorded));
    assert.ok(reportHtml(model).length < 700_000);
    assert.ok(reportJson(model).length < 900_000);
  });
});

describe('axes and labels', () => {
  it('have round ticks inside the range', () => {
    assert.deepEqual(ticks(2.07, 3.93, 5), [2.5, 3, 3.5]);
    assert.deepEqual(ticks(1, 300, 8), [50, 100, 150, 200, 250, 300]);
  });

  it('never cover each other', () => {
    const labels = [10, 11, 12, 300].map((y) => ({
      y,
      anchorX: 0,
      anchorY: y,
      group: { label: '', colour: '', curves: [] },
    }));
    placeLabels(labels, 0, 310, 18);
    assert.ok(labels.every((label, k) => k === 0 || label.y - labels[k - 1]!.y >= 18));
  });
});
