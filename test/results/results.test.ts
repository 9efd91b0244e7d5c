/** `docs/results.md`: what its generator collects, computes and says; and that the page is the one of its data. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readDocument } from '../../server/language/configDocument';
import { formatEventLine } from '../../server/runs/eventSchema';
import { syntheticPlan, syntheticRun } from '../report/fixtures';
import { alphaSection } from './alphaSection';
import { recordsIn } from './collect';
import { commandOf, optionsOf } from './command';
import { CONFIGS, usualOptions } from './experiments';
import { gridSection } from './gridSection';
import { handOverSection } from './handOverSection';
import { modelsSection } from './modelsSection';
import { resultsPage } from './page';
import { mergeRecords, parseRecords, recordsText, type RecordRow, type RunRecord } from './records';

const quickstart = 'examples/quickstart.manticore.yaml';

/** A run of two components; `losses` by subject, for its one seed. */
function record(
  seed: number,
  losses: Readonly<Record<string, number>>,
  more: Partial<RunRecord> = {},
): RunRecord {
  const rows = Object.entries(losses).map(([subject, loss]): RecordRow => ({
    ...{ subject, seed, loss, split: 'test', accuracy: null, parameters: 1e6 },
    stage: subject === 'hybrid' ? 'finetune' : 'baseline',
    ...{ flopsPerToken: 2e6, updates: 10, tokens: 640 },
    trainingFlops: subject === 'hybrid' ? 8e9 : 4e9,
  }));
  return {
    ...{ config: quickstart, options: [], axes: [{ key: 'search.seed', values: [1, 2, 3] }] },
    settings: [{ key: 'search.seed', value: seed }],
    ...{ day: '2026-01-02', version: '0.1.0', task: null, programmed: false },
    engine: { name: 'wasm', device: 'CPU', tier: 'simd', node: 'v24' },
    components: [
      { name: 'neox', family: 'gptNeox' },
      { name: 'mamba', family: 'mamba' },
    ],
    before: { search: 320, projectors: null },
    rows,
    alphas: [{ seed, alphas: [[0.75, 0.25]] }],
    handOver: [],
    ...more,
  };
}

const seeds = (losses: readonly Readonly<Record<string, number>>[]): readonly RunRecord[] =>
  losses.map((each, index) => record(index + 1, each));

