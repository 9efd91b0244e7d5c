/** Completion: everything that may be written at the caret, in whole and in half-typed configs. */
import type { CheckedConfig } from '../checkConfig';
import { MAX_TEXT } from '../configDocument';
import { configSchema } from '../schema';
import { schemasAt } from '../schemaWalk';
import { caretAt, type Caret } from './caret';
import { keyCompletions } from './completionKeys';
import type { Completion, CompletionPlaces, CompletionScene } from './completionTypes';
import { itemCompletions, valueCompletions } from './completionValues';
import { componentNames } from './entries';
import { SWEEP } from '../sweep';
import { sweepCompletions } from './completionSweep';
import { structureOf } from './structure';

export type { Completion, CompletionPlaces };

/** Never throws or rejects. */
export async function completionsAt(
  checked: CheckedConfig,
  offset: number,
  places: CompletionPlaces,
): Promise<readonly Completion[]> {
  const { document } = checked;
  const { text } = document;
  if (text.length > MAX_TEXT || offset < 0 || offset > text.length) return [];
  const caret = caretAt(text, offset);
  if (!caret) return [];
  const depths = checked.plan?.components.map(({ layers }) => layers) ?? [];
  const scene: CompletionScene = {
    document,
    caret,
    components: namesIn(checked, caret),
    mostBlocks: depths.length > 0 ? Math.min(...depths) : undefined,
    places,
  };
  if (caret.path[0] === SWEEP) return sweepCompletions(scene);
  switch (caret.role) {
    case 'key':
      return takesKeys(caret) ? keyCompletions(scene) : valueOnItsOwnLine(scene);
    case 'item':
      return itemCompletions(scene);
    case 'value':
      return valueCompletions(scene);
  }
}

/** Whether a mapping may stand at the caret's path. */
function takesKeys({ path, isNew }: Caret): boolean {
  if (!isNew || path.length === 0) return true;
  return schemasAt(configSchema, path).some(({ _zod }) =>
    ['object', 'record', 'unknown'].includes(_zod.def.type),
  );
}

/** `algorithm:` or `prune:`, a line end, and the caret deeper than the key. */
async function valueOnItsOwnLine(scene: CompletionScene): Promise<readonly Completion[]> {
  const value: CompletionScene = { ...scene, caret: { ...scene.caret, role: 'value' } };
  const items = itemCompletions(scene).map((item) => ({
    ...item,
    edit: { ...item.edit, text: `- ${item.edit.text}` },
  }));
  return [...items, ...(await valueCompletions(value))];
}

/** Names that the language takes, as the text has them; where it is no YAML at all, as its words tell. */
function namesIn({ document }: CheckedConfig, caret: Caret): readonly string[] {
  const known = componentNames(document);
  const written =
    known.length > 0
      ? known
      : structureOf(document.text)
          .keys.filter(({ parent }) => parent.length === 1 && parent[0] === 'components')
          .map(({ name }) => name);
  const isBeingTyped = (name: string) =>
    caret.path.length === 1 &&
    caret.path[0] === 'components' &&
    name === document.text.slice(caret.word.start, caret.word.end);
  return [...new Set(written)].filter(
    (name) => configSchema.shape.components.keyType.safeParse(name).success && !isBeingTyped(name),
  );
}
