/**
 * Chat templates against transformers (`test/reference/chatTemplates.py`), the ways in which a span can't be told, and
 * what a hostile template comes to.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TemplateRenderer } from '../../../server/compute/templates/renderer';
import { SpanTemplate, type TemplateMessage } from '../../../server/compute/templates/spans';
import { encodeRow, textTokenizerOf } from '../../../server/compute/tasks/tokens';
import { loadTokenizer } from '../../../server/weights/tokenizer';
import { TEMPLATE_PROGRAM } from '../tasks/loading';

const golden = path.resolve('test/compute/templates/golden');
const templateOf = (name: string) => readFile(path.join(golden, `${name}.jinja`), 'utf8');

interface Case {
  readonly tokenizer: string;
  readonly template: string;
  readonly messages: readonly TemplateMessage[];
  readonly text: string;
  readonly ids: readonly number[];
  readonly mask: readonly number[];
  readonly prefixMask: readonly number[];
}

/** Ids and mask of all of a rendering. */
function encoded(
  tokenizer: ReturnType<typeof textTokenizerOf>,
  rendering: ReturnType<SpanTemplate['chat']>,
) {
  const { ids } = encodeRow(rendering, tokenizer, { most: 10_000, ends: false });
  return {
    ids: Array.from(ids!, (id) => (id < 0 ? ~id : id)),
    mask: Array.from(ids!, (id) => Number(id >= 0)),
  };
}

describe('chat templates', () => {
  it('give the texts, tokens and scored tokens that transformers gives', async () => {
    const cases = JSON.parse(
      await readFile(path.join(golden, 'renderings.json'), 'utf8'),
    ) as readonly Case[];
    assert.equal(cases.length, 16);
    for (const { tokenizer: name, template, messages, text, ids, mask, prefixMask } of cases) {
      const tokenizer = textTokenizerOf(
        await loadTokenizer(path.resolve('test/weights/golden', name)),
      );
      const source = await templateOf(template);
      const what = `${name} ${template}`;
      const marked = new SpanTemplate(source, tokenizer.specialTexts!).chat(messages);
      assert.equal(marked.text, text, what);
      assert.deepEqual(encoded(tokenizer, marked), { ids, mask }, what);
      // Without its marks the same text, and spans by prefixes.
      const plain = source.replaceAll(
        /\{%(-?)\s*(?:end)?generation\s*(-?)%\}/g,
        '{%$1 if true %}{% endif $2%}',
      );
      const prefixes = new SpanTemplate(plain, tokenizer.specialTexts!).chat(messages);
      assert.equal(prefixes.text, text, what);
      assert.deepEqual(encoded(tokenizer, prefixes), { ids, mask: prefixMask }, what);
    }
  });

  const talk: TemplateMessage[] = [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
    { role: 'user', content: 'r' },
    { role: 'assistant', content: 'b' },
  ];
  const spansOf = (template: string) => {
    const { text, spans } = new SpanTemplate(template, { eos_token: '</s>' }).chat(talk);
    return spans.map(([start, end]) => text.slice(start, end));
  };

  it('score a turn with its end mark, found by prefixes or where the template says', () => {
    const plain = `{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`;
    assert.deepEqual(spansOf(plain), ['a</s>', 'b</s>']);
    const marked = `{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ eos_token }}{% endfor %}`;
    assert.deepEqual(spansOf(marked), ['a', 'b']);
  });

  it('refuse what has no exact spans', () => {
    const reversed = '{% for m in messages | reverse %}{{ m.content }};{% endfor %}';
    assert.throws(() => spansOf(reversed), /can’t be told/);
    const lastOnly = `{% for m in messages %}{{ m.content }}{% if loop.last %}!{% endif %};{% endfor %}`;
    assert.throws(() => spansOf(lastOnly), /can’t be told/);
    const twice = '{% generation %}a{% generation %}b{% endgeneration %}{% endgeneration %}';
    assert.throws(() => spansOf(twice), /not closed one by one/);
    const odd =
      '{% generation %}{% if true %}{% endif %}{{ generation_open is defined }}{% endgeneration %}';
    assert.throws(() => spansOf(odd), /change what it writes/);
    assert.throws(() => spansOf("{{ raise_exception('No system, please') }}"), /No system, please/);
    assert.throws(() => spansOf('{% for m in messages %}'));
    assert.throws(() => spansOf('{{ strftime_now("%Y") }}'), 'the clock is no part of the data');
  });

  it('score a pair from its response on', () => {
    const pair = { prompt: 'p', input: 'i', response: 'r' };
    const of = (template: string, example: Parameters<SpanTemplate['pair']>[0] = pair) => {
      const { text, spans } = new SpanTemplate(template, {}).pair(example);
      return spans.map(([start, end]) => [text.slice(0, start), text.slice(start, end)]);
    };
    const alpaca = `### {{ prompt }}{% if input %} ({{ input }}){% endif %}\n{{ response | trim }}<end>`;
    assert.deepEqual(of(alpaca), [['### p (i)', 'r<end>']]);
    assert.deepEqual(of(alpaca, { prompt: 'p', response: ' r ' }), [['### p', 'r<end>']]);
    assert.deepEqual(of('{{ messages[0].content }}|{{ messages[1].content }}'), [['p\ni|', 'r']]);
    assert.throws(() => of('{{ prompt }}'), /leaves out the response/);
    assert.throws(() => of('{{ response }}{{ response }}'), /repeats the response/);
    assert.throws(() => of('{{ response | length }}{{ response }}'), /depends on the response/);
  });
});

