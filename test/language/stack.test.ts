/** Components that are stacked from layers: `family: stack`. */
import assert from 'node:assert/strict';
import { LIMITS } from '../../server/models/configFields';
import { expandStack } from '../../server/models/stack';
import { expectProblem, problemsOf } from './marked';
import { planOf } from './planOf';

/** A stack on a task; `former` is what stands behind its name. */
const config = (former: string) => `manticore: 1
components:
  former:
${former}
hybrid: { blocks: 1, gate: none }
data:
  train: { mad: in-context-recall }
search: { algorithm: fixed, steps: 4 }
`;
const sizes = '{ hidden_size: 16, num_attention_heads: 2, state_size: 4 }';
const stacked = (layers: string, fields = sizes) =>
  config(`    family: stack\n    stack: ${layers}\n    config: ${fields}\n    init: random`);

describe('a stack of layers', () => {
  it('is its layers in order, repeated where it says so', async () => {
    const text = stacked('[mamba, { repeat: 2, layers: [attention, mamba] }, mlp, swiglu]');
    assert.deepEqual(await problemsOf(text), []);
    const [former] = (await planOf(text)).components;
    assert.deepEqual(former!.config['layer_types'], [
      ...['mamba', 'attention', 'mamba', 'attention', 'mamba', 'mlp', 'swiglu'],
    ]);
    assert.equal(former!.layers, 7);
    assert.equal(former!.config['vocab_size'], 16, 'the task’s own');
  });

  it('costs what its layers cost', async () => {
    const flops = async (layers: string) => (await planOf(stacked(layers))).flopsPerToken;
    const head = 2 * 16 * 16;
    // 4 d f and 6 d f, f = 4 d.
    assert.equal(await flops('[mlp]'), head + 4 * 16 * 64);
    assert.equal(await flops('[swiglu]'), head + 6 * 16 * 64);
    // 8 d² and three taps of three parts; 2 d for each of the positions seen on average.
    const seen = (127 + 1) / 2;
    const hyena = 8 * 16 * 16 + 2 * 3 * 16 * 3 + 2 * 16 * seen;
    assert.equal(await flops('[hyena]'), head + hyena);
    const both = (await flops('[attention]')) + (await flops('[mamba]')) - head;
    assert.equal(await flops('[attention, mamba]'), both);
  });

  it('a layer that is nearly one, and one that is none', async () => {
    const marked = stacked('[mamba, |atention|]');
    const problem = await expectProblem(marked, 'wrong-value');
    assert.match(problem.message, /attention/);
    assert.match(
      (await expectProblem(stacked('[mamba, |heyna|]'), 'wrong-value')).message,
      /hyena/,
    );
  });

  it('needs `stack`, which no other family has', async () => {
    const missing = config(`    family: |stack|\n    config: ${sizes}\n    init: random`);
    assert.match((await expectProblem(missing, 'stack-layers')).message, /repeat: 4/);
    const other = config(
      '    family: mamba\n    |stack|: [mamba]\n    config: { hidden_size: 16, num_hidden_layers: 1 }\n    init: random',
    );
    assert.match((await expectProblem(other, 'stack-layers')).message, /`mamba`/);
    const both = stacked('[mamba]', '{ hidden_size: 16, |layer_types|: [mamba] }');
    await expectProblem(both, 'stack-layers');
    const sourced = config(`    source: ./neox\n    |stack|: [mamba]`);
    const codes = (await problemsOf(sourced.replaceAll('|', ''))).map(({ code }) => code);
    assert.ok(codes.includes('component-origin'), codes.join());
  });

  it('heads whose entries make no pairs', async () => {
    const odd = stacked('[attention]', '{ hidden_size: 6, |num_attention_heads: 2| }');
    const [problem] = await problemsOf(odd.replaceAll('|', ''));
    assert.match(problem!.message, /even number/);
    const none = stacked('[attention]', '{ hidden_size: 16 }');
    assert.match((await problemsOf(none))[0]!.message, /`num_attention_heads` is missing/);
    assert.deepEqual(await problemsOf(stacked('[mamba]', '{ hidden_size: 16 }')), []);
  });

  it('a sequence longer than Hyena’s filter, and features of no whole bands', async () => {
    const short = stacked('[hyena]', '{ hidden_size: 16, max_seq_len: 100 }');
    const [problem] = await problemsOf(short);
    assert.equal(problem!.code, 'context-above-positions');
    assert.match(problem!.message, /127 positions; `former` has 100 \(`max_seq_len`\)/);
    assert.deepEqual(
      await problemsOf(stacked('[mlp]', '{ hidden_size: 16, max_seq_len: 100 }')),
      [],
    );
    const [even] = await problemsOf(stacked('[hyena]', '{ hidden_size: 16, emb_dim: 4 }'));
    assert.match(even!.message, /`emb_dim` must be odd, not 4/);
    const near = stacked('[hyena]', '{ hidden_size: 16, |max_seq_length|: 256 }');
    assert.match((await expectProblem(near, 'unknown-field')).message, /`max_seq_len`/);
  });

  it('that is endless is told, and never laid out', async () => {
    const items = Array.from({ length: 1024 }, () => ({
      repeat: 1024,
      layers: Array.from({ length: 1024 }, () => 'mlp' as const),
    }));
    assert.equal(expandStack(items).length, LIMITS.layers + 1);
    const [problem] = await problemsOf(stacked('[{ repeat: 1024, layers: [mlp, mlp] }]'));
    assert.match(problem!.message, /between 1 and 1024 layers; this one has more/);
  });
});
