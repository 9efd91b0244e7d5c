import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import type { RunEvent } from '../../server/contract/events';
import { createTerminalView } from '../../server/report/terminal';
import type { TerminalOptions } from '../../server/report/terminal';
import {
  alphaLines,
  bar,
  fit,
  plain,
  progressLine,
  textWidth,
} from '../../server/report/terminalDrawings';
import { syntheticPlan, syntheticRun } from './fixtures';

interface Session extends TerminalOptions {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Milliseconds between two events. */
  readonly pace?: number;
}

function show(events: readonly RunEvent[], session: Session = {}): string[] {
  const written: string[] = [];
  let time = 0;
  const io = {
    out: (text: string) => void written.push(text),
    isTTY: session.isTTY ?? false,
    columns: session.columns ?? 80,
  };
  const view = createTerminalView(io, { now: () => time, ...session });
  for (const event of events) {
    time += session.pace ?? 50;
    view.update(event);
  }
  view.end();
  view.end();
  return written;
}

/** Compares with a file of `test/report/golden`; `UPDATE_GOLDEN=1` writes it anew. */
function assertGolden(name: string, text: string): void {
  const file = `test/report/golden/${name}`;
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync('test/report/golden', { recursive: true });
    writeFileSync(file, text);
  }
  assert.equal(text, readFileSync(file, 'utf8'));
}

const small = { seeds: [1, 2], searchSteps: 40, finetuneSteps: 20 };

// The escapes that the view may use: cursor, erase, colours, private modes.
const escapes = new RegExp(`${String.fromCharCode(27)}\\[[?0-9;]*[A-Za-z]`, 'gu');

/** What a terminal shows after these bytes: every line, as far as the view's own escapes go. */
function screen(written: readonly string[]): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const tokens = written
    .join('')
    .matchAll(new RegExp(`${escapes.source}|[\\n\\r]|[^\\n\\r\\u001b]+`, 'gu'));
  for (const [token] of tokens) {
    const up = /\[(\d+)A$/u.exec(token);
    if (token === '\n') {
      row++;
      column = 0;
      lines[row] ??= '';
    } else if (token === '\r') column = 0;
    else if (up) row -= Number(up[1]);
    else if (token.endsWith('[K')) lines[row] = lines[row]!.slice(0, column);
    else if (token.endsWith('[J')) {
      lines[row] = lines[row]!.slice(0, column);
      lines.length = row + 1;
    } else if (!token.startsWith('\u001b')) {
      lines[row] = lines[row]!.slice(0, column) + token + lines[row]!.slice(column + token.length);
      column += token.length;
    }
    assert.ok(row >= 0, 'the cursor left the screen');
  }
  return lines;
}

describe('a run on a pipe', () => {
  it('tells what a search weighs before its first step', () => {
    const [started, ...rest] = syntheticRun({ ...small, blocks: 2 });
    const table = [
      [0.512, 3.25],
      [0.5, 12],
    ];
    const costs = { kind: 'milliseconds' as const, weight: 0.5, table, others: { stripes: 4.125 } };
    const begun: RunEvent = { seq: 1, time: started!.time, type: 'costs', costs };
    const lines = show([started!, begun, ...rest])
      .join('')
      .split('\n');
    const at = lines.findIndex((line) => line.startsWith('The search weighs'));
    assert.deepEqual(lines.slice(at, at + 4), [
      'The search weighs milliseconds of a micro-batch’s forward pass, measured now and kept; λ = 0.500.',
      '  block 1: neox 0.512, mamba 3.25',
      '  block 2: neox 0.500, mamba 12',
      '  alone: stripes 4.13',
    ]);
  });

  it('sums up a resumed run as a whole, from its past, and names the stage that it is in', () => {
    const events = syntheticRun(small);
    const plan = syntheticPlan(small);
    const cut = events.findIndex((event) => event.type === 'step' && event.stage === 'baseline');
    assert.ok(cut > 0);
    const past = [
      ...events.slice(0, cut),
      { ...events.at(-1)!, type: 'finished', status: 'stopped' } as RunEvent,
    ];
    const whole = show(events, { plan }).join('');
    const rest = show(events.slice(cut), { plan, past }).join('');
    const summary = (text: string): string => text.slice(text.indexOf('\nThe hybrid'));
    assert.equal(summary(rest), summary(whole));
    const stage = /^Stage \d+ of \d+: .*$/mu.exec(rest)?.[0];
    assert.ok(stage !== undefined && whole.includes(stage), stage);
    assert.doesNotMatch(stage, /^Stage 1 /);
  });

  it('is plain lines: stages, tenths, evaluations, controls, and the summary', () => {
    const text = show(syntheticRun(small), { plan: syntheticPlan(small) }).join('');
    assert.doesNotMatch(text, escapes);
    assertGolden('run.txt', text);
  });

  it('says what failed and what to do', () => {
    const text = show(syntheticRun({ ...small, end: 'failed' })).join('');
    assert.match(text, /Failed \(disk-full\): No space is left on the disk\.\nFree some space/);
  });

  it('takes ten lines a stage for its steps, however many there are', () => {
    const events = syntheticRun({ seeds: [1], searchSteps: 5000, finetuneSteps: 20 });
    const steps = show(events)
      .join('')
      .match(/^ {2}step [\d,]+ of 5,000/gmu)!;
    assert.equal(steps.length, 10);
  });
});

