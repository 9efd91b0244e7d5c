/** Configs with the caret marked in the text, `co|mponents: {}`, for tests of the editor's features. */
import assert from 'node:assert/strict';
import type { TextEdit } from '../../../server/contract/problem';
import { checkConfig, type CheckedConfig } from '../../../server/language/checkConfig';
import { completionsAt } from '../../../server/language/editor/completion';
import type { Completion, CompletionPlaces } from '../../../server/language/editor/completionTypes';
import { fakeReader, quickDisk, type FakeDisk } from '../fakeReader';

/** Takes the one `|` out. */
export function uncaret(marked: string): { text: string; offset: number } {
  const [before, after, ...more] = marked.split('|');
  assert.ok(after !== undefined && more.length === 0, 'mark one place');
  return { text: before! + after, offset: before!.length };
}

export function check(text: string, disk: FakeDisk = quickDisk): Promise<CheckedConfig> {
  return checkConfig(text, { name: 'test', base: '/base', reader: fakeReader(disk) });
}

/** The checked text, and where its one `|` was. */
export async function scene(
  marked: string,
  disk: FakeDisk = quickDisk,
): Promise<{ checked: CheckedConfig; text: string; offset: number }> {
  const { text, offset } = uncaret(marked);
  return { checked: await check(text, disk), text, offset };
}

export const noPlaces: CompletionPlaces = {
  folders: () => Promise.resolve([]),
  files: () => Promise.resolve([]),
  hubModels: () => Promise.resolve([]),
};

/** A folder with two models, a folder, two files, and one model in the hub's cache. */
export const somePlaces: CompletionPlaces = {
  folders: (relative) =>
    Promise.resolve(
      relative === './models/'
        ? [
            { name: 'tiny-neox', isModel: true },
            { name: 'tiny mamba', isModel: true },
          ]
        : relative === '' || relative === './'
          ? [{ name: 'models', isModel: false }]
          : [],
    ),
  files: (relative) => Promise.resolve(relative === './data/' ? ['train.txt', 'train.jsonl'] : []),
  hubModels: () => Promise.resolve([{ id: 'EleutherAI/pythia-160m' }]),
};

export async function complete(
  marked: string,
  places: CompletionPlaces = noPlaces,
): Promise<readonly Completion[]> {
  const { checked, offset } = await scene(marked);
  return completionsAt(checked, offset, places);
}

/** The labels that are offered, snippets left out. */
export async function labels(
  marked: string,
  places: CompletionPlaces = noPlaces,
): Promise<readonly string[]> {
  const found = await complete(marked, places);
  return found.filter(({ kind }) => kind !== 'snippet').map(({ label }) => label);
}

/** The text after taking the completion with this label, the snippet's marks still in it. */
export async function taken(
  marked: string,
  label: string,
  places: CompletionPlaces = noPlaces,
): Promise<string> {
  const found = (await complete(marked, places)).find((completion) => completion.label === label);
  assert.ok(found, `${label} is not offered`);
  return edited(uncaret(marked).text, [found.edit]);
}

/** Applies edits that must lie in the text, in order, without overlap. */
export function edited(text: string, edits: readonly TextEdit[]): string {
  let at = 0;
  let result = '';
  for (const { span, text: piece } of edits) {
    assert.ok(at <= span.start && span.start <= span.end && span.end <= text.length);
    result += text.slice(at, span.start) + piece;
    at = span.end;
  }
  return result + text.slice(at);
}