describe('the process that renders templates', () => {
  const start = (source: string, limits?: { patience: number; heap: number }) =>
    TemplateRenderer.start(
      TEMPLATE_PROGRAM,
      { name: 'test', source, tokens: { eos_token: '!' } },
      limits,
    );
  const pair = { prompt: 'p', response: 'r' };
  const failsWith = async (
    source: string,
    message: RegExp,
    limits?: { patience: number; heap: number },
  ) => {
    const renderer = await start(source, limits);
    try {
      await assert.rejects(renderer.render([pair]), { code: 'bad-template', message });
    } finally {
      renderer.close();
    }
  };

  it('answers in order, and is gone when it is closed', async () => {
    const renderer = await start('{{ prompt }}:{{ response }}{{ eos_token }}');
    const rendered = await renderer.render([pair, { prompt: '1', response: '2' }]);
    assert.deepEqual(rendered, [
      { text: 'p:r!', spans: [[2, 4]] },
      { text: '1:2!', spans: [[2, 4]] },
    ]);
    renderer.close();
    await assert.rejects(renderer.render([pair]), { code: 'bad-template' });
  });

  it('refuses what is no Jinja before anything is read', async () => {
    await assert.rejects(start('{% if %}'), { code: 'bad-template' });
    await assert.rejects(start(' '.repeat(2 ** 20 + 1)), {
      code: 'bad-template',
      message: /characters/,
    });
  });

  it('ends a template that takes the time or the memory', async () => {
    const loop = (body: string) =>
      `{% for a in range(99999) %}{% for b in range(99999) %}${body}{% endfor %}{% endfor %}{{ response }}`;
    await failsWith(loop(''), /takes too long/, { patience: 1500, heap: 256 });
    const grow = `{% set ns = namespace(x='xxxxxxxxxx') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x ~ response }}`;
    await failsWith(grow, /./, { patience: 20_000, heap: 64 });
    await failsWith('{{ range(100001) }}{{ response }}', /more than 100000 numbers/);
  });

  it('shows it nothing of the process', async () => {
    const renderer = await start(
      '{{ process is defined }} {{ require is defined }} {{ prompt.constructor }} {{ messages.__proto__ }} {{ globalThis is defined }} {{ response }}',
    );
    const [rendering] = await renderer.render([pair]);
    assert.doesNotMatch(rendering!.text, /true|function|native|Object/);
    renderer.close();
  });
});
