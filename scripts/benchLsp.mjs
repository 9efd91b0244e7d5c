/**
 * `npm run bench:lsp`: how long a keystroke takes to become diagnostics in a config of 500 lines, and what the server
 * weighs when nobody types. Talks to the real server over standard input and output. `--json`: numbers alone.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import { ensureBuilt, ensureInstalled } from './ensure.mjs';

/** `DEBOUNCE` of server/lsp/checker.ts, milliseconds. */
const DEBOUNCE = 10;
const LINES = 500;
/** Between two keystrokes, milliseconds: a fast typist. */
const PAUSE = 60;
const WARM_UP = 20;

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
ensureInstalled();
ensureBuilt({ tests: false });

/** Two pretrained components, twenty from scratch, every block with weights of its own: all checks and the plan run. */
function longConfig() {
  const names = Array.from({ length: 20 }, (_, index) => `scratch${index + 1}`);
  const lines = [
    '# A config as long as they get.',
    'manticore: 1',
    'components:',
    '  neox:',
    '    source: ./models/tiny-neox',
    '  mamba:',
    '    source: ./models/tiny-mamba',
    ...names.flatMap((name) => [
      `  ${name}:`,
      '    # A small transformer, drawn at random.',
      '    family: gptNeox',
      '    init: random',
      '    config:',
      '      hidden_size: 64',
      '      num_hidden_layers: 8',
      '      num_attention_heads: 4',
      '      intermediate_size: 256',
      '      vocab_size: 2048',
      '      max_position_embeddings: 512',
      '      rotary_pct: 0.25',
      '      tie_word_embeddings: false',
    ]),
    'hybrid:',
    '  blocks: 4',
    '  tokenizer: neox',
    '  mixture:',
    ...Array.from({ length: 4 }, (_, index) => [
      `    ${index + 1}:`,
      '      init:',
      '        neox: 1',
      ...names.map((name) => `        ${name}: ${(index + 2) / 4}`),
    ]).flat(),
    'data:',
    '  train: { text: ./data/train.txt }',
    '  validation: { text: ./data/valid.txt }',
    '  context: 64',
    'search:',
    '  algorithm: darts',
    '  schedule: alternating',
    '  steps: 300',
    '  batch: 2',
    '  learningRate: 3e-4',
    '  seed: 1',
    'finetune:',
    '  steps: 300',
    'baselines: true',
  ];
  while (lines.length < LINES) lines.push(`# Line ${lines.length + 1}: a remark.`);
  return `${lines.join('\n')}\n`;
}

/** What is typed: where, and the characters one by one. Between them the text is as broken as it is for a user. */
const typing = [
  ['# A config as long as they get.', ' And one more remark.'],
  ['  blocks: 4', ' # of eight layers'],
  ['  learningRate: 3e-4', '\n  warmup: 0.1\n  decay: cosine'],
  ['        scratch7: 0.5', '\n      prune: [scratch3, scratch9]'],
  ['baselines: true', '\nengine: { name: wasm, threads: 2 }'],
];

const folder = mkdtempSync(path.join(tmpdir(), 'manticore-bench-'));
for (const part of ['models', 'data']) {
  cpSync(path.join('examples', part), path.join(folder, part), { recursive: true });
}
// With the flags that client/server.ts gives it.
const flags = ['--max-semi-space-size=2'];
const server = spawn(process.execPath, [...flags, 'dist/lsp.js', '--stdio'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const connection = createMessageConnection(
  new StreamMessageReader(server.stdout),
  new StreamMessageWriter(server.stdin),
);

let awaited;
connection.onNotification('textDocument/publishDiagnostics', ({ version, diagnostics }) => {
  if (awaited && version >= awaited.version) awaited.resolve(diagnostics);
});
connection.onRequest('workspace/configuration', () => [null]);
connection.onRequest('client/registerCapability', () => null);
connection.listen();

const published = (version) => new Promise((resolve) => (awaited = { version, resolve }));
const uri = pathToFileURL(path.join(folder, 'long.manticore.yaml')).href;
let text = longConfig();
let version = 1;

async function begin() {
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    workspaceFolders: [{ uri: pathToFileURL(folder).href, name: 'bench' }],
    initializationOptions: { trusted: true },
  });
  await connection.sendNotification('initialized', {});
  await connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'manticore', version, text },
  });
  await published(1);
  // The headers of both models come in the background.
  await sleep(2000);
}

/** @returns milliseconds until the diagnostics of the text with this character are there */
async function type(offset, character) {
  const before = text.slice(0, offset);
  const line = before.split('\n').length - 1;
  const position = { line, character: offset - (before.lastIndexOf('\n') + 1) };
  text = before + character + text.slice(offset);
  version++;
  const done = published(version);
  const start = performance.now();
  await connection.sendNotification('textDocument/didChange', {
    textDocument: { uri, version },
    contentChanges: [{ range: { start: position, end: position }, text: character }],
  });
  await done;
  return performance.now() - start;
}

/** Resident memory of a process in MB, where the system tells. */
function residentMegabytes(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  } catch {
    return undefined;
  }
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

try {
  await begin();
  const lines = text.split('\n').length - 1;
  const times = [];
  for (const [behind, characters] of typing) {
    let offset = text.indexOf(behind) + behind.length;
    for (const character of characters) {
      times.push(await type(offset, character));
      offset += character.length;
      await sleep(PAUSE);
    }
  }
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  await sleep(5000);
  const rss = residentMegabytes(server.pid);
  const round = (value) => Math.round(value * 10) / 10;
  const median = round(quantile(sorted, 0.5));
  const p95 = round(quantile(sorted, 0.95));
  const numbers = {
    lines,
    keystrokes: sorted.length,
    debounceMs: DEBOUNCE,
    medianMs: median,
    p95Ms: p95,
    medianWithoutDebounceMs: round(median - DEBOUNCE),
    p95WithoutDebounceMs: round(p95 - DEBOUNCE),
    idleMegabytes: rss === undefined ? null : round(rss),
    node: process.version,
  };
  if (options.json) console.log(JSON.stringify(numbers, null, 2));
  else {
    console.log(`A config of ${numbers.lines} lines, ${numbers.keystrokes} keystrokes:`);
    console.log(`  keystroke to diagnostics  median ${median} ms, 95 % within ${p95} ms`);
    console.log(
      `  without the debounce      median ${numbers.medianWithoutDebounceMs} ms, 95 % within ${numbers.p95WithoutDebounceMs} ms`,
    );
    console.log(`  the server when idle      ${numbers.idleMegabytes ?? '?'} MB resident`);
  }
  await connection.sendRequest('shutdown');
  await connection.sendNotification('exit');
} finally {
  connection.dispose();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
