/** What the schema refuses, where, and what it proposes. */
import assert from 'node:assert/strict';
import { expectProblem, fixed, problemsOf, quickConfig, unmark } from './marked';

describe('a config’s keys and values', () => {
  it('a whole config has no problem', async () => {
    assert.deepEqual(await problemsOf(quickConfig()), []);
  });

  it('an unknown key is marked, and the nearest free key proposed', async () => {
    const marked = quickConfig({ search: '  steps: 30\n  |learnngRate|: 1e-3' });
    const problem = await expectProblem(marked, 'unknown-key');
    assert.match(problem.message, /Did you mean `learningRate`\?/);
    assert.match(fixed(marked, problem), /^ {2}learningRate: 1e-3$/m);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('a key nobody knows lists what can stand there', async () => {
    const problem = await expectProblem(quickConfig({ rest: '|banana|: 1' }), 'unknown-key');
    assert.match(problem.message, /`components`.*`engine`/);
    assert.equal(problem.fixes, undefined);
  });

  it('a value of an enumeration', async () => {
    const marked = quickConfig({ search: '  steps: 30\n  algorithm: |drats|' });
    const problem = await expectProblem(marked, 'wrong-value');
    assert.match(problem.message, /one of|`darts`, `gaea`, `dash` or `fixed`/);
    assert.match(fixed(marked, problem), /algorithm: darts/);
  });

  it('a text where a mapping is wanted: the mapping that it stands for', async () => {
    for (const parts of [
      { components: '  neox: |./neox|\n  mamba: { source: ./mamba }' },
      { hybrid: '  blocks: 2\n  mixture:\n    2: |mamba|' },
      { hybrid: '  blocks: 2\n  projectors: |mlp|' },
      { data: '  train: |train.txt|\n  validation: { text: valid.txt }\n  context: 16' },
    ]) {
      const marked = quickConfig(parts);
      const problem = await expectProblem(marked, 'wrong-type');
      assert.match(problem.message, /write it as `\{ \w+: .* \}`/);
      assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    }
    const odd = quickConfig({ components: '  neox: |"./a, b"|\n  mamba: { source: ./mamba }' });
    const problem = await expectProblem(odd, 'wrong-type');
    assert.match(fixed(odd, problem), /neox: \{ source: "\.\/a, b" \}/);
  });

  it('YAML’s old words for true and false', async () => {
    const marked = quickConfig({ rest: 'baselines: |yes|' });
    const problem = await expectProblem(marked, 'wrong-type');
    assert.match(problem.message, /Did you mean `true`\?/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('a size of memory, by example', async () => {
    const problem = await expectProblem(
      quickConfig({ rest: 'engine: { memoryLimit: |lots| }' }),
      'wrong-value',
    );
    assert.match(problem.message, /or a size such as `4 GB`/);
  });

  it('what is missing is not said while the text isn’t whole YAML', async () => {
    const codes = (await problemsOf('manticore: 1\ncomponents: [')).map(({ code }) => code);
    assert.equal(codes.includes('yaml-syntax'), true);
    assert.equal(codes.includes('missing-key'), false);
  });

  it('a bracket that is never closed, where it opens', async () => {
    const models = "  neox: |{| source: './neox' # }\n  mamba: { source: ./mamba }";
    const [problem, ...more] = await problemsOf(unmark(quickConfig({ components: models })).text);
    assert.equal(problem?.code, 'yaml-syntax');
    assert.deepEqual(
      { start: problem.span.start, rest: more, fixes: problem.fixes },
      { start: quickConfig({ components: models }).indexOf('|'), rest: [], fixes: undefined },
    );
    assert.match(problem.message, /This `\{` is never closed: put its `\}`/);
  });

  it('a bracket on one line, with its end as a fix', async () => {
    const marked = quickConfig({ data: '  train: |{| text: train.txt\n  context: 16' });
    const problem = await expectProblem(marked, 'yaml-syntax');
    assert.match(fixed(marked, problem), /\{ text: train\.txt \}\n {2}context/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('a family', async () => {
    const marked = quickConfig({
      components:
        '  neox: { source: ./neox }\n  mamba: { family: |mambo|, config: { hidden_size: 8, num_hidden_layers: 2 }, init: random }',
    });
    assert.match(fixed(marked, await expectProblem(marked, 'wrong-value')), /family: mamba,/);
  });

  for (const [name, marked, code, sentence] of [
    [
      'text for a number',
      quickConfig({ search: '  steps: 3\n  batch: |many|' }),
      'wrong-type',
      /whole number, 1 or more/,
    ],
    [
      'a number out of range',
      quickConfig({ search: '  steps: 3\n  batch: |0|' }),
      'wrong-value',
      /this is `0`/,
    ],
    [
      'a fraction for a whole number',
      quickConfig({ hybrid: '  blocks: |2.5|' }),
      'wrong-value',
      /whole number/,
    ],
    [
      'an infinite rate',
      quickConfig({ search: '  steps: 3\n  learningRate: |.inf|' }),
      'wrong-value',
      /above 0/,
    ],
    [
      'an item of a list',
      quickConfig({ search: '  steps: 3\n  seeds: [1, |two|]' }),
      'wrong-type',
      /^Item 2 of `seeds` must be a whole number/,
    ],
    ['a list for a mapping', quickConfig({ hybrid: '  |[1, 2]|' }), 'wrong-type', /this is a list/],
    [
      'a block’s name',
      quickConfig({ hybrid: '  blocks: 2\n  mixture: { |zero|: { pin: neox } }' }),
      'bad-block',
      /number, from 1/,
    ],
    [
      'a component’s name',
      quickConfig({ components: '  neox: { source: ./neox }\n  |2nd|: { source: ./mamba }' }),
      'bad-name',
      /begin with a letter/,
    ],
    [
      'nothing behind a colon',
      quickConfig({ search: '  |steps|:' }),
      'wrong-type',
      /nothing is written/,
    ],
    [
      'a union: the written kind’s own fault',
      quickConfig({ rest: 'engine: { name: |wasn| }' }),
      'wrong-value',
      /Did you mean `wasm`/,
    ],
    [
      'a union: neither kind',
      quickConfig({ rest: 'finetune: |yes please|' }),
      'wrong-type',
      /must be a mapping.*`false`/,
    ],
    [
      'a memory limit',
      quickConfig({ rest: 'engine: { memoryLimit: |lots| }' }),
      'wrong-value',
      /memoryLimit/,
    ],
  ] as const) {
    it(name, async () => {
      assert.match((await expectProblem(marked, code)).message, sentence);
    });
  }

  it('a missing key is said at its parent, with what it is for', async () => {
    const problem = await expectProblem(
      quickConfig().replace('data:', '|data|:').replace('  context: 16\n', ''),
      'missing-key',
    );
    assert.match(problem.message, /`data` needs `context`: tokens predicted/);
  });

  it('an empty text lacks everything, at the beginning', async () => {
    assert.deepEqual(
      (await problemsOf('')).map(({ code, span }) => [code, span]),
      [['not-a-config', { start: 0, end: 0 }]],
    );
    const codes = (await problemsOf('manticore: 1')).map(({ code }) => code);
    assert.deepEqual(codes, ['missing-key', 'missing-key', 'missing-key', 'missing-key']);
  });

  it('the rest is still checked when one entry is wrong', async () => {
    const { text } = unmark(
      quickConfig({ hybrid: '  |blokcs|: 2\n  blocks: 3\n  mixture: { 4: { pin: neox } }' }),
    );
    const codes = (await problemsOf(text)).map(({ code }) => code);
    assert.deepEqual(codes, ['unknown-key', 'block-above-count']);
  });
});

describe('what YAML itself refuses', () => {
  it('a key written twice', async () => {
    await expectProblem(quickConfig({ search: '  steps: 30\n  |steps|: 40' }), 'duplicate-key');
  });

  it('a tab, mended by spaces', async () => {
    const text = quickConfig({ search: '\tsteps: 30' });
    const problem = (await problemsOf(text)).find(({ code }) => code === 'tab-indent');
    assert.ok(problem?.fixes);
    assert.deepEqual(await problemsOf(fixed(`||${text}`, problem)), []);
  });

  it('an alias without its anchor', async () => {
    await expectProblem(quickConfig({ search: '  steps: |*many|' }), 'unknown-anchor');
  });

  it('an anchor inside itself', async () => {
    const codes = (await problemsOf('a: &a [*a]')).map(({ code }) => code);
    assert.ok(codes.includes('recursive-alias'), codes.join());
  });

  it('anchors are understood', async () => {
    assert.deepEqual(
      await problemsOf(quickConfig({ search: '  steps: &n 30', rest: 'finetune: { steps: *n }' })),
      [],
    );
  });

  it('more aliases than a config can need', async () => {
    const bomb = [
      'a: &a [x]',
      ...Array.from(
        { length: 20 },
        (_, i) => `b${i}: &b${i} [${`*${i ? `b${i - 1}` : 'a'}, `.repeat(9)}]`,
      ),
    ].join('\n');
    const codes = (await problemsOf(bomb)).map(({ code }) => code);
    assert.ok(codes.includes('too-many-aliases'), codes.join());
  });

  for (const [name, text] of [
    ['brackets', '['.repeat(100_000)],
    ['dashes on a line', '- '.repeat(50_000)],
    ['mappings', Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['explicit keys', '? '.repeat(50_000)],
  ] as const) {
    it(`nesting without end: ${name}`, async () => {
      assert.deepEqual(
        (await problemsOf(text)).map(({ code }) => code),
        ['too-deep'],
      );
    });
  }

  it('a text without end', async () => {
    assert.deepEqual(
      (await problemsOf('#'.repeat(2 ** 20 + 1))).map(({ code }) => code),
      ['too-large'],
    );
  });

  it('a required entry that is wrong or missing hides nothing else', async () => {
    const codes = async (text: string) => (await problemsOf(text)).map(({ code }) => code);
    const elsewhere = {
      components: '  neox: { source: ./neox }\n  mamba: { source: ./mambo }',
      hybrid:
        '  blocks: 2\n  mixture:\n    9: { pin: neox }\n    1: { pin: { neox: 0.5, mamba: 0.4 } }',
    };
    const others = ['missing-model', 'block-above-count', 'pin-sum'];
    assert.deepEqual(await codes(quickConfig(elsewhere)), others);
    assert.deepEqual(await codes(quickConfig({ ...elsewhere, search: '  steps: -5' })), [
      ...others,
      'wrong-value',
    ]);
    assert.deepEqual(await codes(quickConfig({ ...elsewhere, data: '  context: 16' })), [
      ...others,
      'missing-key',
    ]);
    assert.deepEqual(await codes(quickConfig({ ...elsewhere, rest: 'finetune: {}' })), [
      ...others,
      'missing-key',
    ]);
    // As it is typed from the top.
    assert.deepEqual(await codes('manticore: 1\ncomponents:\n  mamba: { source: ./mambo }\n'), [
      'missing-key',
      'missing-key',
      'missing-key',
      'missing-model',
    ]);
    // What a placeholder stands for is at fault nowhere.
    assert.deepEqual(
      await codes(quickConfig({ hybrid: '  blocks: many\n  mixture:\n    3: { pin: neox }' })),
      ['wrong-type'],
    );
  });

  it('two documents', async () => {
    const codes = (await problemsOf(`${quickConfig()}---\na: 1\n`)).map(({ code }) => code);
    assert.deepEqual(codes, ['several-documents']);
  });

  it('a byte order mark, CRLF and astral characters shift nothing', async () => {
    const crlf = quickConfig({ search: '  steps: 30 # 🜏🜏\n  |stpes|: 1' }).replaceAll('\n', '\r\n');
    await expectProblem(`\uFEFF${crlf}`, 'unknown-key');
  });
});
