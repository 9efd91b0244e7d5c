/** `npm run results`: `docs/results.md` of `docs/results.json`, and of the run folders and sweep folders that are named. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { recordsIn } from './collect';
import { CONFIGS } from './experiments';
import { resultsPage } from './page';
import { mergeRecords, readRecords, recordsText } from './records';

const USAGE = `npm run results -- [RUN OR SWEEP FOLDERS…] [--write docs/results.md] [--new]

Writes the page, the pictures beside it, and a .json beside it that holds what it is made of. Runs of the folders take the
place of older ones of the same config, options and cell; without folders the page is made of the .json alone.
--new: forgets what the .json holds.`;

const { values, positionals } = parseArgs({
  options: {
    write: { type: 'string', default: 'docs/results.md' },
    new: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const page = path.resolve(values.write);
const json = page.replace(/\.md$/, '.json');
const older = values.new ? [] : await readRecords(json);
let records = older;
for (const folder of positionals) {
  const found = await recordsIn(path.resolve(folder), process.cwd(), CONFIGS);
  console.error(`${folder}: ${found.length} finished runs`);
  records = mergeRecords(records, found);
}
const text = recordsText(records);
await writeFile(json, text);
const { markdown, pictures } = resultsPage(await readRecords(json));
await writeFile(page, markdown);
for (const [name, svg] of pictures) await writeFile(path.join(path.dirname(page), name), svg);
console.error(`${values.write}: ${records.length} runs, ${text.length} bytes beside it`);
