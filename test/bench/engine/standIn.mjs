/**
 * A stand-in for either side in the benchmark's tests: answers as it is told by its argument, a JSON object of
 * `values` (what `check` answers), `memoryBytes`, `milliseconds` (one list a turn, the last one again and again) and
 * `endsAt` (a request that it dies at). Writes each request it gets to the file `log`, with its name.
 */
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const told = JSON.parse(process.argv[2]);
let turn = 0;

const answers = {
  load: () => ({ versions: { [told.name]: '1.0' } }),
  check: () => ({ values: told.values, memoryBytes: told.memoryBytes, processBytes: 9e6 }),
  turn: () => ({
    milliseconds: told.milliseconds[Math.min(turn++, told.milliseconds.length - 1)],
  }),
  profile: ({ count }) => ({ total: 2, lines: [{ name: 'gemm', milliseconds: 1, calls: count }] }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  appendFileSync(told.log, `${told.name} ${ask.do}\n`);
  if (ask.do === told.endsAt) process.exit(3);
  process.stdout.write(`${JSON.stringify(answers[ask.do](ask))}\n`);
}