describe('the results', () => {
  it('in docs are what docs/results.json makes', async () => {
    const prettier = createRequire(path.resolve('package.json'))('prettier') as {
      resolveConfig(file: string): Promise<object | null>;
      format(text: string, options: object): Promise<string>;
    };
    const file = path.resolve('docs/results.md');
    const json = readFileSync(path.resolve('docs/results.json'), 'utf8');
    const records = parseRecords(json, 'docs/results.json');
    const { markdown, pictures } = resultsPage(records);
    const options = { ...(await prettier.resolveConfig(file)), filepath: file };
    assert.equal(readFileSync(file, 'utf8'), await prettier.format(markdown, options));
    for (const [name, svg] of pictures) {
      assert.equal(readFileSync(path.resolve('docs', name), 'utf8'), svg);
    }
    assert.equal(json, recordsText(mergeRecords([], records)));
  });

  it('are of configs that are there', () => {
    for (const config of CONFIGS) {
      const { data } = readDocument(readFileSync(path.resolve(config), 'utf8'));
      // A grid of its own has its seeds.
      assert.equal(
        usualOptions(config).length === 0,
        Object.hasOwn(data as object, 'sweep'),
        config,
      );
    }
  });

  describe('of a run folder', () => {
    let dir: string;
    beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), 'manticore-results-'))));
    afterEach(() => rmSync(dir, { recursive: true, force: true }));

    function writeRun(config: string, snapshot: string): void {
      const options = { seeds: [1, 2, 3], searchSteps: 30, finetuneSteps: 20 };
      const lines = syntheticRun(options).map((event) => `${formatEventLine(event)}\n`);
      const manifest = {
        ...{ id: 'abc123', config, pid: 1, startedAt: '2026-05-06T09:30:00.000Z', state: 'done' },
        engine: { name: 'wasm', device: 'CPU', tier: 'simd', threads: 1, node: 'v24' },
        versions: { manticore: '0.1.0' },
      };
      mkdirSync(dir, { recursive: true });
      writeFileSync(path.join(dir, 'events.jsonl'), lines.join(''));
      writeFileSync(path.join(dir, 'config.manticore.yaml'), snapshot);
      writeFileSync(path.join(dir, 'plan.json'), JSON.stringify(syntheticPlan(options)));
      writeFileSync(path.join(dir, 'run.json'), JSON.stringify(manifest));
    }

    const committed = readFileSync(path.resolve(quickstart), 'utf8');

    it('are its last stages on validation and test, and how it was started', async () => {
      writeRun(`/elsewhere/${quickstart}`, committed.replace('steps: 120', 'steps: 30'));
      const [made, ...more] = await recordsIn(dir, process.cwd(), CONFIGS);
      assert.ok(made);
      assert.equal(more.length, 0);
      assert.deepEqual(made.options, ['search.steps=30']);
      assert.equal(made.day, '2026-05-06');
      assert.deepEqual(
        [...new Set(made.rows.map(({ subject, stage }) => `${subject} ${stage}`))].sort(),
        ['hybrid finetune', 'mamba baseline', 'neox baseline'],
      );
      assert.deepEqual([...new Set(made.rows.map(({ seed }) => seed))], [1, 2, 3]);
      assert.ok(made.before.search !== null && made.before.search > 0);
      assert.equal(made.alphas.length, 3);
    });

    it('are refused of a config that is no experiment, or not its own', async () => {
      writeRun('/elsewhere/other.manticore.yaml', committed);
      await assert.rejects(recordsIn(dir, process.cwd(), CONFIGS), /which is no experiment/);
      writeRun(`/elsewhere/${quickstart}`, committed.replace(/^finetune:\n.*\n.*\n/m, ''));
      await assert.rejects(recordsIn(dir, process.cwd(), CONFIGS), /not the repository's/);
    });
  });

  it('name the options that make a config of the one in the repository', () => {
    const config = 'search:\n  steps: 9\n  seed: 1\nengine: auto\n';
    const sweep = `${config.replace('9', '3')}sweep:\n  search.seed: [1, 2]\n`;
    const options = ['search.steps=3', 'sweep={ search.seed: [1, 2] }'];
    assert.deepEqual(optionsOf(config, sweep), options);
    assert.deepEqual(optionsOf(config, config.replace('auto', '{ threads: 1 }')), []);
    assert.throws(() => optionsOf(`${config}finetune: false\n`, config), /not the repository's/);
    assert.equal(commandOf('a.yaml', ['x=1']), `manticore search a.yaml --set 'x=1'`);
  });

  it('say who wins by intervals over paired seeds', () => {
    const outcome = (losses: readonly Readonly<Record<string, number>>[]) => {
      const { blocks, verdicts } = modelsSection(seeds(losses));
      return { text: blocks.join('\n'), outcomes: verdicts.map(({ verdict }) => verdict.outcome) };
    };
    // 0.1 below each time, however far the seeds are apart.
    const wins = outcome([1, 2, 3].map((k) => ({ hybrid: k, neox: k + 0.1, mamba: k + 0.3 })));
    assert.deepEqual(wins.outcomes, ['wins']);
    assert.match(wins.text, /At equal tokens the hybrid wins\*\*: its loss is 0\.100 nats below/);
    assert.match(wins.text, /= tokens/);
    assert.match(wins.text, /0\.50 ×/);
    assert.match(wins.text, /gives the best component, neox, in 3 of 3 seeds/);
    const loses = outcome([1, 2, 3].map((k) => ({ hybrid: k, neox: k - 0.1, mamba: k + 0.3 })));
    assert.deepEqual(loses.outcomes, ['loses']);
    assert.match(loses.text, /does not win\*\*: its loss is 0\.100 nats above/);
    const open = outcome([
      { hybrid: 1, neox: 1.3, mamba: 2 },
      { hybrid: 1, neox: 0.9, mamba: 2 },
      { hybrid: 1, neox: 1.1, mamba: 2 },
    ]);
    assert.deepEqual(open.outcomes, ['open']);
    // t(2) = 4.303 and a standard deviation of 0.2: 0.1 ± 0.497.
    assert.match(open.text, /95 % interval −0\.597 to \+0\.397 over 3 seeds/);
    const alone = outcome([{ hybrid: 1, neox: 1.3, mamba: 2 }]);
    assert.deepEqual(alone.outcomes, ['open']);
  });

  it('compare at each budget with the best of that budget', () => {
    const match = (kind: string, flops: number, loss: number) =>
      seeds([1, 2, 3].map((k) => ({ hybrid: k, neox: k + loss, mamba: k + 1 }))).map((each) => ({
        ...each,
        settings: [{ key: 'baselines.match', value: kind }, ...each.settings],
        rows: each.rows.map((row) =>
          row.subject === 'hybrid' ? row : { ...row, tokens: flops / 8e6, trainingFlops: flops },
        ),
      }));
    const { verdicts, blocks } = modelsSection([
      ...match('steps', 4e9, 0.1).map((each) => ({
        ...each,
        rows: each.rows.map((row) => ({ ...row, tokens: 640 })),
      })),
      ...match('flops', 8e9, -0.1),
    ]);
    assert.deepEqual(
      verdicts.map(({ verdict }) => `${verdict.budget} ${verdict.outcome}`),
      ['tokens wins', 'FLOPs loses'],
    );
    // The hybrid is the same in both: it stands once, of no setting.
    assert.equal(blocks[0]!.match(/hybrid, searched \|/g)?.length ?? 0, 1);
  });

  it('tell programmed α from those of a search on the data', () => {
    const { verdicts, blocks } = modelsSection(
      [1, 2, 3].map((seed) =>
        record(seed, { hybrid: 1.2, searched: 1.1, neox: 1.15, mamba: 2 }, { programmed: true }),
      ),
    );
    assert.deepEqual(
      verdicts.map(({ verdict }) => `${verdict.hybrid.role} ${verdict.outcome}`),
      ['programmed loses', 'hybrid wins'],
    );
    assert.match(blocks[0]!, /\| hybrid, programmed \|/);
    assert.match(blocks[1]!, /the programmed hybrid does not win/);
  });

  it('beside a hard hand-over are paired by seed', () => {
    const cell = (gate: string, seed: number, hard: number, table: number[][]) =>
      record(
        seed,
        { hybrid: 2 },
        {
          axes: [
            { key: 'hybrid.gate', values: ['paper', 'transition'] },
            { key: 'hybrid.blocks', values: [2] },
            { key: 'search.seed', values: [1, 2] },
          ],
          settings: [
            { key: 'hybrid.gate', value: gate },
            { key: 'hybrid.blocks', value: 2 },
            { key: 'search.seed', value: seed },
          ],
          handOver: (['soft', 'argmax', 'threshold'] as const).map((alphas) => ({
            ...{ seed, alphas, flopsPerToken: alphas === 'argmax' ? 1 : 2 },
            loss: seed + (alphas === 'argmax' ? hard : 0),
          })),
          alphas: [{ seed, alphas: table }],
        },
      );
    const page = (table: number[][]): string =>
      handOverSection([
        ...[1, 2].map((seed) => cell('paper', seed, 0.5, table)),
        ...[1, 2].map((seed) => cell('transition', seed, 0.2, table)),
      ]).blocks.join('\n');
    const text = page([
      [0.9, 0.1],
      [0.2, 0.8],
    ]);
    assert.match(
      text,
      /\| paper \| 2 \| 1\.500 ± \S+ \| \+0\.500 \(\+0\.500 to \+0\.500\) \| 0\.000/,
    );
    assert.match(text, /2 blocks: `transition` survives better: −0\.300 \(−0\.300 to −0\.300\)/);
    assert.match(text, /\| 0\.50 \| 1\.0 \|/);
    const alone = page([
      [0.9, 0.1],
      [0.8, 0.2],
    ]);
    assert.match(alone, /2 blocks: nothing is handed over: −0\.300/);
  });

  it('draw the searched α among those by hand', () => {
    const values = ['mamba', { neox: 0.5, mamba: 0.5 }, 'neox'];
    const axes = [
      { key: 'search.seed', values: [1, 2, 3] },
      { key: 'hybrid.mixture.all.pin', values },
    ];
    const byHand = values.flatMap((value, place) =>
      [1, 2, 3].map((seed) =>
        record(
          seed,
          { hybrid: seed + [0.3, 0.1, 0.2][place]! },
          {
            axes,
            settings: [
              { key: 'search.seed', value: seed },
              { key: 'hybrid.mixture.all.pin', value },
            ],
          },
        ),
      ),
    );
    const validated = (records: readonly RunRecord[]) =>
      records.map((each) => ({
        ...each,
        rows: each.rows.flatMap((row) => [row, { ...row, split: 'validation' as const }]),
      }));
    const searched = validated(seeds([1, 2, 3].map((seed) => ({ hybrid: seed, neox: 9 }))));
    const { blocks, picture } = alphaSection(searched, validated(byHand), 'x.svg');
    const text = blocks.join('\n');
    assert.match(text, /\| searched, mean α of neox 0\.75 \| 3 \| 2\.000 ± \S+ \| – \|/);
    assert.match(text, /\| mamba \| 3 \| 2\.300 ± \S+ \| \+0\.300 \(\+0\.300 to \+0\.300\) \|/);
    assert.match(
      text,
      /validation chooses neox 0\.5, mamba 0\.5: .*\*\*The search finds better\*\*.* −0\.100 \(/,
    );
    assert.match(
      text,
      /\*\*This mixture wins over both components alone\*\*: beside α all neox, .* −0\.100 \(/,
    );
    assert.match(picture, /searched at neox 0\.75, mamba 0\.25: 2\.000/);
    assert.match(picture, /hybrid at neox 0\.5, mamba 0\.5: 2\.100/);
  });

  it('of a grid are what validation chooses, reported on test', () => {
    const axes = [
      { key: 'search.learningRate', values: [1e-3, 1e-4] },
      { key: 'search.seed', values: [1, 2, 3] },
    ];
    const cell = (rate: number, validation: number, test: number, neox: number, seed = 1) => {
      const settings = [
        { key: 'search.learningRate', value: rate },
        { key: 'search.seed', value: seed },
      ];
      const own = record(seed, { hybrid: test, neox }, { axes, settings });
      const rows = own.rows.flatMap((row) => [
        row,
        {
          ...row,
          split: 'validation' as const,
          loss: row.subject === 'hybrid' ? validation : row.loss,
        },
      ]);
      return { ...own, rows };
    };
    const { blocks } = gridSection([cell(1e-3, 1, 3, 4), cell(1e-4, 2, 2, 2.5)]);
    assert.match(blocks[0]!, /\| hybrid \| learningRate 0\.001 \| .* \| 1\.000 \| 3\.000 \|/);
    assert.match(
      blocks[1]!,
      /^Here chance is not ruled out: \+0\.500 nats beside neox, the best of the others\.$/,
    );
    assert.match(blocks[2]!, /One seed a cell/);
    const { blocks: several } = gridSection(
      [1, 2, 3].flatMap((seed) => [
        cell(1e-3, 1, 3 + seed / 10, 4 + seed / 5, seed),
        cell(1e-4, 2, 2, 9, seed),
      ]),
    );
    assert.match(
      several[1]!,
      /^\*\*Here the hybrid wins\*\*: −1\.200 \(−1\.448 to −0\.952\) nats beside neox, .*, 3 paired seeds\.$/,
    );
    assert.equal(several.length, 2);
  });

  it('of newer runs take the place of older ones, in the order of the grid', () => {
    const older = seeds([{ hybrid: 3 }, { hybrid: 2 }]);
    const merged = mergeRecords([older[1]!, older[0]!], [record(2, { hybrid: 1 })]);
    assert.deepEqual(
      merged.map(({ rows }) => rows[0]!.loss),
      [3, 1],
    );
    assert.deepEqual(parseRecords(recordsText(merged), ''), merged);
    assert.throws(
      () => parseRecords('{"format":"other"}', 'x.json'),
      /x\.json is no file of results/,
    );
  });

  it('that are missing are named', () => {
    const { markdown } = resultsPage(seeds([{ hybrid: 1, neox: 2, mamba: 3 }]));
    assert.match(
      markdown,
      /## Not run here[^]*search examples\/experiments\/gates\/deep\.manticore\.yaml\n/,
    );
    assert.match(
      markdown,
      /cost\/flops\.manticore\.yaml --set 'sweep=\{ search\.seed: \[1, 2, 3\] \}'\n/,
    );
    assert.match(markdown, /manticore search examples\/quickstart\.manticore\.yaml\n/);
  });
});