describe('a run on a terminal', () => {
  it('has one live region, and leaves the summary', () => {
    const written = show(syntheticRun(small), {
      isTTY: true,
      colour: false,
      plan: syntheticPlan(small),
    });
    const lines = screen(written);
    assert.equal(lines.filter((line) => line.startsWith('Stage ')).length, 0);
    assertGolden('summary.txt', lines.join('\n'));
  });

  it('shows stage, progress, loss, speed, time, memory and α while it runs', () => {
    const events = syntheticRun(small);
    const middle = events.findIndex((event) => event.type === 'step' && event.step === 35);
    const lines = screen(
      show(events.slice(0, middle + 1), { isTTY: true, colour: false, plan: syntheticPlan(small) }),
    );
    assertGolden('live.txt', lines.join('\n'));
  });

  it('keeps a line of the caller above the live region', () => {
    const written: string[] = [];
    const events = syntheticRun(small);
    const middle = events.findIndex((event) => event.type === 'step' && event.step === 35);
    const io = { out: (text: string) => void written.push(text), isTTY: true, columns: 80 };
    let time = 0;
    const view = createTerminalView(io, { now: () => (time += 200), colour: false });
    for (const event of events.slice(0, middle)) view.update(event);
    view.say('Stopping after this step.');
    view.update(events[middle]!);
    view.end();
    view.say('too late');
    const lines = screen(written);
    const said = lines.indexOf('Stopping after this step.');
    assert.ok(said >= 0);
    assert.equal(
      lines.findLastIndex((line) => line.startsWith('Stage ')),
      said + 1,
    );
    assert.ok(!lines.includes('too late'));
  });

  it('is drawn ten times a second at most', () => {
    const events = syntheticRun({
      seeds: [1],
      searchSteps: 2000,
      finetuneSteps: 1,
      controls: false,
    }).filter((event) => event.type === 'step' && event.stage === 'search');
    const frames = show(events, { isTTY: true, pace: 1 }).filter((text) => text.includes('?2026h'));
    assert.ok(frames.length <= 2 + 2000 / 100, String(frames.length));
  });

  it('puts the cursor back once, and takes its listeners with it', () => {
    const listeners = (): number[] =>
      ['exit', 'SIGTERM', 'SIGHUP'].map((event) => process.listenerCount(event));
    const before = listeners();
    const text = show(syntheticRun({ ...small, end: 'none' }), { isTTY: true }).join('');
    assert.equal(text.split('\u001b[?25h').length, 2);
    assert.ok(text.lastIndexOf('\u001b[?25h') > text.lastIndexOf('\u001b[?25l'));
    assert.deepEqual(listeners(), before);
  });

  it('puts the cursor back when the process leaves without an end', () => {
    const written: string[] = [];
    const before = process.listeners('exit');
    const view = createTerminalView({
      out: (text) => void written.push(text),
      isTTY: true,
      columns: 80,
    });
    const own = process.listeners('exit').find((listener) => !before.includes(listener))!;
    own(0);
    assert.equal(written.at(-1), '\u001b[?25h');
    view.end();
  });

  it('honours NO_COLOR', () => {
    const kept = process.env['NO_COLOR'];
    const colours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'u');
    try {
      process.env['NO_COLOR'] = '1';
      assert.doesNotMatch(show(syntheticRun(small), { isTTY: true }).join(''), colours);
      delete process.env['NO_COLOR'];
      assert.match(show(syntheticRun(small), { isTTY: true }).join(''), colours);
    } finally {
      if (kept === undefined) delete process.env['NO_COLOR'];
      else process.env['NO_COLOR'] = kept;
    }
  });

  for (const columns of [24, 40, 61, 80, 160]) {
    it(`never writes a line wider than ${columns} columns`, () => {
      const options = { ...small, components: ['neox', 'mamba', 'a-rather-long-component-name'] };
      const written = show(syntheticRun(options), {
        isTTY: true,
        columns,
        plan: syntheticPlan(options),
      });
      for (const line of written.join('').replace(escapes, '').replaceAll('\r', '').split('\n')) {
        assert.ok(textWidth(line) < columns, `${textWidth(line)}: ${line}`);
      }
    });
  }

  it('lets no control character of a name through', () => {
    const options = { ...small, components: ['\u001b]0;owned\u0007neox', 'mam\u009b2Jba'] };
    const text = show(syntheticRun(options), { isTTY: true }).join('').replace(escapes, '');
    assert.doesNotMatch(text.replace(/[\n\r]/gu, ''), /\p{Cc}/u);
  });
});

describe('drawings in text', () => {
  it('draw bars in eighths', () => {
    assert.equal(bar(0.74, 10), '███████▍  ');
    assert.equal(bar(0, 4), '    ');
    assert.equal(bar(1, 4), '████');
    assert.equal(bar(Number.NaN, 2), '  ');
  });

  it('give a bar its width for any share', () => {
    fc.assert(
      fc.property(fc.double(), fc.integer({ min: 1, max: 60 }), (share, width) => {
        assert.equal(textWidth(bar(share, width)), width);
      }),
    );
  });

  it('count wide and combining characters', () => {
    assert.equal(textWidth('🦁a'), 3);
    assert.equal(textWidth('e\u0301'), 1);
    assert.equal(fit('頭abc', 4), '頭a…');
  });

  it('drop the bars before the numbers', () => {
    const marks = [{ block: 1, pinned: 'none' as const, pruned: ['none', 'none'] as const }];
    const draw = (columns: number): string | undefined =>
      alphaLines(['neox', 'mamba'], [[0.74, 0.26]], marks, columns, plain)[0];
    assert.match(draw(60)!, /neox {2}█+.* 0\.74 {2}mamba █.* 0\.26$/);
    assert.equal(draw(26), ' 1  neox  0.74  mamba 0.26');
    assert.match(draw(20)!, /0\.74 .*0\.26/);
  });

  it('show progress in words where a bar has no room', () => {
    assert.equal(progressLine(5, 10, 22, plain), '50 %  step 5 of 10');
  });
});
