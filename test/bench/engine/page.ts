/** `docs/performance.md`, written of the benchmark's own output: nothing in it is typed by hand. */
import { machineLine } from './machine';
import {
  cellsOf,
  gemmCells,
  GEMM_HEADERS,
  HEADERS,
  milliseconds,
  NO_PEER,
  type BenchReport,
} from './report';
import {
  contestantOf,
  isMet,
  plainerRows,
  reportedRows,
  seriesMedians,
  spreadOf,
  type MeasuredRow,
} from './results';
import type { Profile } from './protocol';
import { BENCH_ROWS } from './rows';
import type { ContestantResult } from './taker';

const PROFILE_LINES = 14;

export function pageOf(report: BenchReport): string {
  const parts = [
    '# Performance',
    'Written by `npm run bench -- --write docs/performance.md`; see the end for how it is measured.',
    machineLine(report.machine, report.versions),
    '## Beside PyTorch',
    rowsTable(report),
    ...missing(report),
    report.measured.some((each) => contestantOf(each, 'peer')) ? detail(report) : NO_PEER,
    ...besides(report),
    ...growth(report),
    ...profiles(report),
    '## How it is measured',
    METHOD(report),
  ];
  return `${parts.join('\n\n')}\n`;
}

function rowsTable({ measured }: BenchReport): string {
  const rows = measured.flatMap((each) =>
    reportedRows(each).map((reported) => cellsOf(each.row, reported)),
  );
  return table([...HEADERS], rows);
}

/** Rows that no go has measured: a page without them must not look whole. */
function missing({ measured }: BenchReport): string[] {
  const rows = BENCH_ROWS.filter(({ name }) => !measured.some(({ row }) => row.name === name));
  if (rows.length === 0) return [];
  return [`Not measured here: ${rows.map(({ title, size }) => `${title}, ${size}`).join('; ')}.`];
}

/** How sure the figures are, and what PyTorch's other scan took. */
function detail({ measured }: BenchReport): string {
  const rows = measured.flatMap((each) => {
    const { row, measurement } = each;
    const peer = contestantOf(each, 'peer');
    const ours = contestantOf(each, 'ours')!;
    const dropped = measurement.contestants.find(({ finished }) => !finished);
    return [
      [
        row.name,
        each.load.toFixed(1),
        percent(spreadOf(row, ours)),
        peer ? percent(spreadOf(row, peer)) : '–',
        `${measurement.checked}, ${measurement.difference.toExponential(1)}`,
        megabytes(ours.tensorBytes),
        `${megabytes(ours.processBytes)}, ${megabytes(peer?.processBytes)}`,
        peer && dropped ? scanOf(peer) : '–',
        dropped ? droppedCell(each, dropped) : '–',
      ],
    ];
  });
  return table(
    [
      'row',
      'load before',
      'ours varies by',
      'PyTorch varies by',
      'numbers compared, largest difference',
      'our tensors alone',
      'whole process, ours and PyTorch’s',
      'PyTorch’s scan',
      'its other scan',
    ],
    rows,
  );
}

const scanOf = ({ name }: ContestantResult) =>
  name.endsWith('mambapy') ? 'mambapy, parallel' : 'transformers, a loop';

function droppedCell({ row }: MeasuredRow, dropped: ContestantResult): string {
  const [series] = dropped.turns;
  const time = series ? `${milliseconds(series.at(-1)!)} ${row.unit}` : '–';
  return `${scanOf(dropped)}: ${time}, ${megabytes(dropped.memoryBytes)}`;
}

function besides({ measured, gemm }: BenchReport): string[] {
  const rows = measured.flatMap((each) =>
    plainerRows(each).map((reported) => [
      ...cellsOf(each.row, reported).slice(0, 2),
      `${reported.tier}, Node ${reported.node}`,
      ...cellsOf(each.row, reported).slice(3, 6),
    ]),
  );
  const parts: string[] = [];
  if (rows.length > 0) {
    parts.push(
      '## Without joined vectors',
      'The same rows where V8 does not join 128-bit operations into 256-bit ones: the kernels with fused multiply-add ' +
        '(`relaxed`) on the same Node, and those that Node 20 takes (`simd`). They take every second turn.',
      table(['row', 'size', 'build', 'ours', 'PyTorch', 'ratio'], rows),
    );
  }
  if (gemm.length > 0) {
    parts.push(
      '## The matrix product',
      'A product of 512 × 512 matrices beside what the same instructions reach when they wait for no memory.',
      table([...GEMM_HEADERS], gemm.map(gemmCells)),
    );
  }
  return parts;
}

