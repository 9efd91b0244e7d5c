/** Checks of `sweep` itself: its keys, its lists, its size. What a value does to a config is asked of the cells. */
import type { Problem } from '../contract/problem';
import type { SweepAxis } from '../contract/sweep';
import { shown, type ConfigDocument, type Path } from './configDocument';
import { keyFault } from './override';
import { spanOf } from './schemaProblems';
import { axesOf, cellCount, isSweepable, MAX_CELLS, SWEEP, valueText } from './sweep';

type Found = Pick<Problem, 'code' | 'message'> & { readonly fix?: string };

export function gridProblems(document: ConfigDocument): readonly Problem[] {
  const problems: Problem[] = [];
  const add = (path: Path, part: 'key' | 'value', { fix, ...found }: Found): void => {
    const span = spanOf(document, path, part);
    const fixes = fix === undefined ? undefined : [fixOf(span, fix)];
    problems.push({ severity: 'error', span, ...found, ...(fixes ? { fixes } : {}) });
  };
  const written = (document.data as Record<string, unknown>)[SWEEP];
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    add([SWEEP], 'key', noKeys);
    return problems;
  }
  const entries = Object.entries(written);
  if (entries.length === 0) add([SWEEP], 'key', noKeys);
  for (const [key, values] of entries) {
    const path = [SWEEP, key];
    if (!isSweepable(key)) {
      add(path, 'key', unknownKey(key));
      continue;
    }
    const outer = entries.map(([other]) => other).find((other) => key.startsWith(`${other}.`));
    if (outer !== undefined) add(path, 'key', overlap(key, outer));
    if (!Array.isArray(values)) {
      add(path, 'value', noList(key, values));
    } else if (values.length === 0) {
      add(path, 'value', {
        code: 'sweep-empty',
        message: `\`${shown(key)}\` has no value to sweep over: list at least one, or delete the key.`,
      });
    } else {
      for (const [place, value] of twice(values)) {
        add([...path, String(place)], 'value', {
          code: 'sweep-duplicate',
          message: `\`${shown(valueText(value))}\` is listed twice, and the same run twice says nothing more: delete one.`,
        });
      }
    }
  }
  const count = cellCount(axesOf(document));
  if (count > MAX_CELLS) add([SWEEP], 'key', tooMany(axesOf(document), count));
  return problems;
}

const noKeys: Found = {
  code: 'sweep-empty',
  message:
    '`sweep` needs keys with lists of values, such as `search.learningRate: [1e-4, 5e-4]`: one run is made for each combination.',
};

const fixOf = (span: Problem['span'], text: string) => ({
  title: `Change to ${text}`,
  edits: [{ span, text }],
});

function unknownKey(key: string): Found {
  const fault = keyFault(key);
  if (!fault) {
    return {
      code: 'not-sweepable',
      message: `\`${shown(key)}\` can’t be swept over: every cell is a config of the same format, without a sweep of its own.`,
    };
  }
  const { name, nearest } = fault;
  const parts = key.split('.');
  const whole = parts.map((part) => (part === name ? nearest : part)).join('.');
  const hint = nearest
    ? `Did you mean \`${whole}\`?`
    : 'Write the path of a key with dots, such as `search.learningRate`.';
  return {
    code: 'unknown-key',
    message: `There is no key \`${shown(name)}\`${parts.length > 1 ? ` in \`${shown(key)}\`` : ''}. ${hint}`,
    ...(nearest ? { fix: whole } : {}),
  };
}

const overlap = (key: string, outer: string): Found => ({
  code: 'sweep-overlap',
  message: `\`${shown(key)}\` is a part of \`${shown(outer)}\`, which is swept over too: which of them would hold can’t be told. Keep one.`,
});

function noList(key: string, value: unknown): Found {
  const text = typeof value === 'object' || value === undefined ? undefined : valueText(value);
  const isPlain = text !== undefined && /^[\w.+-]+$/.test(text);
  return {
    code: 'sweep-list',
    message: `\`${shown(key)}\` is swept over a list: write \`[${shown(text ?? '…')}, …]\`.`,
    ...(isPlain ? { fix: `[${text}]` } : {}),
  };
}

function twice(values: readonly unknown[]): readonly (readonly [place: number, value: unknown])[] {
  const seen = new Set<string>();
  return values.flatMap((value, place) => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return [];
    if (seen.has(text)) return [[place, value] as const];
    seen.add(text);
    return [];
  });
}

function tooMany(axes: readonly SweepAxis[], count: number): Found {
  const product = axes.map(({ values }) => values.length).join(' × ');
  return {
    code: 'sweep-too-large',
    message: `This sweep has ${product} = ${count} cells, more than ${MAX_CELLS}: take fewer values, or split it into several configs.`,
  };
}
