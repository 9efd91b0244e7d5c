import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'yaml';
import { escapeMarkdown } from '../../server/report/markdown';
import { buildReportModel } from '../../server/report/model';
import { modelCard, type CardInput } from '../../server/report/modelCard';
import { syntheticConfig, syntheticPlan, syntheticRun } from './fixtures';

const component = (name: string) => ({
  name,
  family: 'mamba',
  repository: undefined,
  source: undefined,
  licence: undefined,
});

const cardOf = (changes: Partial<CardInput> = {}) =>
  modelCard({
    report: buildReportModel(syntheticRun(), syntheticPlan(), syntheticConfig),
    components: [
      {
        ...component('neox'),
        repository: 'EleutherAI/pythia-70m',
        source: 'hf:EleutherAI/pythia-70m',
      },
      { ...component('mamba'), source: './models/tiny_mamba', licence: 'Its card names mit.' },
    ],
    alphas: [
      [0.25, 0.75],
      [1, 0],
    ],
    data: ['train: text ./data/train.txt'],
    hasTokenizer: true,
    hasPicture: true,
    ...changes,
  });

const frontMatter = (card: string): unknown => parse(/^---\n([^]*?)\n---\n/.exec(card)![1]!);

describe('the model card', () => {
  it('names library, tags and base models as YAML', () => {
    assert.deepEqual(frontMatter(cardOf()), {
      library_name: 'transformers',
      pipeline_tag: 'text-generation',
      tags: ['manticore', 'hybrid', 'custom_code', 'mamba'],
      base_model: ['EleutherAI/pythia-70m'],
    });
    const bare = frontMatter(cardOf({ components: [component('x')], hasTokenizer: false }));
    assert.ok(!Object.hasOwn(bare as object, 'base_model'));
    assert.ok(!Object.hasOwn(bare as object, 'pipeline_tag'));
  });

  it('tells results beside the baselines, what training cost, α, data and licences', () => {
    const card = cardOf();
    const model = buildReportModel(syntheticRun(), syntheticPlan(), syntheticConfig);
    for (const { subject, stage, loss } of model.results.summary) {
      assert.ok(card.includes(`| ${escapeMarkdown(subject)}, ${stage}`), subject);
      assert.ok(card.includes(loss.mean.toFixed(4)), `${loss.mean}`);
    }
    assert.match(card, /## Budget\n\n\| model, stage \| updates \| tokens \| training FLOPs \|/);
    assert.match(card, /\| 1 \| 0\.2500 \| 0\.7500 \|\n\| 2 \| 1\.0000 \| 0\.0000 \|/);
    assert.ok(card.includes('!['), 'the picture');
    assert.ok(card.includes('train\\: text \\.\\/data\\/train\\.txt'));
    assert.ok(card.includes('Its card names mit.'));
    assert.ok(card.includes('Its folder says nothing of a licence.'), 'of neox');
  });

  it('of a folder that is no run’s tells what it knows', () => {
    const card = cardOf({ report: undefined, data: [], hasPicture: false, hasTokenizer: false });
    assert.ok(!card.includes('## Results') && !card.includes('## Budget') && !card.includes('!['));
    assert.ok(card.includes('it has no tokenizer'));
  });

  it('shows any name as it is: no link, markup, HTML, table or heading comes of it', () => {
    const hostile = fc.string({
      unit: fc.constantFrom(...Array.from('ab1 .,-[]()<>|`*_~#!:/\\&@\n')),
    });
    fc.assert(
      fc.property(hostile, (name) => {
        const escaped = escapeMarkdown(name);
        assert.ok(!/\n/.test(escaped));
        // What is left unescaped can't begin any construct.
        const left = escaped.replace(/\\[!-/:-@[-`{-~]/g, '');
        assert.ok(!/[^\p{L}\d \-.,]/u.test(left), left);
        assert.ok(!/^\s*(-|\d+\.)(\s|$)/.test(escaped), escaped);
        assert.ok(!/[a-z]\.[a-z]/i.test(escaped), 'an address');
        assert.equal(escaped.replace(/\\([!-/:-@[-`{-~])/g, '$1'), name.replace(/\n+/g, ' '));
      }),
    );
    const card = cardOf({
      components: [{ ...component('a'), source: '](http://evil) | <img src=x> `---`\n# no' }],
    });
    assert.ok(!/(?<!\\)<img/.test(card) && !card.includes('](http://evil'));
    assert.ok(!/^# no/m.test(card));
  });
});
