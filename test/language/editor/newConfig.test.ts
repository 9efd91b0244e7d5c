/** The text of a new config. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatConfig } from '../../../server/language/editor/formatting';
import {
  nameFrom,
  newConfigText,
  plainOrQuoted,
  type NewConfigModel,
} from '../../../server/language/editor/newConfig';
import { readDocument } from '../../../server/language/configDocument';
import { parseConfig } from '../../../server/language/parseConfig';
import { model, tinyMamba, tinyNeox } from '../fakeReader';
import { problemsOf } from '../marked';

const neox: NewConfigModel = {
  source: './models/tiny-neox',
  layers: 4,
  positions: 64,
  family: 'gptNeox',
};
const mamba: NewConfigModel = {
  source: 'hf:state-spaces/mamba-130m-hf',
  layers: 24,
  positions: undefined,
  family: 'mamba',
};

describe('a new config', () => {
  it('is commented, and fits its models', () => {
    const text = newConfigText([neox, mamba]);
    const { value, problems } = parseConfig(text);
    assert.deepEqual(problems, []);
    assert.deepEqual(value?.components, {
      neox: { source: './models/tiny-neox' },
      mamba: { source: 'hf:state-spaces/mamba-130m-hf' },
    });
    assert.equal(value.hybrid.blocks, 4);
    assert.equal(value.data.context, 64);
    assert.deepEqual(formatConfig(text), []);
    assert.match(text, /^# A hybrid/);
    assert.match(text, /# {3}1: \{ pin: neox \}/);
  });

  it('has nothing to mend but its data file', async () => {
    const disk = {
      models: {
        './models/tiny-neox': model(tinyNeox),
        'hf:state-spaces/mamba-130m-hf': model({ ...tinyMamba, num_hidden_layers: 24 }),
      },
    };
    const codes = async (models: readonly NewConfigModel[]) =>
      (await problemsOf(newConfigText(models), disk)).map(({ code }) => code);
    assert.deepEqual(await codes([neox, mamba]), ['missing-file']);
    assert.deepEqual(await codes([neox]), ['missing-file']);
    assert.deepEqual(await codes([mamba, mamba, neox]), ['missing-file']);
  });

  it('names components after their sources, each name once', () => {
    const names = (...sources: readonly string[]) =>
      Object.keys(
        parseConfig(newConfigText(sources.map((source) => ({ ...neox, source })))).value!
          .components,
      );
    assert.deepEqual(names('./a/pythia-70m', './b/pythia-160m', 'hf:x/pythia'), [
      'pythia',
      'pythia2',
      'pythia3',
    ]);
    assert.deepEqual(names('./hybrid', './1234', './true', './über mich/'), [
      'hybrid2',
      'gptneox',
      'gptneox2',
      'ber',
    ]);
    assert.equal(nameFrom('hf:EleutherAI/pythia-160m@main'), 'pythia');
    assert.equal(nameFrom('../..'), undefined);
  });

  it('without a model says where one goes', () => {
    const { problems } = parseConfig(newConfigText([]));
    assert.deepEqual(problems, []);
  });

  it('is whole whatever the sources, in these very words', () => {
    const source = fc.oneof(
      fc.string({ minLength: 1, maxLength: 30 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
      fc.constantFrom(
        'a: b',
        '~',
        'null',
        './x #y',
        '"',
        "'",
        '- a',
        '{',
        '*a',
        'yes',
        './ü/ß',
        '1e3',
      ),
    );
    fc.assert(
      fc.property(fc.array(source, { minLength: 1, maxLength: 4 }), (sources) => {
        const text = newConfigText(sources.map((of) => ({ ...neox, source: of })));
        const { value, problems } = parseConfig(text);
        assert.deepEqual(problems, [], text);
        assert.deepEqual(
          Object.values(value!.components).map((component) => component.source),
          sources,
        );
      }),
    );
  });

  it('writes values that read back as they were', () => {
    for (const text of ['.0', '.5e3', '.5E-3', '.inf', '.NaN', 'true', '~', './0', '.0a']) {
      assert.deepEqual(readDocument(`a: ${plainOrQuoted(text)}`).data, { a: text });
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        assert.deepEqual(readDocument(`a: ${plainOrQuoted(text)}`).data, { a: text });
        assert.deepEqual(readDocument(`{ a: ${plainOrQuoted(text)} }`).data, { a: text });
      }),
    );
  });
});
