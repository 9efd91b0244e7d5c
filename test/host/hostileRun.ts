/** A run folder as somebody else's repository could bring it: names that are code, links that lead out, a broken log. */
import { appendFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Sets `window.pwned` wherever a name is taken for HTML. */
export const evilName =
  '<img src=x onerror="window.pwned=1;top.pwned=1">[x](command:workbench.action.quit)';

/** Makes one below `folder/.manticore/runs` out of a run that was made in order. */
export async function layHostileRun(folder: string, model: string): Promise<string> {
  const dir = path.join(folder, '.manticore', 'runs', '20260101-000000-evil');
  await mkdir(path.dirname(dir), { recursive: true });
  await cp(model, dir, { recursive: true });
  for (const name of ['plan.json', 'events.jsonl']) await rename(path.join(dir, name));
  await poison(path.join(dir, 'events.jsonl'));
  return dir;
}

/** Gives a component the name that is code, wherever a file names it. */
async function rename(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll('"neox"', JSON.stringify(evilName)));
}

async function poison(log: string): Promise<void> {
  const lines = [
    // No event at all, an event with a name that is code, half a line.
    'this is no JSON',
    JSON.stringify({
      type: 'warning',
      seq: 1_000_000,
      time: '2026-01-01T00:00:00.000Z',
      code: evilName,
      message: evilName,
    }),
    '{"type":"step","seq":1000001,',
  ];
  await appendFile(log, lines.join('\n'));
}

/** A run folder whose parts are links out of it. */
export async function layLinkedRun(folder: string, secret: string): Promise<string> {
  const dir = path.join(folder, '.manticore', 'runs', '20260101-000001-links');
  await mkdir(dir, { recursive: true });
  await writeFile(secret, 'a secret that no panel may show\n');
  for (const name of ['run.json', 'events.jsonl', 'plan.json', 'compute.log']) {
    await symlink(secret, path.join(dir, name));
  }
  return dir;
}
