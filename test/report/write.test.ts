import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  mkdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runReport } from '../../server/cli/report';
import type { ReportModel } from '../../server/report/modelTypes';
import { writeReport } from '../../server/report/write';
import { formatEventLine } from '../../server/runs/eventSchema';
import { syntheticConfig, syntheticPlan, syntheticRun } from './fixtures';

describe('writing a report', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'manticore-report-'));
    const events = syntheticRun({ seeds: [1], searchSteps: 30, finetuneSteps: 20 });
    const lines = events.map((event) => `${formatEventLine(event)}\n`).join('');
    writeFileSync(path.join(dir, 'events.jsonl'), lines);
    writeFileSync(path.join(dir, 'config.manticore.yaml'), syntheticConfig);
    writeFileSync(path.join(dir, 'plan.json'), JSON.stringify(syntheticPlan()));
    writeFileSync(
      path.join(dir, 'run.json'),
      JSON.stringify({
        id: 'abc123',
        config: 'quickstart.manticore.yaml',
        pid: 1,
        startedAt: '2025-05-06T09:30:00.000Z',
        state: 'done',
        engine: { name: 'wasm', device: 'CPU', tier: 'simd128', threads: 1, node: 'v24' },
        versions: {},
      }),
    );
  });

  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const result = (): string[] => readdirSync(path.join(dir, 'result')).sort();

  it('leaves four whole files and nothing aside', async () => {
    await writeReport(dir);
    assert.deepEqual(result(), ['heatmap.png', 'heatmap.svg', 'report.html', 'report.json']);
    const json = JSON.parse(
      readFileSync(path.join(dir, 'result', 'report.json'), 'utf8'),
    ) as ReportModel;
    assert.equal(json.format, 'manticore-report');
    assert.equal(json.run.state, 'done');
    assert.equal(json.config, syntheticConfig);
  });

  it('is the same bytes each time', async () => {
    const read = (): Buffer[] =>
      result().map((name) => readFileSync(path.join(dir, 'result', name)));
    await writeReport(dir);
    const first = read();
    await writeReport(dir);
    assert.deepEqual(read(), first);
  });

  it('does without a plan, a config or the end of the log', async () => {
    rmSync(path.join(dir, 'plan.json'));
    rmSync(path.join(dir, 'config.manticore.yaml'));
    const log = readFileSync(path.join(dir, 'events.jsonl'));
    writeFileSync(path.join(dir, 'events.jsonl'), log.subarray(0, Math.floor(log.length / 2)));
    const { model } = await writeReport(dir);
    assert.equal(model.run.state, 'unfinished');
    assert.equal(model.config, null);
    assert.ok(model.alphas.mean);
  });

  it('does not follow a link out of the run folder', async () => {
    const elsewhere = path.join(dir, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, path.join(dir, 'result'));
    await assert.rejects(writeReport(dir), { code: 'unsafe-file' });
    assert.deepEqual(readdirSync(elsewhere), []);
  });

  it('by the command says the headline and the path, or JSON alone', async () => {
    const said = async (json: boolean): Promise<string> => {
      let out = '';
      const io = {
        out: (text: string) => void (out += text),
        err: () => assert.fail('nothing is wrong'),
        json,
        isTTY: false,
        columns: 80,
        signal: new AbortController().signal,
        impatience: new AbortController().signal,
      };
      assert.equal(await runReport(dir, io), 0);
      return out;
    };
    assert.match(await said(false), /^The hybrid's validation loss .*\n.*report\.html\n$/u);
    const parsed = JSON.parse(await said(true)) as Record<string, string>;
    assert.equal(parsed['state'], 'done');
    assert.ok(parsed['png']!.endsWith('heatmap.png'));
  });

  it('refuses a folder that is no run, and writes nothing there', async () => {
    rmSync(path.join(dir, 'run.json'));
    const said: string[] = [];
    const io = {
      out: () => undefined,
      err: (text: string) => void said.push(text),
      json: false,
      isTTY: false,
      columns: 80,
      signal: new AbortController().signal,
      impatience: new AbortController().signal,
    };
    assert.equal(await runReport(dir, io), 1);
    assert.match(said.join(''), /run-not-found/);
    assert.ok(!readdirSync(dir).includes('result'));
  });
});
