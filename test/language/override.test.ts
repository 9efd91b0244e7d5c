/** `--set key=value` on the text. */
import assert from 'node:assert/strict';
import { applyOverrides } from '../../server/language/override';
import { parseConfig } from '../../server/language/parseConfig';
import { quickConfig } from './marked';

const commented = quickConfig({
  search: '  # The search.\n  steps: 30 # thirty\n  learningRate: 3e-4',
  rest: '# The end.\nbaselines: true\n',
});

describe('overrides', () => {
  it('replace a value and keep every comment', () => {
    const { text, problems } = applyOverrides(commented, ['search.steps=5']);
    assert.deepEqual(problems, []);
    assert.equal(text, commented.replace('steps: 30 #', 'steps: 5 #'));
  });

  it('add keys and the mappings on the way', () => {
    const { text } = applyOverrides(commented, [
      'hybrid.mixture.2.pin=neox',
      'finetune.steps=7',
      'search.seeds=[1, 2]',
    ]);
    const { value, problems } = parseConfig(text);
    assert.deepEqual(problems, []);
    assert.deepEqual(value?.hybrid.mixture, { 2: { pin: 'neox' } });
    assert.deepEqual(value.search.seeds, [1, 2]);
    assert.equal(typeof value.finetune === 'object' && value.finetune.steps, 7);
    assert.match(text, /# The end\./);
  });

  it('open a short form', () => {
    const { text } = applyOverrides(`${commented}engine: wasm\n`, [
      'baselines.match=flops',
      'engine.threads=2',
    ]);
    const { value } = parseConfig(text);
    assert.deepEqual(value?.baselines, { components: true, match: 'flops', uniform: false });
    assert.deepEqual(value.engine, { name: 'wasm', threads: 2 });
  });

  it('say what is wrong with them, and apply the others', () => {
    const { text, problems } = applyOverrides(commented, [
      'search.stpes=5',
      'steps',
      'search.steps.more=1',
      'search.batch={',
      'search.batch=2',
    ]);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['bad-override', 'bad-override', 'bad-override', 'bad-override'],
    );
    assert.match(problems[0]!.message, /did you mean `steps`/);
    assert.equal(parseConfig(text).value?.search.batch, 2);
  });

  it('keep what an anchor ties together', () => {
    const tied = quickConfig({ search: '  steps: &n 30', rest: 'finetune: { steps: *n }\n' });
    const { text, problems } = applyOverrides(tied, ['search.steps=4']);
    assert.deepEqual(problems, []);
    assert.match(text, /steps: &n 4/);
    const whole = 'search: &s { steps: 3 }\nfinetune: *s\n';
    assert.equal(applyOverrides(whole, ['search=1']).problems.length, 1);
    assert.equal(applyOverrides(whole, ['search=1']).text, whole);
  });

  it('leave a text alone that isn’t whole', () => {
    const broken = 'a: [';
    assert.deepEqual(applyOverrides(broken, ['search.steps=5']), { text: broken, problems: [] });
  });
});
