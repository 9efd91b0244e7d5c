/** Refactorings: edits that a user asks for where the caret stands. */
import type { TextEdit, TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { configSchema } from '../schema';
import { blockCount } from './blocks';
import { componentNames, dataAt, entriesOf, fits } from './entries';
import { blockEdit } from './mixtureEdit';
import { writtenState, type BlockState } from './mixtureState';
import { writeOutBlocks } from './writeOut';

export interface Refactoring {
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

/** Those that fit what `span` touches. */
export function refactorings(checked: CheckedConfig, span: TextSpan): readonly Refactoring[] {
  const writeOut = writeOutBlocks(checked, span);
  return [
    ...blockActions(checked, span),
    ...(writeOut ? [writeOut] : []),
    ...severalSeeds(checked, span),
  ];
}

/** Most components that are offered for a block. */
const MAX_COMPONENTS = 6;

function blockActions(checked: CheckedConfig, span: TextSpan): readonly Refactoring[] {
  const { document } = checked;
  const block = blockTouched(checked, span);
  if (block === undefined) return [];
  const { pin, prune } = writtenState(document, block);
  const names = componentNames(document).filter(
    (name) => configSchema.shape.components.keyType.safeParse(name).success,
  );
  const live = names.filter((name) => !prune.includes(name));
  const wanted: [title: string, state: BlockState][] = [];
  for (const name of names.slice(0, MAX_COMPONENTS)) {
    if (pin && Object.hasOwn(pin, name) && pin[name] === 1) continue;
    const others = prune.filter((other) => other !== name);
    const state = { pin: Object.fromEntries([[name, 1]]), prune: others };
    wanted.push([`Pin block ${block} to ${name}`, state]);
  }
  if (pin) wanted.push([`Remove the pin of block ${block}`, { pin: undefined, prune }]);
  for (const name of pin || live.length < 2 ? [] : live.slice(0, MAX_COMPONENTS)) {
    wanted.push([`Prune ${name} from block ${block}`, { pin, prune: [...prune, name] }]);
  }
  return wanted.flatMap(([title, state]) => {
    const edits = blockEdit(document, block, state);
    return edits && edits.length > 0 ? [{ title, edits }] : [];
  });
}

/** The one block whose entry the span lies in. */
function blockTouched(checked: CheckedConfig, { start, end }: TextSpan): number | undefined {
  const entry = entriesOf(checked.document).find(
    ({ path, through, span }) =>
      !through && fits(path, ['hybrid', 'mixture', '*']) && span.start <= start && end <= span.end,
  );
  const block = Number(entry?.path[2]);
  const count = blockCount(checked);
  return count !== undefined && Number.isInteger(block) && block >= 1 && block <= count
    ? block
    : undefined;
}

/** `seed: 7` as `seeds: [7, 8, 9]`: the whole search three times, for a spread. */
function severalSeeds(checked: CheckedConfig, { start, end }: TextSpan): readonly Refactoring[] {
  const { data } = checked.document;
  const seed = dataAt(data, ['search', 'seed']);
  const entry = entriesOf(checked.document).find(
    ({ path, through }) => !through && fits(path, ['search', 'seed']),
  );
  const isWritten = dataAt(data, ['search', 'seeds']) !== undefined;
  if (!entry?.key || isWritten || typeof seed !== 'number' || !Number.isSafeInteger(seed + 2)) {
    return [];
  }
  if (seed < 0 || start < entry.span.start || end > entry.span.end) return [];
  const edits = [
    { span: entry.key, text: 'seeds' },
    { span: entry.value, text: `[${seed}, ${seed + 1}, ${seed + 2}]` },
  ];
  return [{ title: 'Repeat the search with three seeds', edits }];
}