function growth({ measured }: BenchReport): string[] {
  return measured.flatMap((each) => {
    const { row } = each;
    if (row.kind !== 'scan') return [];
    const line = (name: string, contestant: ContestantResult | undefined) =>
      contestant === undefined
        ? []
        : [[name, ...seriesMedians(contestant.turns).map(milliseconds)]];
    return [
      '## The scan by length',
      `${row.size}; ${row.unit}.`,
      table(
        ['', ...row.lengths.map(String)],
        [
          ...line('ours', contestantOf(each, 'ours')),
          ...line('PyTorch', contestantOf(each, 'peer')),
        ],
      ),
    ];
  });
}

/** The rows that were profiled: those that fall short, unless all were asked for. */
function profiles({ measured }: BenchReport): string[] {
  const parts = measured.flatMap((each) => {
    const ours = contestantOf(each, 'ours')?.profile;
    if (!ours) return [];
    const missed = reportedRows(each).filter((row) => isMet(row) === false);
    const why = missed.map(
      ({ metric, ratio, target }) => `${metric} ${ratio!.toFixed(2)}, not ${target}`,
    );
    const peer = contestantOf(each, 'peer')?.profile;
    return [
      `### ${each.row.title}, ${each.row.size}`,
      ...(why.length > 0 ? [`Falls short: ${why.join('; ')}.`] : []),
      profileTable('ours', ours),
      ...(peer ? [profileTable('PyTorch', peer)] : []),
    ];
  });
  return parts.length === 0 ? [] : ['## Where the time goes', ...parts];
}

function profileTable(side: string, { total, lines }: Profile): string {
  const shownLines = lines.filter(({ milliseconds: each }) => each > 0).slice(0, PROFILE_LINES);
  const rest = lines.slice(shownLines.length).reduce((sum, line) => sum + line.milliseconds, 0);
  return table(
    [`${side}, ${milliseconds(total)} ms under the profiler`, 'ms', 'share', 'calls'],
    [
      ...shownLines.map((line) => [
        `\`${line.name}\``,
        milliseconds(line.milliseconds),
        percent(line.milliseconds / total),
        line.calls.toFixed(0),
      ]),
      ['all others', milliseconds(rest), percent(rest / total), ''],
    ],
  );
}

const megabytes = (bytes: number | null | undefined): string =>
  bytes === null || bytes === undefined ? '–' : `${(bytes / 1e6).toFixed(0)} MB`;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headers), line(headers.map(() => '---')), ...rows.map(line)].join('\n');
}

const METHOD = ({ turns, threads }: BenchReport): string =>
  `- Each row starts a fresh process for either side, on the same weights (safetensors) and the same tokens, float32, ` +
  `${threads} threads each. Before anything is timed both train some steps, or write the text, and must get the same losses ` +
  `to 1e-4, or the same ids; how many numbers were compared, and how far they lie apart, stands above.
- Then they take turns, ${turns} times; while one computes, the other sleeps (\`OMP_WAIT_POLICY=PASSIVE\`). A figure is the ` +
  `median of its turns; a ratio is ours over PyTorch’s, smaller is better. “Varies by” is half the distance of the quartiles. ` +
  `The load average says what else the machine did.
- Our side is the product: its compute process’s Node with its flags, the job that a run steps (\`TrainingJob\`), the decoding behind ` +
  `\`manticore generate\`. A component alone is a hybrid of one component with α fixed; the hybrids are searched with ` +
  `\`darts\`, \`simultaneous\`: every step updates weights and α. Gradients are clipped; AdamW decays matrices alone.
- PyTorch’s side is \`transformers\`’ own modules (\`GPTNeoXForCausalLM\` with its fused attention, \`MambaForCausalLM\`), ` +
  `eager, with \`torch.optim.AdamW(fused=True)\`. Mamba’s scan is \`transformers\`’ loop or \`mambapy\`’s parallel scan, ` +
  `whichever is faster in the row: by its second step, the scan alone by a turn, or by the first step where that takes four times ` +
  `the other’s; what the other took stands above. The hybrid is written of the same modules (\`test/bench/engine/peer/hybrid.py\`). Texts are decoded with its caches in inference mode.
- Peak memory is measured alike on both sides: the most bytes resident (\`VmHWM\`, reset before the first step) during the ` +
  `first steps, less what the process held once its libraries were loaded and before a model or an engine was. It counts ` +
  `weights, gradients, moments, activations and what the allocators keep; ours counts the engine, its threads, its compiled ` +
  `kernels and JavaScript’s heap as well.
- A generated token’s time is that of the tokens after the first, which carries the prompt. The scan’s growth is its time a ` +
  `token at the longest length over that at the shortest, on the same number of tokens; its ratio has no PyTorch in it.`;
