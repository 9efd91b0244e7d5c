/** Baselines that are designed by hand: `baselines.stacks`. */
import assert from 'node:assert/strict';
import { componentNameAt, renameAt } from '../../server/language/editor/names';
import { planText } from '../../server/language/planText';
import { checkConfig } from '../../server/language/checkConfig';
import { fakeReader, quickDisk } from './fakeReader';
import { expectProblem, fixed, problemsOf, quickConfig } from './marked';
import { planOf } from './planOf';

const sizes = '{ hidden_size: 48, num_attention_heads: 2, state_size: 4 }';
const former = `former: { stack: [mamba, { repeat: 2, layers: [attention, mamba] }], config: ${sizes} }`;

/** The quick config with these baselines; `|` marks what a problem is about. */
const config = (stacks: string, others = '', rest = {}) =>
  quickConfig({ ...rest, rest: `baselines:\n${others}  stacks:\n    ${stacks}\n` });

/** A stack on a task, alone in its run. */
const onTask = (baselines: string) => `manticore: 1
components:
  gpt: { family: gpt2, config: { n_embd: 8, n_layer: 1, n_head: 2, n_positions: 16 }, init: random }
hybrid: { blocks: 1, gate: none }
data:
  train: { mad: { task: in-context-recall, length: 16 } }
search: { algorithm: fixed, steps: 4 }
baselines: ${baselines}
`;

describe('a baseline that is designed by hand', () => {
  it('is a job of each seed under the hybrid’s budget, with a plan of its own', async () => {
    const search = { search: '  { steps: 6, seeds: [1, 2] }' };
    const text = config(former, '  match: flops\n', search);
    assert.deepEqual(await problemsOf(text), []);
    const plan = await planOf(text);
    const subjects = plan.jobs.map(({ stage, subject, seed }) => `${stage} ${subject} ${seed}`);
    assert.deepEqual(
      subjects.filter((name) => name.includes('former')),
      ['baseline former 1', 'baseline former 2'],
    );
    const job = plan.jobs.find(({ subject }) => subject === 'former')!;
    const own = plan.subplans![job.subplan!]!;
    assert.equal(own.width, 48);
    assert.equal(own.vocabulary, plan.vocabulary);
    assert.equal(own.components[0]!.config['vocab_size'], plan.vocabulary);
    assert.equal(own.components[0]!.layers, 5);
    assert.deepEqual([job.parameters, job.flopsPerToken], [own.parameters, own.flopsPerToken]);
    assert.equal(job.steps, Math.round((6 * plan.flopsPerToken) / own.flopsPerToken));
    assert.deepEqual(own.config.search, plan.config.search);
    assert.match(planText(plan), /^former +stack +5 +48 /m);
  });

  it('counts for the memory that the run takes', async () => {
    const wide = config('former: { stack: [mlp], config: { hidden_size: 1024 } }');
    const [narrow, large] = [await planOf(config(former)), await planOf(wide)];
    assert.ok(large.memory.peak > 2 * narrow.memory.peak);
    assert.equal(large.subplans![0]!.memory.peak, large.memory.peak);
  });

  it('needs layers and sizes, and says what is wrong with them', async () => {
    const missing = await expectProblem(config('|former|: { stack: [mamba] }'), 'missing-key');
    assert.match(missing.message, /`former` needs `config`/);
    await expectProblem(config(`|former|: { config: ${sizes} }`), 'missing-key');
    const wrong = config('former: { stack: [|atention|], config: { hidden_size: 48 } }');
    assert.match((await expectProblem(wrong, 'wrong-value')).message, /attention/);
    const near = 'former: { stack: [mlp], config: { hidden_size: 48, |intermediate_sze|: 64 } }';
    assert.match((await expectProblem(config(near), 'unknown-field')).message, /intermediate_size/);
    const heads = await problemsOf(
      config(
        'former: { stack: [attention], config: { hidden_size: 48, num_attention_heads: 16 } }',
      ),
    );
    assert.deepEqual(
      heads.map(({ code }) => code),
      ['unsupported-setting'],
    );
    const listed = `former: { stack: [mlp], config: { hidden_size: 48, |layer_types|: [mlp] } }`;
    await expectProblem(config(listed), 'stack-layers');
    const rows = 'former: { stack: [mlp], config: { hidden_size: 48, |vocab_size|: 99 } }';
    assert.match((await expectProblem(config(rows), 'no-effect')).message, /vocabulary/);
    const none = quickConfig({ rest: 'baselines: { |stacks|: {} }' });
    assert.match((await expectProblem(none, 'no-effect')).message, /names none/);
  });

  it('has a name that nothing else has', async () => {
    for (const name of ['mamba', 'hybrid', 'uniform']) {
      const text = config(`|${name}|: { stack: [mlp], config: { hidden_size: 8 } }`);
      assert.match((await expectProblem(text, 'baseline-name')).message, /another name/);
    }
  });

  it('with Hyena filters that are too short for the run', async () => {
    const short = 'former: { stack: [hyena], config: { hidden_size: 48, max_seq_len: |8| } }';
    const marked = config(short);
    const problem = await expectProblem(marked, 'context-above-positions');
    assert.match(problem.message, /16 positions.*`former` are made for 8/);
    assert.match(fixed(marked, problem), /max_seq_len: 16 /);
  });

  it('beside a single component, which alone would be the same run again', async () => {
    const stacks = 'stacks: { former: { stack: [mlp], config: { hidden_size: 8 } } }';
    const again = onTask(`{ components: true, ${stacks} }`).replace('baselines', '|baselines|');
    const problem = await expectProblem(again, 'no-effect');
    assert.match(problem.message, /write `components: false`/);
    assert.match(fixed(again, problem), /components: false/);
    assert.deepEqual(await problemsOf(onTask(`{ components: false, ${stacks} }`)), []);
  });

  it('is renamed where it stands, and never to a name that is taken', async () => {
    const text = config(former, '', {}).concat('sweep: { baselines.match: [steps, flops] }\n');
    const checked = await checkConfig(text, {
      ...{ name: 'test', base: '/base' },
      reader: fakeReader(quickDisk),
    });
    const offset = text.indexOf('former:') + 2;
    assert.equal(componentNameAt(checked.document, offset)?.name, 'former');
    const renamed = renameAt(checked, offset, 'stacked');
    assert.ok('edits' in renamed);
    assert.equal(renamed.edits.length, 1);
    assert.deepEqual(renameAt(checked, offset, 'mamba'), {
      refused: 'There is a component `mamba` already: take another name.',
    });
    assert.deepEqual(renameAt(checked, text.indexOf('neox:') + 1, 'former'), {
      refused: 'There is a stack `former` already: take another name.',
    });
  });
});
